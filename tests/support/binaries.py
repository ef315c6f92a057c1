"""Programs of Debian that tests run: their paths, or a skip that says what to install."""

import shutil

from support.absent import absent

_PACKAGES = {
    "prometheus": "prometheus",
    "promtool": "prometheus",
    "prometheus-alertmanager": "prometheus-alertmanager",
    "amtool": "prometheus-alertmanager",
}


def binary(name: str) -> str:
    """The path of a program."""
    found = shutil.which(name)
    if found is None:
        absent(f"no {name}: apt-get install {_PACKAGES[name]}")
    return found

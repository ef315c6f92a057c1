"""Programs of Debian that tests run: their paths, or a skip that says what to install."""

import os
import shutil

import pytest

_PACKAGES = {
    "prometheus": "prometheus",
    "promtool": "prometheus",
    "prometheus-alertmanager": "prometheus-alertmanager",
    "amtool": "prometheus-alertmanager",
}


def binary(name: str) -> str:
    """The path of a program. Without it the test is skipped, or fails where REQUIRE_REAL asks for all of them."""
    found = shutil.which(name)
    if found is None:
        message = f"no {name}: apt-get install {_PACKAGES[name]}"
        if os.environ.get("REQUIRE_REAL") == "1":
            pytest.fail(message)
        pytest.skip(message)
    return found

"""The project's images: built once a run, and run as containers are, by the scripts of deploy/images."""

import json
import os
import shutil
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psutil
from packageurl import PackageURL

from support.absent import absent
from support.services import RunningService, running_program

ROOT = Path(__file__).parents[2]
IMAGES = ROOT / "deploy" / "images"
TARGETS = ("intake", "processing", "metrics", "tools")
USER = 10001
# Beside what the user of this machine has built.
_TAG = ("--tag", "test")


def build_images(output: Path) -> None:
    """Build all images; their bills of materials go to `output`. The first time in a minute or two, later in seconds:
    what didn't change is kept in the user's cache."""
    missing = [name for name in ("buildah", "debootstrap") if shutil.which(name) is None]
    reason = f"images need: apt-get install {' '.join(missing)}" if missing else ""
    if os.geteuid() != 0:
        reason = "where there is no container engine, only root can build images"
    if reason:
        absent(reason)
    built = subprocess.run(
        [IMAGES / "build.sh", *_TAG, "--output", output, *TARGETS], capture_output=True, text=True, check=False
    )
    assert built.returncode == 0, built.stderr


def run_image(
    target: str, *command: str, env: Mapping[str, str] | None = None, volumes: Sequence[str] = ()
) -> "subprocess.CompletedProcess[str]":
    """Run the image to its end, its own command or this one."""
    return subprocess.run(
        _command(target, *command, env=env, volumes=volumes), capture_output=True, text=True, check=False, timeout=240
    )


@contextmanager
def running_image(
    target: str, *, env: Mapping[str, str], ready: str, volumes: Sequence[str] = ()
) -> Iterator[RunningService]:
    """Run the image's own command until the block ends, which begins when `ready` (a URL) answers 200."""
    with running_program(target, _command(target, env=env, volumes=volumes), {}, ready=ready, ready_within=90) as found:
        yield found


def container_process(service: RunningService, module: str) -> psutil.Process:
    """The process of a running image that runs `python -m <module>`, as the machine sees it."""
    [found] = [
        process
        for process in psutil.Process(service.pid).children(recursive=True)
        if process.cmdline()[1:] == ["-m", module]
    ]
    return found


def components(bills: Path, target: str) -> dict[str, str]:
    """Versions by kind and name: `pypi/msgspec`, `deb/tini`."""
    document: dict[str, Any] = json.loads((bills / f"qos-{target}.cdx.json").read_text("utf-8"))
    urls = [PackageURL.from_string(each["purl"]) for each in document["components"]]
    return {f"{url.type}/{url.name}": url.version or "" for url in urls}


def _command(
    target: str, *command: str, env: Mapping[str, str] | None = None, volumes: Sequence[str] = ()
) -> list[str]:
    options = [part for name, value in (env or {}).items() for part in ("--env", f"{name}={value}")]
    options += [part for volume in volumes for part in ("--volume", volume)]
    return [str(IMAGES / "run.sh"), *_TAG, *options, target, *command]

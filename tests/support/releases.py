"""Programs of another version than this one, beside it: a release as it was built, or this one with a change."""

import hashlib
import shutil
import subprocess
import sys
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from zipfile import ZipFile

from support.services import RunningService, running_service

RELEASES = Path(__file__).parents[1] / "releases"
LAST, LAST_REVISION = RELEASES / "0.1.0", "0005"
"""The release before this one (tests/releases/README.md), and the newest migration that it knows."""


@dataclass(frozen=True)
class Program:
    """Packages in a directory of their own, run with the dependencies of this environment. None: the present ones."""

    directory: Path | None = None

    @property
    def environment(self) -> dict[str, str]:
        return {} if self.directory is None else {"PYTHONPATH": str(self.directory)}

    def running(
        self, module: str, env: Mapping[str, str], *, arguments: Sequence[str] = (), ready: str | None = None
    ) -> AbstractContextManager[RunningService]:
        """As `running_service`."""
        given = {**env, **self.environment}
        return running_service(module, given, arguments=arguments, ready=ready, ready_within=90.0)

    def run(self, module: str, env: Mapping[str, str], *arguments: str, exit_code: int = 0) -> str:
        """What the module prints. Raises AssertionError with it when it ends with another exit code."""
        with self.running(module, env, arguments=arguments) as process:
            found = process.wait_for_exit(within=150)
            assert found == exit_code, f"{module} ended with {found}\n{process.logs()}"
            return process.logs()


PRESENT = Program()


def last_release(directory: Path) -> Program:
    """The wheels of the release before, unpacked. Raises AssertionError if they aren't what was built."""
    for line in (LAST / "SHA256SUMS").read_text("ascii").splitlines():
        digest, name = line.split()
        wheel = LAST / name
        assert hashlib.sha256(wheel.read_bytes()).hexdigest() == digest, f"{wheel} isn't what was built"
        with ZipFile(wheel) as archive:
            archive.extractall(directory)
    return _proven(directory)


def with_changes(directory: Path, packages: Sequence[str], changes: Mapping[str, Mapping[str, str]]) -> Program:
    """A copy of present packages in `directory`; in the files (`package/module.py`) one text stands for another.

    Raises AssertionError where a text isn't there.
    """
    for package in packages:
        [source] = import_module(package).__path__
        shutil.copytree(source, directory / package, ignore=shutil.ignore_patterns("__pycache__"))
    for name, replacements in changes.items():
        file = directory / name
        text = file.read_text("utf-8")
        for before, after in replacements.items():
            assert before in text, f"{name} has no {before!r}"
            text = text.replace(before, after)
        file.write_text(text, "utf-8")
    return _proven(directory)


def _proven(directory: Path) -> Program:
    """That its packages are those that run, and not the ones that are installed."""
    program = Program(directory)
    names = sorted(path.name for path in directory.iterdir() if (path / "__init__.py").exists())
    shown = "; ".join(["import sys", *(f"import {name}; print({name}.__file__)" for name in names)])
    out = subprocess.run(
        [sys.executable, "-c", shown], env=program.environment, capture_output=True, text=True, check=True, timeout=60
    ).stdout
    assert [Path(line).parent for line in out.splitlines()] == [directory / name for name in names]
    return program

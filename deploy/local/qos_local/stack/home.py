"""Where the local stack keeps things, and what it remembers between commands.

Everything that `qos reset` may delete is under the home (`.qos/`, or QOS_HOME); what was downloaded is in the user's
cache, so that a reset does not fetch it again.
"""

import fcntl
import json
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

import platformdirs

from qos_local.stack.errors import StackFailed


def cache_directory(environment: Mapping[str, str] = os.environ) -> Path:
    """Where downloads are kept: QOS_CACHE, or the user's cache directory."""
    chosen = environment.get("QOS_CACHE")
    return Path(chosen).expanduser() if chosen else platformdirs.user_cache_path("qos")


@dataclass(frozen=True, slots=True)
class ServiceRecord:
    """What a start leaves behind. `created` tells the process from a later one that was given the same pid."""

    pid: int
    created: float
    port: int


@dataclass(frozen=True, slots=True)
class Home:
    """The home's paths; nothing is created before it is needed."""

    root: Path

    @classmethod
    def from_environment(cls, environment: Mapping[str, str] = os.environ) -> "Home":
        return cls(Path(environment.get("QOS_HOME") or ".qos").expanduser().absolute())

    @property
    def env_file(self) -> Path:
        return self.root / "env"

    @property
    def kafka_data(self) -> Path:
        return self.root / "kafka"

    @property
    def postgres_data(self) -> Path:
        return self.root / "postgres"

    def log(self, service: str) -> Path:
        return self.root / f"{service}.log"

    def record(self, service: str) -> ServiceRecord | None:
        """What the last start of a service left, or None; a file that can't be read counts as none."""
        try:
            return ServiceRecord(**json.loads(self._record_file(service).read_text(encoding="utf-8")))
        except (FileNotFoundError, ValueError, TypeError):
            return None

    def remember(self, service: str, record: ServiceRecord) -> None:
        write_atomically(self._record_file(service), json.dumps(asdict(record)) + "\n")

    def forget(self, service: str) -> None:
        self._record_file(service).unlink(missing_ok=True)

    @contextmanager
    def lock(self) -> Iterator[None]:
        """Hold the home for a command that changes it. Raises StackFailed when another command is at it."""
        self.root.mkdir(parents=True, exist_ok=True)
        # Opened for the lock alone; the kernel releases it when this process ends, however it ends.
        with (self.root / "lock").open("w") as handle:
            try:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                raise StackFailed(
                    service="stack",
                    problem=f"another qos command is working on {self.root}",
                    remedy="wait until it ends, or set QOS_HOME to another directory",
                ) from None
            yield

    def _record_file(self, service: str) -> Path:
        return self.root / f"{service}.pid"


def write_atomically(path: Path, text: str, *, mode: int = 0o644) -> None:
    """Write a file so that a reader sees the old or the new one, whole; `mode` holds from its first byte."""
    path.parent.mkdir(parents=True, exist_ok=True)
    new = path.with_name(f".{path.name}.{os.getpid()}")
    new.unlink(missing_ok=True)
    with os.fdopen(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode), "w", encoding="utf-8") as handle:
        handle.write(text)
    new.replace(path)


def read_env_file(path: Path) -> dict[str, str]:
    """NAME=value lines, as `.qos/env` has them; an absent file is empty."""
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except FileNotFoundError:
        return {}
    pairs = (line.split("=", 1) for line in lines if "=" in line and not line.startswith("#"))
    return {name.strip(): value.strip() for name, value in pairs}


def tail(path: Path, lines: int = 20) -> str:
    """The last lines of a log; empty when there is none."""
    try:
        text = path.read_text(encoding="utf-8", errors="replace")
    except FileNotFoundError:
        return ""
    return "\n".join(text.splitlines()[-lines:])

"""Kafka's jars: exactly those of the lock file, byte by byte, downloaded once into the user's cache."""

import hashlib
import shutil
import tempfile
from collections.abc import Callable
from contextlib import AbstractContextManager
from importlib.resources import as_file, files
from pathlib import Path
from typing import Protocol

import requests
from jgo.env import LockedDependency, LockFile
from jgo.maven import MavenContext, PythonResolver

from qos_local.stack.errors import StackFailed


class Progress(Protocol):
    """Is told of downloads."""

    def begin(self, files: int) -> None:
        """So many files will be downloaded, one after the other."""

    def file(self, name: str, size: int) -> AbstractContextManager[Callable[[int], None]]:
        """A file of `size` bytes arrives while the context lasts; its value is told of each number of bytes."""


KAFKA_VERSION = "4.3.1"
COORDINATES = (
    f"org.apache.kafka:kafka_2.13:{KAFKA_VERSION}",
    # Named, or an older one that a dependency asks for would be taken.
    f"org.apache.kafka:kafka-clients:{KAFKA_VERSION}",
    "org.apache.logging.log4j:log4j-slf4j2-impl:2.25.3",
)
_DOWNLOAD_TIMEOUT_SECONDS = 60
_ATTEMPTS = 3


def locked_jars() -> list[LockedDependency]:
    """What the committed lock file pins: each jar with its version and SHA-256."""
    with as_file(files("qos_local.stack") / "kafka.lock.toml") as path:
        return list(LockFile.load(path).dependencies)


def jar_name(dependency: LockedDependency) -> str:
    return f"{dependency.artifactId}-{dependency.version}.{dependency.packaging}"


def jar_directory(cache: Path) -> Path:
    return cache / f"kafka-{KAFKA_VERSION}"


def ensure_jars(cache: Path, *, progress: Progress | None = None) -> Path:
    """The directory that holds Kafka's jars, all verified against the lock; downloads what is missing or damaged.

    Raises StackFailed when a jar can't be had or isn't the one that was locked.
    """
    target = jar_directory(cache)
    target.mkdir(parents=True, exist_ok=True)
    wanted = [dependency for dependency in locked_jars() if not _is_locked_one(target, dependency)]
    if wanted:
        if progress is not None:
            progress.begin(len(wanted))
        # Beside the target, so that a finished jar is moved in whole: an interrupted download leaves no half one.
        with tempfile.TemporaryDirectory(prefix="download-", dir=cache) as staging:
            context = MavenContext(
                resolver=PythonResolver(progress_callback=progress.file if progress is not None else None),
                repo_cache=Path(staging),
                timeout=_DOWNLOAD_TIMEOUT_SECONDS,
            )
            for dependency in wanted:
                _download(context, dependency).replace(target / jar_name(dependency))
    return target


def classpath(directory: Path) -> str:
    """The class path in the lock file's order; nothing else that may lie in the directory is on it."""
    return ":".join(str(directory / jar_name(dependency)) for dependency in locked_jars())


def _is_locked_one(directory: Path, dependency: LockedDependency) -> bool:
    try:
        with (directory / jar_name(dependency)).open("rb") as handle:
            return hashlib.file_digest(handle, "sha256").hexdigest() == dependency.sha256
    except FileNotFoundError:
        return False


def _download(context: MavenContext, dependency: LockedDependency) -> Path:
    coordinate = f"{dependency.groupId}:{dependency.artifactId}:{dependency.version}"
    problem = ""
    for _ in range(_ATTEMPTS):
        artifact = context.create_dependency(coordinate).artifact
        try:
            path: Path = artifact.resolve()
        except (requests.RequestException, RuntimeError, OSError) as error:
            problem = f"{coordinate} can't be downloaded: {type(error).__name__}"
            if artifact.cached_path is not None:
                artifact.cached_path.unlink(missing_ok=True)
            continue
        with path.open("rb") as handle:
            found = hashlib.file_digest(handle, "sha256").hexdigest()
        if found == dependency.sha256:
            return path
        shutil.rmtree(path.parent)
        problem = f"{coordinate} isn't the file that was locked: SHA-256 {found}, wanted {dependency.sha256}"
    raise StackFailed(
        service="kafka", problem=problem, remedy="check the connection to your Maven repository, then try again"
    )

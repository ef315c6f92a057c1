"""Kafka's jars are those of the lock file; nothing else gets on the class path."""

from pathlib import Path

import pytest
from jgo.env import LockedDependency

from qos_local.stack import jars
from qos_local.stack.errors import StackFailed
from qos_local.stack.jars import COORDINATES, classpath, ensure_jars, jar_directory, jar_name, locked_jars


def test_the_lock_pins_every_jar_with_its_hash_and_names_what_was_asked_for() -> None:
    locked = locked_jars()
    pinned = {f"{jar.groupId}:{jar.artifactId}:{jar.version}" for jar in locked}
    assert set(COORDINATES) <= pinned
    assert all(jar.sha256 and len(jar.sha256) == 64 for jar in locked)
    assert len({jar.artifactId for jar in locked}) == len(locked), "two versions of one jar"
    kafka = {jar.version for jar in locked if jar.groupId == "org.apache.kafka"}
    assert kafka == {jars.KAFKA_VERSION}


def test_the_class_path_is_the_locks_and_nothing_else(tmp_path: Path) -> None:
    (tmp_path / "intruder.jar").touch()
    assert classpath(tmp_path).split(":") == [str(tmp_path / jar_name(jar)) for jar in locked_jars()]


class Downloads:
    """Stands for the repository: gives the content that a test wants it to give."""

    def __init__(self, content: bytes) -> None:
        self.content = content
        self.asked = 0

    def resolve(self, repository: Path) -> Path:
        self.asked += 1
        path = repository / "group" / "artifact.jar"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(self.content)
        return path


@pytest.fixture
def one_jar(monkeypatch: pytest.MonkeyPatch) -> LockedDependency:
    sha256 = "2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824"  # of b"hello"
    jar = LockedDependency(groupId="org.example", artifactId="greeting", version="1.0", sha256=sha256)
    monkeypatch.setattr(jars, "locked_jars", lambda: [jar])
    return jar


def offer(monkeypatch: pytest.MonkeyPatch, content: bytes) -> Downloads:
    downloads = Downloads(content)

    class Artifact:
        def __init__(self, context: jars.MavenContext) -> None:
            self.context = context
            self.artifact = self
            self.cached_path: Path | None = None

        def resolve(self) -> Path:
            return downloads.resolve(self.context.repo_cache)

    monkeypatch.setattr(jars.MavenContext, "create_dependency", lambda context, _coordinate: Artifact(context))
    return downloads


def test_a_jar_is_downloaded_once_and_again_when_it_was_damaged(
    tmp_path: Path, one_jar: LockedDependency, monkeypatch: pytest.MonkeyPatch
) -> None:
    downloads = offer(monkeypatch, b"hello")
    path = ensure_jars(tmp_path) / jar_name(one_jar)
    assert path.read_bytes() == b"hello"
    ensure_jars(tmp_path)
    assert downloads.asked == 1
    path.write_bytes(b"hel")
    ensure_jars(tmp_path)
    assert path.read_bytes() == b"hello"
    assert downloads.asked == 2
    assert [entry.name for entry in tmp_path.iterdir()] == [jar_directory(tmp_path).name], "nothing is left over"


@pytest.mark.usefixtures("one_jar")
def test_another_file_under_the_same_name_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    offer(monkeypatch, b"something else")
    with pytest.raises(StackFailed, match="isn't the file that was locked"):
        ensure_jars(tmp_path)
    assert list(jar_directory(tmp_path).iterdir()) == []


@pytest.mark.usefixtures("one_jar")
def test_a_repository_that_is_away_is_told_in_a_sentence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(self: Downloads, repository: Path) -> Path:
        raise OSError(f"no network for {repository} {self}")

    monkeypatch.setattr(Downloads, "resolve", refuse)
    offer(monkeypatch, b"")
    with pytest.raises(StackFailed, match=r"org\.example:greeting:1\.0 can't be downloaded"):
        ensure_jars(tmp_path)

"""Resolve Kafka's jars anew and write the lock file: `python -m qos_local.stack.lock` after a change of version."""

import tempfile
from pathlib import Path

from jgo.env import LockFile
from jgo.maven import MavenContext

from qos_local.stack.jars import COORDINATES

LOCK_FILE = Path(__file__).with_name("kafka.lock.toml")


def resolve(repository: Path) -> LockFile:
    """Kafka's jars with all they need at run time, as the resolver chooses them today."""
    context = MavenContext(repo_cache=repository, timeout=60)
    named, transitive = context.resolver.resolve([context.create_dependency(one) for one in COORDINATES])
    return LockFile.from_resolved_dependencies([*named, *transitive], environment_name="kafka")


def main() -> None:
    with tempfile.TemporaryDirectory() as repository:
        resolve(Path(repository)).save(LOCK_FILE)


if __name__ == "__main__":
    main()

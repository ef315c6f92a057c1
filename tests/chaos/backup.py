"""The database is restored from a backup: it knows less than Kafka's committed offsets say, and than readers do."""

import asyncio
import os
import shutil
import subprocess
from pathlib import Path
from random import Random
from time import monotonic
from urllib.parse import urlsplit

from chaos.fault import Fault, Part
from chaos.ground import Ground
from qos_local.stack.postgres_binaries import account, prepare_data_directory, programs, remove_data_directory
from qos_local.stack.processes import run_as


class Backup:
    """A base backup of a running server, with the write-ahead log that makes it whole (`pg_basebackup`)."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory

    @classmethod
    async def take(cls, ground: Ground) -> "Backup":
        """Back up while the system lives. Raises AssertionError with what the program says when it can't."""
        made = cls(ground.home.root / "backup")
        await asyncio.to_thread(made._take, ground.database_url)
        return made

    async def restore(self, ground: Ground) -> None:
        """Stop the server, put the backup in the place of its data, and start it. The backup is used up."""
        await ground.stop_postgres()
        await asyncio.to_thread(self._put, ground.home.postgres_data.resolve())
        await ground.start_postgres()

    def _take(self, database_url: str) -> None:
        user = account()
        remove_data_directory(self._directory)
        prepare_data_directory(self._directory, user)
        server = urlsplit(database_url)
        command = [
            str(programs(user) / "pg_basebackup"),
            *("--host", str(server.hostname), "--port", str(server.port), "--username", str(server.username)),
            *("--pgdata", str(self._directory.resolve()), "--wal-method", "stream", "--checkpoint", "fast"),
            *("--no-sync", "--no-password"),
        ]
        environment = {"PATH": os.environ.get("PATH", ""), "LC_ALL": "C", "PGPASSWORD": server.password or ""}
        made = subprocess.run(
            command, env=environment, cwd="/", capture_output=True, text=True, check=False, timeout=120, **run_as(user)
        )
        assert made.returncode == 0, f"pg_basebackup ended with {made.returncode}: {made.stderr.strip()}"

    def _put(self, data: Path) -> None:
        for entry in data.iterdir():
            if entry.is_dir() and not entry.is_symlink():
                shutil.rmtree(entry)
            else:
                entry.unlink()
        for entry in self._directory.resolve().iterdir():
            shutil.move(entry, data / entry.name)
        remove_data_directory(self._directory)


class _SetBack(Fault):
    """Workers live through it: what they remember is of a database that is no more."""

    name = "postgres-set-back"
    summary = "PostgreSQL is restored from a base backup taken some seconds before"
    parts: frozenset[Part] = frozenset({"postgres"})

    async def inject(self, ground: Ground, dice: Random) -> float:
        backup = await Backup.take(ground)
        await asyncio.sleep(dice.uniform(2.0, 10.0))
        await backup.restore(ground)
        return monotonic()


FAULTS: tuple[Fault, ...] = (_SetBack(),)

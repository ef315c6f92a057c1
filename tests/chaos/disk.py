"""A disk that is full: the data of a server on a file system of a few megabytes, which is made larger again later."""

import asyncio
import os
import shutil
import subprocess
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from random import Random
from time import monotonic

import asyncpg

from chaos.fault import Fault, Part
from chaos.ground import Ground
from qos_runtime.postgres import DatabaseError
from support.eventually import eventually

_ROOM = 1 << 30
_LEFT = 64 << 10
_FULL_SECONDS = 8.0


class SmallDisk:
    """A file system in memory in the place of a directory, with all that is in it. The directory's server is stopped
    when it comes and when it goes.
    """

    def __init__(self, directory: Path) -> None:
        self._directory = directory

    def mount(self) -> None:
        """Raises AssertionError where this account may not mount."""
        aside = self._aside()
        self._directory.rename(aside)
        self._directory.mkdir()
        try:
            _as_root("mount", "-t", "tmpfs", "-o", f"size={_ROOM},mode=0755", "tmpfs", str(self._directory))
        except AssertionError:
            self._directory.rmdir()
            aside.rename(self._directory)
            raise
        self._copy(aside, self._directory)
        shutil.rmtree(aside)

    def unmount(self) -> None:
        """Its content stays, on the disk that it was on before."""
        aside = self._aside()
        aside.mkdir()
        self._copy(self._directory, aside)
        _as_root("umount", str(self._directory))
        self._directory.rmdir()
        aside.rename(self._directory)

    def fill(self) -> None:
        """Leave no room but for a few pages."""
        found = os.statvfs(self._directory)
        self._resize((found.f_blocks - found.f_bfree) * found.f_frsize + _LEFT)

    def make_room(self) -> None:
        self._resize(_ROOM)

    def _resize(self, size: int) -> None:
        _as_root("mount", "-o", f"remount,size={size}", str(self._directory))

    def _aside(self) -> Path:
        return self._directory.with_name(f"{self._directory.name}.aside")

    @staticmethod
    def _copy(source: Path, target: Path) -> None:
        _as_root("cp", "--archive", f"{source}/.", str(target))


@asynccontextmanager
async def small_database_disk(ground: Ground) -> AsyncIterator[SmallDisk]:
    """PostgreSQL runs on a small disk while the block lasts."""
    disk = SmallDisk(ground.home.postgres_data.resolve())
    await ground.stop_postgres()
    await asyncio.to_thread(disk.mount)
    try:
        await ground.start_postgres()
        yield disk
    finally:
        await ground.stop_postgres()
        await asyncio.to_thread(disk.unmount)
    await ground.start_postgres()


async def refuses_to_grow(database_url: str) -> bool:
    """Whether the database has no room for a megabyte; True as well when it has gone down over it."""
    try:
        connection = await asyncpg.connect(database_url, timeout=5, command_timeout=10)
    except (TimeoutError, *DatabaseError):
        return True
    try:
        async with connection.transaction():
            await connection.execute("CREATE TABLE ballast (value text)")
            await connection.execute(
                "INSERT INTO ballast SELECT string_agg(md5(n::text || m::text), '') FROM generate_series(1, 32) AS n,"
                " generate_series(1, 1024) AS m GROUP BY n"
            )
            await connection.execute("DROP TABLE ballast")
    except (TimeoutError, *DatabaseError):
        return True
    finally:
        connection.terminate()
    return False


def _lacking() -> str | None:
    with tempfile.TemporaryDirectory() as directory:
        try:
            _as_root("mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", directory)
        except (AssertionError, OSError) as error:
            return f"the right to mount a file system: run as root, or allow `sudo mount` ({error})"
        _as_root("umount", directory)
    return None


class _DatabaseDiskFull(Fault):
    """Tables that can't grow are an error of a statement; a write-ahead log that can't, the end of the server."""

    name = "postgres-disk-full"
    summary = "the disk under PostgreSQL is full for some seconds; then there is room again"
    parts: frozenset[Part] = frozenset({"postgres"})

    def lacking(self) -> str | None:
        return _lacking()

    async def inject(self, ground: Ground, dice: Random) -> float:
        async with small_database_disk(ground) as disk:
            await asyncio.to_thread(disk.fill)
            await eventually(lambda: refuses_to_grow(ground.database_url), within=10)
            await asyncio.sleep(dice.uniform(2.0, _FULL_SECONDS))
            await asyncio.to_thread(disk.make_room)
            await ground.start_postgres()  # if it has gone down
        return monotonic()


def _as_root(*command: str) -> None:
    prefix = [] if os.geteuid() == 0 else ["sudo", "--non-interactive"]
    done = subprocess.run([*prefix, *command], capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"{' '.join(command)}: {done.stderr.strip()}"


FAULTS: tuple[Fault, ...] = (_DatabaseDiskFull(),)

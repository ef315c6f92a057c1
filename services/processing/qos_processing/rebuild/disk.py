"""Whether there is room for a second generation of tables, where that can be known."""

import asyncio
import shutil
from pathlib import Path

import asyncpg

from qos_processing.rebuild.generations import TABLES
from qos_processing.rebuild.refusals import TooLittleDisk
from qos_processing.transactions import Connection

# Tables and their indexes as they are now, and as much again of the sorts and the write-ahead log of building them.
_FACTOR = 1.5
_SIZE = "SELECT coalesce(sum(pg_total_relation_size(to_regclass(name))), 0)::bigint FROM unnest($1::text[]) AS name"
_SERVER = "SELECT current_setting('data_directory'), extract(epoch FROM pg_postmaster_start_time())::bigint"


async def require_room(connection: Connection, live: int, *, factor: float = _FACTOR) -> None:
    """Raises TooLittleDisk when there isn't room for `factor` times the live generation, or nobody can know."""
    names = [f"{table}_g{live}" for table in TABLES]
    needed = int(factor * await connection.fetchval(_SIZE, names))
    try:
        directory, started_at = await connection.fetchrow(_SERVER) or (None, 0)
    except asyncpg.InsufficientPrivilegeError:
        directory, started_at = None, 0
    free = None if directory is None else await asyncio.to_thread(_free_bytes, Path(directory), int(started_at))
    if free is None or free < needed:
        raise TooLittleDisk(needed_bytes=needed, free_bytes=free)


def _free_bytes(directory: Path, started_at: int) -> int | None:
    """None unless the server that was started then has its data here: a directory of that name is no proof."""
    try:
        lines = (directory / "postmaster.pid").read_text(encoding="utf-8").splitlines()
        here = abs(int(lines[2]) - started_at) <= 1
    except (OSError, ValueError, IndexError):
        return None
    return shutil.disk_usage(directory).free if here else None

"""Whether a database may be filled, and that nobody else fills it meanwhile."""

import asyncpg

from qos_processing.postgres import NoLiveGeneration
from qos_processing.rebuild import generations
from qos_processing.recover.refusals import NoSchema, NotEmpty
from qos_processing.transactions import Connection
from qos_runtime.logging import get_logger

log = get_logger(__name__)

# Rows in these are no results.
_OTHERS = ("alembic_version", "generations", "recoveries", "verifications")
_TABLES = """
    SELECT relname FROM pg_class
    WHERE relkind IN ('r', 'p') AND NOT relispartition AND relnamespace = 'public'::regnamespace
        AND relname <> ALL ($1::text[])
    ORDER BY relname
"""
_UNFINISHED = "SELECT EXISTS (SELECT FROM recoveries WHERE finished_at IS NULL)"
_FORMER = "SELECT max(generation) FROM generations WHERE status = 'old'"


async def begin(session: Connection) -> int:
    """Note that a recovery begins; from now on no generation is live and no worker can write. The number of the empty
    generation that was.

    What a recovery that was killed has left behind is deleted. Raises NotEmpty, NoSchema, TransientFailure.
    """
    try:
        unfinished = await session.fetchval(_UNFINISHED)
    except asyncpg.UndefinedTableError as error:
        raise NoSchema from error
    if unfinished:
        return await _clear(session)
    async with session.transaction():
        former = await generations.live_number(session)
        tables = await _tables(session)
        # Workers that write wait for this, and then find rows of a generation that isn't live.
        await session.execute(f"LOCK TABLE {', '.join(tables)} IN SHARE ROW EXCLUSIVE MODE")
        if filled := [name for name in tables if await _any(session, name)]:
            raise NotEmpty(filled)
        await session.execute("INSERT INTO recoveries DEFAULT VALUES")
        await session.execute("UPDATE generations SET status = 'old' WHERE generation = $1", former)
    return former


async def _clear(session: Connection) -> int:
    log.warning("unfinished_recovery_cleared")
    for left_over in await generations.of_status(session, "building"):
        await generations.drop(session, left_over)
    former = await session.fetchval(_FORMER)
    if former is None:
        raise NoLiveGeneration
    async with session.transaction():
        # What was published does not change: it stays as far as it was restored.
        tables = [name for name in await _tables(session) if not name.startswith("publication")]
        await session.execute(f"TRUNCATE {', '.join(tables)}")
        await session.execute("UPDATE recoveries SET started_at = now() WHERE finished_at IS NULL")
    return int(former)


async def _tables(session: Connection) -> list[str]:
    return [row[0] for row in await session.fetch(_TABLES, _OTHERS)]


async def _any(session: Connection, table: str) -> bool:
    return bool(await session.fetchval(f"SELECT EXISTS (SELECT FROM {table})"))  # noqa: S608 - a name of our own

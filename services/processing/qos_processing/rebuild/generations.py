"""The SQL of generations: made empty, filled by others, given their indexes, dropped. The live one is never touched."""

import asyncio
from collections.abc import Sequence

import asyncpg

from qos_domain.contributions import LOGIC_VERSION
from qos_domain.errors import TransientFailure
from qos_domain.events import INPUT_TOPICS
from qos_processing.log_shares import Share
from qos_processing.postgres import NoLiveGeneration, PartitionState
from qos_processing.rebuild.refusals import RebuildFailed
from qos_processing.transactions import Connection

TABLES = {
    "cases": "fillfactor = 80, toast_tuple_target = 8000",
    "day_buckets": "fillfactor = 70",
    "scope_buckets": "fillfactor = 70",
}
"""Those that have a partition for each generation, with its settings (as the first migration has them)."""

_ROWS = (
    "rebuild_shares",
    "scope_bucket_changes",
    "procedure_facts",
    "procedures",
    "rejudgements",
    "touched_procedures",
    "partition_offsets",
    "partition_state",
    "generations",
)

_LIVE = "SELECT generation FROM generations WHERE status = 'live'"
_OF_STATUS = "SELECT generation FROM generations WHERE status = $1 ORDER BY generation"
_BEGIN = """
    INSERT INTO generations (generation, status, logic_version)
    SELECT max(generation) + 1, 'building', $1 FROM generations RETURNING generation
"""
# The live generation gets rows for partition numbers of which nothing was processed yet: the swap locks them all.
_PARTITIONS = """
    WITH state AS (
        INSERT INTO partition_state (generation, partition, live, logic_version)
        SELECT generation, partition, status = 'live', logic_version
        FROM generations, generate_series(0, $1 - 1) AS partition WHERE status IN ('live', 'building')
        ON CONFLICT DO NOTHING
    )
    INSERT INTO partition_offsets (generation, partition, topic)
    SELECT generation, partition, topic
    FROM generations, generate_series(0, $1 - 1) AS partition, unnest($2::text[]) AS topic
    WHERE status IN ('live', 'building')
    ON CONFLICT DO NOTHING
"""
_LOCK = """
    SELECT generation, partition, logic_version, revision, registry_revision, outbox_seq
    FROM partition_state WHERE generation = $1 AND partition = $2 FOR UPDATE
"""
_LOCK_ALL = "SELECT partition FROM partition_state WHERE generation = $1 ORDER BY partition FOR UPDATE"
_OFFSETS = "SELECT topic, partition, next_offset FROM partition_offsets WHERE generation = $1"
_MOVE_OFFSETS = """
    UPDATE partition_offsets o SET next_offset = n.next_offset
    FROM unnest($2::int[], $3::text[], $4::bigint[]) AS n (partition, topic, next_offset)
    WHERE o.generation = $1 AND o.partition = n.partition AND o.topic = n.topic
"""
_SHARES = "INSERT INTO rebuild_shares (generation, partition, part, records_total) VALUES ($1, $2, $3, $4)"
_COUNTS = """
    SELECT coalesce(sum(cases), 0)::bigint, coalesce(sum(bucket_sum), 0)::bigint, coalesce(sum(refused), 0)::bigint,
        count(*) FILTER (WHERE NOT loaded)
    FROM rebuild_shares WHERE generation = $1
"""
_PROGRESS = """
    SELECT coalesce(sum(records_read), 0)::bigint, coalesce(sum(records_total), 0)::bigint
    FROM rebuild_shares WHERE generation = $1
"""
_LOCK_TIMEOUT = "SET LOCAL lock_timeout = '1s'"
_PATIENCE_ATTEMPTS = 60


async def live_number(session: Connection) -> int:
    """Raises NoLiveGeneration."""
    number = await session.fetchval(_LIVE)
    if number is None:
        raise NoLiveGeneration
    return int(number)


async def of_status(session: Connection, status: str) -> list[int]:
    return [row[0] for row in await session.fetch(_OF_STATUS, status)]


async def begin(session: Connection, partitions: int) -> int:
    """Make an empty generation of this program's logic; its number. Its tables aren't anybody else's to see yet."""
    async with session.transaction():
        number = int(await session.fetchval(_BEGIN, LOGIC_VERSION))
        await session.execute(_PARTITIONS, partitions, INPUT_TOPICS)
        await session.execute("DELETE FROM announced_during_rebuild")
        for table, settings in TABLES.items():
            await session.execute(
                f"CREATE TABLE {table}_g{number} (LIKE {table} INCLUDING DEFAULTS,"
                f" CONSTRAINT {table}_g{number}_only CHECK (generation = {number})) WITH ({settings})"
            )
    return number


async def await_writers(session: Connection, generation: int) -> None:
    """Return when every transaction that may not have seen that a generation is being built has ended."""
    async with session.transaction():
        await session.fetch(_LOCK_ALL, generation)


async def lock(session: Connection, generation: int, partition: int) -> PartitionState:
    """Hold the lock of one of its partition numbers until the transaction ends. Raises NoLiveGeneration."""
    row = await session.fetchrow(_LOCK, generation, partition)
    if row is None:
        raise NoLiveGeneration
    return PartitionState(*row)


async def lock_all(session: Connection, generation: int) -> None:
    """Hold the locks of all its partition numbers until the transaction ends."""
    await session.fetch(_LOCK_ALL, generation)


async def offsets(session: Connection, generation: int) -> dict[tuple[str, int], int]:
    """Up to where the log is in it, by topic (base name) and partition."""
    rows = await session.fetch(_OFFSETS, generation)
    return {(topic, partition): next_offset for topic, partition, next_offset in rows}


async def plan(session: Connection, generation: int, shares: Sequence[Share]) -> None:
    """Note which shares are to be loaded."""
    await session.executemany(_SHARES, [(generation, s.partition, s.part, s.records) for s in shares])


async def records(session: Connection, generation: int) -> tuple[int, int]:
    """How many records were read so far, and how many have to be read."""
    row = await session.fetchrow(_PROGRESS, generation)
    return (0, 0) if row is None else (row[0], row[1])


async def loaded(session: Connection, generation: int, shares: Sequence[Share]) -> int:
    """All shares are in: sum up, build the indexes, take the tables among the others. How many records were refused.

    Building indexes locks nothing that anybody else uses. Raises RebuildFailed when less is there than was written.
    """
    columns = "date, channel, online, measure, bin"
    async with session.transaction():
        await session.execute("SET LOCAL maintenance_work_mem = '256MB'")
        await session.execute("SET LOCAL work_mem = '128MB'")
        await session.execute(f"""
            INSERT INTO scope_buckets_g{generation}
                (generation, everything, organisation_id, {columns}, value)
            SELECT {generation}, grouping(organisation_id) = 1, coalesce(organisation_id, ''), {columns}, sum(value)
            FROM day_buckets_g{generation}
            GROUP BY {columns}, GROUPING SETS ((organisation_id), ()) HAVING sum(value) <> 0
        """)  # noqa: S608 - our own names
        for table in TABLES:
            own = f"{table}_g{generation}"
            await session.execute(f"ALTER TABLE {table} ATTACH PARTITION {own} FOR VALUES IN ({generation})")
            await session.execute(f"ALTER TABLE {own} DROP CONSTRAINT {own}_only")
            await session.execute(f"ANALYZE {own}")
        until = [(s.partition, topic, offset) for s in shares if s.part == 0 for topic, offset in s.until.items()]
        await session.execute(_MOVE_OFFSETS, generation, *(zip(*until, strict=True) if until else [()] * 3))
        return await _compare_counts(session, generation)


async def _compare_counts(session: Connection, generation: int) -> int:
    written = tuple(await session.fetchrow(_COUNTS, generation) or ())
    cases = await session.fetchval(f"SELECT count(*) FROM cases_g{generation}")  # noqa: S608
    buckets = await session.fetchval(f"SELECT coalesce(sum(value), 0)::bigint FROM day_buckets_g{generation}")  # noqa: S608
    totals = await session.fetchval(
        f"SELECT coalesce(sum(value), 0)::bigint FROM scope_buckets_g{generation} WHERE everything"  # noqa: S608
    )
    if (cases, buckets, totals, 0) != (written[0], written[1], written[1], written[3]):
        raise RebuildFailed(
            f"{written[0]} cases and a sum of all buckets of {written[1]} were written ({written[3]} shares are not"
            f" done), but {cases} cases, a sum of {buckets} and totals of {totals} are there"
        )
    return int(written[2])


async def drop(session: Connection, generation: int) -> None:
    """Drop a generation that isn't live. Waits for its readers, a second at a time, so that nobody waits behind it.

    Raises TransientFailure when they don't let go of it.
    """
    for _ in range(_PATIENCE_ATTEMPTS):
        try:
            async with session.transaction():
                await session.execute(_LOCK_TIMEOUT)
                await _drop(session, generation)
        except (asyncpg.LockNotAvailableError, asyncpg.DeadlockDetectedError):
            await asyncio.sleep(1)
        else:
            return
    raise TransientFailure(f"generation {generation} can't be dropped: somebody reads from these tables all the time")


async def _drop(session: Connection, generation: int) -> None:
    if await session.fetchval("SELECT status = 'live' FROM generations WHERE generation = $1", generation):
        raise RebuildFailed(f"generation {generation} is live: it is not dropped")
    for table in _ROWS[:-1]:
        await session.execute(f"DELETE FROM {table} WHERE generation = $1", generation)  # noqa: S608 - our own names
    for table in TABLES:
        await session.execute(f"DROP TABLE IF EXISTS {table}_g{generation}")
    await session.execute(f"DELETE FROM {_ROWS[-1]} WHERE generation = $1", generation)  # noqa: S608 - our own names

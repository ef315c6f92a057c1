"""The SQL of a swap: results stay as they are, but for the partition numbers and the offsets that they stand at."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import NamedTuple
from uuid import UUID

from qos_domain.events import INPUT_TOPICS
from qos_processing.postgres import NoLiveGeneration
from qos_processing.transactions import Connection
from qos_runtime.kafka import partition_of

BY_PROCEDURE = ("cases", "procedures", "rejudgements", "touched_procedures")
"""Tables of a generation whose rows are of one procedure, and so of its partition number."""

OF_A_PARTITION = ("partition_state", "partition_offsets", "daily_runs", "published_offsets")
"""Tables with rows for partition numbers themselves. The last begins anew: what went out is read once more."""

NOT_RENUMBERED = ("outbox", "dead_letters", "early_decisions", "rebuild_shares")
"""The first is empty at a swap, the last between rebuilds; dead letters are of the topics in which they died."""

_LIVE = "SELECT generation FROM generations WHERE status = 'live'"
_BUILDING = "SELECT count(*) FROM generations WHERE status = 'building'"
_LOCK_ALL = "SELECT partition FROM partition_state WHERE generation = $1 ORDER BY partition FOR UPDATE"
_OFFSETS = "SELECT topic, partition, next_offset FROM partition_offsets WHERE generation = $1"
_WAITING = "SELECT count(*) FROM outbox"
_OPEN = "SELECT count(*) FROM dead_letters WHERE state = 'open'"
_SETTLE = """
    UPDATE dead_letters SET state = 'discarded', decided_by = 'qos repartition', decided_at = $1 WHERE state = 'open'
"""
_PROCEDURES = """
    SELECT procedure_id FROM cases WHERE generation = $1 UNION SELECT procedure_id FROM procedures WHERE generation = $1
    UNION SELECT procedure_id FROM rejudgements WHERE generation = $1
    UNION SELECT procedure_id FROM touched_procedures WHERE generation = $1 UNION SELECT procedure_id FROM levels
"""
_TARGETS = """
    CREATE TEMPORARY TABLE new_partitions (procedure_id text COLLATE "C" PRIMARY KEY, partition int NOT NULL)
    ON COMMIT DROP
"""
_MOVE = """
    UPDATE {table} t SET partition = n.partition FROM new_partitions n
    WHERE {condition} t.procedure_id = n.procedure_id AND t.partition <> n.partition
"""
_STATE = """
    SELECT max(logic_version), max(revision), max(registry_revision) + 1, max(outbox_seq)
    FROM partition_state WHERE generation = $1
"""
_ADD_STATE = """
    INSERT INTO partition_state (generation, partition, live, logic_version, revision, registry_revision, outbox_seq)
    SELECT $1, partition, true, $3, $4, $5, $6 FROM generate_series(0, $2 - 1) AS partition
"""
_PROCESSED_AT = "SELECT max(processed_at) FROM partition_offsets WHERE generation = $1"
_ADD_OFFSETS = """
    INSERT INTO partition_offsets (generation, partition, topic, topic_id, next_offset, last_appended_at, processed_at)
    SELECT $1, n.*, $2 FROM unnest($3::int[], $4::text[], $5::uuid[], $6::bigint[], $7::timestamptz[]) AS n
"""
# The least of all: a day that is assessed again changes nothing of a procedure of which it counted already.
_DAILY_RUN = "SELECT as_of, finished FROM daily_runs ORDER BY as_of, finished LIMIT 1"
_ADD_DAILY_RUNS = """
    INSERT INTO daily_runs (partition, as_of, cursor, finished)
    SELECT partition, $2, '', $3 FROM generate_series(0, $1 - 1) AS partition
"""


class Position(NamedTuple):
    """Where the results are to stand in one topic partition, and when the record before it was appended."""

    topic: str
    partition: int
    next_offset: int
    last_appended_at: datetime | None


class State(NamedTuple):
    """What keeps a swap from being taken, as it is under the locks of all partition numbers."""

    live: int
    building: int
    offsets: Mapping[tuple[str, int], int]
    outbox: int
    open_letters: int


async def lock_and_look(session: Connection) -> State:
    """Hold the locks of all partition numbers until the transaction ends. Raises NoLiveGeneration."""
    generation = await session.fetchval(_LIVE)
    if generation is None:
        raise NoLiveGeneration
    await session.fetch(_LOCK_ALL, generation)
    return State(
        generation,
        await session.fetchval(_BUILDING),
        {(row[0], row[1]): row[2] for row in await session.fetch(_OFFSETS, generation)},
        await session.fetchval(_WAITING),
        await session.fetchval(_OPEN),
    )


async def settle_open_letters(session: Connection, now: datetime) -> None:
    """They stay where they are on the old topics, and nobody waits for them any more."""
    await session.execute(_SETTLE, now)


async def renumber(
    session: Connection, generation: int, partitions: int, positions: Sequence[Position], topic_ids: Mapping[str, UUID]
) -> int:
    """Give each row the number that its procedure has among `partitions`, and let the results stand at `positions`; of
    how many procedures there is anything. `topic_ids` by base name. The caller holds the locks."""
    procedure_ids = [row[0] for row in await session.fetch(_PROCEDURES, generation)]
    await session.execute(_TARGETS)
    await session.copy_records_to_table(
        "new_partitions", records=[(name, partition_of(name.encode(), partitions)) for name in procedure_ids]
    )
    for table in BY_PROCEDURE:
        await session.execute(_MOVE.format(table=table, condition="t.generation = $1 AND"), generation)
    await session.execute(_MOVE.format(table="levels", condition=""))
    state = await session.fetchrow(_STATE, generation)
    processed_at = await session.fetchval(_PROCESSED_AT, generation)
    run = await session.fetchrow(_DAILY_RUN)
    await session.execute("DELETE FROM partition_offsets WHERE generation = $1", generation)
    await session.execute("DELETE FROM partition_state WHERE generation = $1", generation)
    await session.execute("DELETE FROM daily_runs")
    await session.execute("DELETE FROM published_offsets")
    await session.execute(_ADD_STATE, generation, partitions, *(state or ()))
    rows = [(p.partition, p.topic, topic_ids[p.topic], p.next_offset, p.last_appended_at) for p in positions]
    await session.execute(_ADD_OFFSETS, generation, processed_at, *zip(*rows, strict=True))
    if run is not None:
        await session.execute(_ADD_DAILY_RUNS, partitions, *run)
    return len(procedure_ids)


async def stands_on(session: Connection, topic_ids: Mapping[str, UUID]) -> bool:
    """Whether the live results' offsets are of these topics (ids by base name)."""
    rows = await session.fetch(
        f"SELECT DISTINCT topic, topic_id FROM partition_offsets WHERE topic_id IS NOT NULL AND generation = ({_LIVE})"  # noqa: S608 - our own words
    )
    return {row[0]: row[1] for row in rows} == {topic: topic_ids[topic] for topic in INPUT_TOPICS}

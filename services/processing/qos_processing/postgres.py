"""The SQL of a batch: the lock and the position of a partition, its cases, its day buckets.

Every function works inside the caller's transaction. Arrays and `unnest` make it one round trip, however many rows.
"""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import TYPE_CHECKING, Any, NamedTuple

from qos_domain.assessment import Cause
from qos_domain.calendar import Calendar
from qos_domain.case import CaseKey
from qos_domain.errors import BrokenInvariant
from qos_domain.events import INPUT_TOPICS
from qos_domain.rows import CaseRow, Row
from qos_processing.announcing import NOTHING_YET, Announced, next_look, next_look_of_void
from qos_processing.folding import CaseChange, StoredCase
from qos_processing.made_with import NOT_SAID, MadeWith
from qos_processing.transactions import Connection

if TYPE_CHECKING:
    import asyncpg


class NoLiveGeneration(BrokenInvariant):
    """The database has no generation of tables that is live: it was never migrated, or is being recovered."""

    def __init__(self) -> None:
        super().__init__(
            "no live generation of tables: run `python -m qos_processing.migrate`; or, where a database that was lost"
            " is being recovered, let `qos recover` end, or run it again"
        )


@dataclass(frozen=True, slots=True)
class PartitionState:
    """The row that the transaction has locked: all that concerns this partition number is ours until it ends."""

    generation: int
    partition: int
    logic_version: int
    revision: int
    registry_revision: int
    outbox_seq: int
    made_with: MadeWith = NOT_SAID


class Position(NamedTuple):
    """Where the next batch of a topic begins, and when the newest record before it was appended."""

    topic: str
    next_offset: int
    last_appended_at: datetime | None


_STATE_COLUMNS = """
    s.generation, s.partition, s.logic_version, s.revision, s.registry_revision, s.outbox_seq,
    g.calendar, g.calendar_digest, g.time_zone
"""
_STATE = f"""
    SELECT {_STATE_COLUMNS} FROM partition_state s JOIN generations g USING (generation)
    WHERE s.partition = $1 AND s.live
"""  # noqa: S608 - our own names
_LOCK = f"{_STATE} FOR UPDATE OF s"
# All these rows are locked, so all are read as they are after the wait for the lock, not as they were before it.
_LOCK_WITH_OFFSETS = f"""
    SELECT {_STATE_COLUMNS}, o.topic, o.next_offset
    FROM partition_state s JOIN generations g USING (generation) JOIN partition_offsets o USING (generation, partition)
    WHERE s.partition = $1 AND s.live AND o.topic = ANY ($2::text[]) FOR UPDATE OF s, o
"""  # noqa: S608 - our own names
_ADD_PARTITION = """
    WITH state AS (
        INSERT INTO partition_state (generation, partition, live, logic_version)
        SELECT generation, $1, true, logic_version FROM generations WHERE status = 'live'
        ON CONFLICT DO NOTHING
    )
    INSERT INTO partition_offsets (generation, partition, topic)
    SELECT generation, $1, topic FROM generations, unnest($2::text[]) AS topic WHERE status = 'live'
    ON CONFLICT DO NOTHING
"""
# One look into the primary key for each case: with the statistics of a table that was small a moment ago, a plain join
# reads the whole table.
_LOAD_CASES = """
    SELECT c.* FROM unnest($2::text[], $3::text[]) AS k (procedure_id, application_id)
    CROSS JOIN LATERAL (
        SELECT c.procedure_id, c.application_id, c.facts, c.contributions,
               c.announced, c.announced_breach_date, c.announcements
        FROM cases c
        WHERE c.generation = $1 AND c.procedure_id = k.procedure_id AND c.application_id = k.application_id
        LIMIT 1
    ) c
"""
CASE_COLUMNS = {
    "procedure_id": "text",
    "application_id": "text",
    "facts": "text",
    "contributions": "text",
    "status": "text",
    "reference_date": "date",
    "organisation_id": "text",
    "channel": "text",
    "online": "boolean",
    "unit": "text",
    "arrival_at": "timestamptz",
    "arrival_date": "date",
    "stop_date": "date",
    "end_date": "date",
    "due_date": "date",
    "breach_date": "date",
    "due_at": "timestamptz",
    "due_soon_date": "date",
    "due_soon_at": "timestamptz",
    "suspended": "datemultirange",
    "result": "text",
    "next_announcement_at": "timestamptz",
}
# A case that stays as it is isn't written again: when to look at it next follows from the rest.
_COMPARED = [name for name in CASE_COLUMNS if name not in {"procedure_id", "application_id", "next_announcement_at"}]
_WRITE_CASES = f"""
    INSERT INTO cases AS c (generation, partition, {", ".join(CASE_COLUMNS)})
    SELECT $1, $2, procedure_id, application_id, {
    ", ".join("suspended::datemultirange" if name == "suspended" else name for name in list(CASE_COLUMNS)[2:])
}
    FROM unnest({
    ", ".join(
        f"${index}::{'text' if kind == 'datemultirange' else kind}[]"
        for index, kind in enumerate(CASE_COLUMNS.values(), start=3)
    )
}) AS n ({", ".join(CASE_COLUMNS)})
    ON CONFLICT (generation, procedure_id, application_id) DO UPDATE SET {
    ", ".join(f"{name} = excluded.{name}" for name in list(CASE_COLUMNS)[2:])
}
    WHERE ({", ".join(f"c.{name}" for name in _COMPARED)})
        IS DISTINCT FROM ({", ".join(f"excluded.{name}" for name in _COMPARED)})
"""  # noqa: S608 - made of the names above
_SETTLE = """
    WITH differences (procedure_id, organisation_id, date, channel, online, measure, bin, value) AS MATERIALIZED (
        SELECT * FROM unnest(
            $9::text[], $10::text[], $11::date[], $12::text[], $13::boolean[], $14::text[], $15::int[], $16::bigint[]
        )
    ), buckets AS (
        INSERT INTO day_buckets
            (generation, procedure_id, organisation_id, date, channel, online, measure, bin, value)
        SELECT $1, * FROM differences
        ON CONFLICT (generation, procedure_id, date, measure, channel, online, bin, organisation_id)
        DO UPDATE SET value = day_buckets.value + excluded.value
    ), changes AS (
        INSERT INTO scope_bucket_changes (generation, organisation_id, date, channel, online, measure, bin, value)
        SELECT $1, organisation_id, date, channel, online, measure, bin, sum(value) FROM differences
        GROUP BY organisation_id, date, channel, online, measure, bin HAVING sum(value) <> 0
    ), touched AS (
        INSERT INTO touched_procedures AS t (generation, procedure_id, partition, revision, cause)
        SELECT $1, n.procedure_id, $2, $3, $17 FROM unnest($8::text[]) AS n (procedure_id)
        ON CONFLICT (generation, procedure_id)
        DO UPDATE SET revision = excluded.revision, cause = coalesce(t.cause, excluded.cause)
    ), position AS (
        UPDATE partition_offsets o
        SET next_offset = n.next_offset, processed_at = $4,
            last_appended_at = coalesce(n.last_appended_at, o.last_appended_at)
        FROM unnest($5::text[], $6::bigint[], $7::timestamptz[]) AS n (topic, next_offset, last_appended_at)
        WHERE o.generation = $1 AND o.partition = $2 AND o.topic = n.topic
    )
    UPDATE partition_state SET revision = $3, updated_at = $4 WHERE generation = $1 AND partition = $2
"""


async def lock(connection: Connection, partition: int) -> PartitionState | None:
    """Wait for the partition's lock and hold it until the transaction ends; None where nothing was ever processed."""
    # A swap of generations that this waited for took `live` from the row: the next statement sees the other one.
    row = await connection.fetchrow(_LOCK, partition) or await connection.fetchrow(_LOCK, partition)
    return None if row is None else _state(row)


async def read_state(connection: Connection, partition: int) -> PartitionState | None:
    """The partition's state without its lock: others may go on changing what it tells of."""
    row = await connection.fetchrow(_STATE, partition)
    return None if row is None else _state(row)


async def lock_at(
    connection: Connection, partition: int, topics: Collection[str]
) -> tuple[PartitionState, dict[str, int]]:
    """The same, with the offsets stored for the topics (base names); a partition that is new starts at 0."""
    rows = await connection.fetch(_LOCK_WITH_OFFSETS, partition, topics)
    if len(rows) < len(topics):
        await connection.execute(_ADD_PARTITION, partition, INPUT_TOPICS)
        rows = await connection.fetch(_LOCK_WITH_OFFSETS, partition, topics)
    if not rows:
        raise NoLiveGeneration
    return _state(rows[0]), {row["topic"]: row["next_offset"] for row in rows}


def _state(row: "asyncpg.Record") -> PartitionState:
    return PartitionState(row[0], row[1], row[2], row[3], row[4], row[5], MadeWith(*row[6:9]))


async def load_cases(connection: Connection, generation: int, keys: Collection[CaseKey]) -> dict[CaseKey, StoredCase]:
    """Those of the cases that exist."""
    procedure_ids, application_ids = zip(*keys, strict=True) if keys else ((), ())
    rows = await connection.fetch(_LOAD_CASES, generation, procedure_ids, application_ids)
    return {(row[0], row[1]): stored_case(row) for row in map(tuple, rows)}


def stored_case(row: Sequence[Any]) -> StoredCase:
    """Of a row that begins as `_LOAD_CASES` lists them."""
    return StoredCase(row[2], row[3], Announced(*row[4:7]) if row[6] else NOTHING_YET)


async def write_cases(
    connection: Connection, state: PartitionState, changes: Sequence[CaseChange], calendar: Calendar
) -> None:
    """Insert the cases, or replace those that differ from what is stored; what was announced of them stays."""
    if changes:
        columns = zip(*(case_row(change, calendar) for change in changes), strict=True)
        await connection.execute(_WRITE_CASES, state.generation, state.partition, *columns)


async def settle(
    connection: Connection,
    state: PartitionState,
    *,
    buckets: Iterable[tuple[str, Row, int]],
    touched: Iterable[str],
    positions: Sequence[Position],
    now: datetime,
    cause: Cause | None = None,
) -> None:
    """Add to the day buckets and to those of organisations, mark the procedures as touched, move the offsets.

    `cause`: what changed the figures of the touched procedures, if it wasn't an event.
    """
    rows = [
        (procedure_id, row.organisation_id, _DAYS[row.day], row.channel, row.online, row.measure, row.bin, difference)
        for procedure_id, row, difference in buckets
    ]
    procedure_ids = sorted(touched)
    await connection.execute(
        _SETTLE,
        state.generation,
        state.partition,
        state.revision + bool(procedure_ids),
        now,
        *(zip(*positions, strict=True) if positions else [()] * 3),
        procedure_ids,
        *(zip(*rows, strict=True) if rows else [()] * 8),
        cause,
    )


class _Days(dict[int, date]):
    """Dates by ordinal: a batch names few of them, many times."""

    def __missing__(self, ordinal: int) -> date:
        day = self[ordinal] = date.fromordinal(ordinal)
        return day


_DAYS = _Days()
_VOID = ("void", *[None] * 14, "{}", None)


def case_row(change: CaseChange, calendar: Calendar) -> tuple[object, ...]:
    """The values of `CASE_COLUMNS`."""
    case = change.case
    if case is None:
        return (*change.key, change.facts, change.contributions, *_VOID, next_look_of_void(change.announced))
    return (
        *change.key,
        change.facts,
        change.contributions,
        case.status,
        case.reference_date,
        case.organisation_id,
        case.channel,
        case.online,
        case.unit,
        case.arrival_at,
        case.arrival_date,
        case.stop_date,
        case.end_date,
        case.due_date,
        case.breach_date,
        case.due_at,
        case.due_soon_date,
        case.due_soon_at,
        _multirange(case) if case.suspended else "{}",
        case.result,
        next_look(case, change.announced, calendar),
    )


def _multirange(case: CaseRow) -> str:
    return "{" + ",".join(f"[{begin},{'' if end is None else end})" for begin, end in case.suspended) + "}"

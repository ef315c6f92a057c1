"""The SQL of the assessor: what was touched, the evidence of procedures, their levels and daily assessments."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import NamedTuple

import msgspec

from qos_domain.assessment import Assessment, Cause, Settled
from qos_domain.cells import SETTLING_DAYS
from qos_domain.criteria import Criteria
from qos_domain.evidence import Evidence
from qos_domain.measures import Cell
from qos_processing.postgres import PartitionState
from qos_processing.transactions import Connection

_COLUMNS = {
    "procedure_id": "text",
    "revision": "bigint",
    "as_of": "date",
    "digest": "bytea",
    "live": "jsonb",
    "settled": "jsonb",
    "settled_on": "date",
    "daily_digest": "bytea",
    "restated": "boolean",
}
_KEPT = ("settled", "settled_on", "daily_digest")  # by a live assessment, which has nothing to say of them

_TOUCHED = """
    SELECT procedure_id, revision, cause FROM touched_procedures
    WHERE generation = $1 AND partition = $2 ORDER BY procedure_id LIMIT $3
"""
_CAUSES = """
    SELECT procedure_id, cause FROM touched_procedures
    WHERE generation = $1 AND procedure_id = ANY ($2::text[]) AND cause IS NOT NULL
"""
# Revision 0: an assessment that is under way is by the other criteria, and must not count as the one that is wanted.
_TOUCH_OTHER_CRITERIA = """
    INSERT INTO touched_procedures (generation, procedure_id, partition, revision, cause)
    SELECT $1, l.procedure_id, $2, 0, 'restatement'
    FROM levels l JOIN procedures p ON p.generation = $1 AND p.procedure_id = l.procedure_id
    WHERE l.partition = $2 AND l.live #>> '{lineage,criteria}' <> $3
    ON CONFLICT (generation, procedure_id) DO UPDATE SET revision = excluded.revision, cause = excluded.cause
"""
_UNTOUCH = """
    DELETE FROM touched_procedures t USING unnest($2::text[], $3::bigint[]) AS n (procedure_id, revision)
    WHERE t.generation = $1 AND t.procedure_id = n.procedure_id AND t.revision = n.revision
"""
_PROCEDURES_AFTER = """
    SELECT procedure_id FROM procedures
    WHERE generation = $1 AND partition = $2 AND procedure_id > $3 ORDER BY procedure_id LIMIT $4
"""
_LEVELS = """
    SELECT procedure_id, revision, as_of, digest, daily_digest, settled::text, restated,
        live #>> '{lineage,criteria}', live #>> '{lineage,calendar}', (live #>> '{lineage,logic_version}')::int
    FROM levels WHERE procedure_id = ANY ($1::text[])
"""
_REVISIONS = "SELECT procedure_id, revision FROM levels WHERE procedure_id = ANY ($1::text[])"
_WRITE_LEVELS = f"""
    INSERT INTO levels (partition, assessed_at, {", ".join(_COLUMNS)})
    SELECT $1, $2, n.* FROM unnest({", ".join(f"${i}::{kind}[]" for i, kind in enumerate(_COLUMNS.values(), 3))}) AS n
    ON CONFLICT (procedure_id) DO UPDATE SET assessed_at = excluded.assessed_at, {
    ", ".join(
        f"{name} = coalesce(excluded.{name}, levels.{name})" if name in _KEPT else f"{name} = excluded.{name}"
        for name in list(_COLUMNS)[1:-1]
    )
}, restated = excluded.restated OR (levels.restated AND excluded.settled IS NULL)
"""  # noqa: S608 - made of the names above
_CONFIRM = "UPDATE levels SET assessed_at = $2 WHERE procedure_id = ANY ($1::text[])"
_WRITE_ASSESSMENTS = """
    INSERT INTO assessments (procedure_id, as_of, assessment, assessed_at)
    SELECT n.*, $1 FROM unnest($2::text[], $3::date[], $4::jsonb[]) AS n
    ON CONFLICT (procedure_id, as_of) DO UPDATE SET assessment = excluded.assessment, assessed_at = excluded.assessed_at
"""
_DAILY_RUN = "SELECT as_of, cursor, finished FROM daily_runs WHERE partition = $1"
_WRITE_DAILY_RUN = """
    INSERT INTO daily_runs (partition, as_of, cursor, finished) VALUES ($1, $2, $3, $4)
    ON CONFLICT (partition) DO UPDATE
    SET as_of = excluded.as_of, cursor = excluded.cursor, finished = excluded.finished
"""
_SETTLED = msgspec.json.Decoder(Settled)


@dataclass(frozen=True, slots=True)
class StoredLevels:
    """What was assessed last of a procedure."""

    revision: int
    as_of: date
    digest: bytes
    daily_digest: bytes | None
    settled: Settled | None
    restated: bool
    """A restatement changed it since the last daily assessment."""
    made_with: tuple[str, str, int]
    """The versions of the criteria, of the calendar and of the logic that it rests on."""


class Touched(NamedTuple):
    """At which revision of its partition a procedure's figures changed last, and what changed them beside events."""

    revision: int
    cause: Cause | None


@dataclass(frozen=True, slots=True)
class DailyRun:
    """The daily assessment of a partition: of which day, how far."""

    as_of: date
    cursor: str = ""
    finished: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class LevelsRow:
    """An assessment to be stored; `settled` and `daily_digest` are None where it isn't the daily one."""

    assessment: Assessment
    revision: int
    digest: bytes
    settled: Settled | None = None
    daily_digest: bytes | None = None
    restated: bool = False


async def touched_procedures(connection: Connection, state: PartitionState, limit: int) -> dict[str, Touched]:
    """Procedures whose figures changed since they were last assessed."""
    rows = await connection.fetch(_TOUCHED, state.generation, state.partition, limit)
    return {row[0]: Touched(row[1], row[2]) for row in map(tuple, rows)}


async def causes(connection: Connection, state: PartitionState, procedure_ids: Collection[str]) -> dict[str, Cause]:
    """What changed the figures of those of the procedures that something else than an event has touched."""
    return dict(map(tuple, await connection.fetch(_CAUSES, state.generation, list(procedure_ids))))


async def touch_other_criteria(connection: Connection, state: PartitionState, criteria: str) -> None:
    """Have the partition's procedures assessed anew whose assessment rests on another version of the criteria."""
    await connection.execute(_TOUCH_OTHER_CRITERIA, state.generation, state.partition, criteria)


async def untouch(connection: Connection, state: PartitionState, touched: Mapping[str, Touched]) -> None:
    """They were assessed; one that was touched again meanwhile stays."""
    revisions = [one.revision for one in touched.values()]
    await connection.execute(_UNTOUCH, state.generation, list(touched), revisions)


async def procedures_after(connection: Connection, state: PartitionState, cursor: str, limit: int) -> list[str]:
    """The next procedures of the partition, in the order of their ids."""
    rows = await connection.fetch(_PROCEDURES_AFTER, state.generation, state.partition, cursor, limit)
    return [row[0] for row in rows]


async def stored_levels(connection: Connection, procedure_ids: Collection[str]) -> dict[str, StoredLevels]:
    """What is stored of those of the procedures that were ever assessed."""
    rows = await connection.fetch(_LEVELS, list(procedure_ids))
    found = {}
    for procedure_id, revision, as_of, digest, daily_digest, text, restated, *made_with in map(tuple, rows):
        settled = None if text is None else _SETTLED.decode(text)
        found[procedure_id] = StoredLevels(
            revision, as_of, digest, daily_digest, settled, restated, (made_with[0], made_with[1], made_with[2])
        )
    return found


async def revisions(connection: Connection, procedure_ids: Collection[str]) -> dict[str, int]:
    """The revisions of those of the procedures that were ever assessed."""
    return dict(map(tuple, await connection.fetch(_REVISIONS, procedure_ids)))


async def evidence(
    connection: Connection, generation: int, procedure_ids: Collection[str], criteria: Criteria, as_of: date
) -> dict[str, Evidence]:
    """The sums that the criteria read, of those of the procedures that have any."""
    spans = criteria.spans(as_of)
    if not spans:
        return {}
    bounds = [bound for span in spans.values() for bound in (span.start, min(span.end, as_of))]
    statement = _evidence_statement(len(spans))
    last_days = {measure: as_of.toordinal() - SETTLING_DAYS.get(measure, 0) for measure in sorted(criteria.measures)}
    found: dict[str, dict[str, dict[Cell, int]]] = {}
    rows = await connection.fetch(
        statement,
        generation,
        list(procedure_ids),
        list(last_days),
        [date.fromordinal(day) for day in last_days.values()],
        min(bounds),
        *bounds,
    )
    for procedure_id, channel, online, measure, bin_, *values in map(tuple, rows):
        sums = found.setdefault(procedure_id, {name: {} for name in spans})
        for name, value in zip(spans, values, strict=True):
            if value:
                sums[name][channel, online, measure, bin_] = value
    return dict(found)


async def write_levels(connection: Connection, state: PartitionState, rows: Sequence[LevelsRow], now: datetime) -> None:
    """Store assessments; what the live ones don't say of the daily ones stays."""
    if rows:
        columns = zip(*map(_row, rows), strict=True)
        await connection.execute(_WRITE_LEVELS, state.partition, now, *columns)


async def confirm(connection: Connection, procedure_ids: Sequence[str], now: datetime) -> None:
    """They were assessed again, with the same result."""
    if procedure_ids:
        await connection.execute(_CONFIRM, procedure_ids, now)


async def write_assessments(connection: Connection, assessments: Sequence[Assessment], now: datetime) -> None:
    """Keep daily assessments."""
    if assessments:
        columns = zip(*((a.procedure_id, a.as_of, _json(a)) for a in assessments), strict=True)
        await connection.execute(_WRITE_ASSESSMENTS, now, *columns)


async def daily_run(connection: Connection, partition: int) -> DailyRun | None:
    row = await connection.fetchrow(_DAILY_RUN, partition)
    return None if row is None else DailyRun(*row)


async def write_daily_run(connection: Connection, partition: int, run: DailyRun) -> None:
    await connection.execute(_WRITE_DAILY_RUN, partition, run.as_of, run.cursor, run.finished)


def _evidence_statement(spans: int) -> str:
    sums = ", ".join(
        f"(sum(b.value) FILTER (WHERE b.date BETWEEN ${6 + 2 * n} AND ${7 + 2 * n}))::bigint" for n in range(spans)
    )
    return f"""
        SELECT b.procedure_id, b.channel, b.online, b.measure, b.bin, {sums}
        FROM day_buckets b JOIN unnest($3::text[], $4::date[]) AS m (measure, last_day) USING (measure)
        WHERE b.generation = $1 AND b.procedure_id = ANY ($2::text[]) AND b.date BETWEEN $5 AND m.last_day
        GROUP BY 1, 2, 3, 4, 5
    """  # noqa: S608 - placeholders


def _json(value: object) -> str:
    return msgspec.json.encode(value).decode()


def _row(row: LevelsRow) -> tuple[object, ...]:
    return (
        row.assessment.procedure_id,
        row.revision,
        row.assessment.as_of,
        row.digest,
        _json(row.assessment),
        None if row.settled is None else _json(row.settled),
        None if row.settled is None else row.settled.as_of,
        row.daily_digest,
        row.restated,
    )

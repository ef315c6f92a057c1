"""The SQL of the sweep: which cases have something to announce, and what was announced of them."""

from collections.abc import Mapping, Sequence
from datetime import date, datetime
from typing import Any, NamedTuple

from qos_domain.case import CaseKey
from qos_domain.rows import CaseRow
from qos_processing.announcing import Announced
from qos_processing.postgres import PartitionState
from qos_processing.transactions import Connection

_PARTITIONS = "SELECT partition FROM partition_state WHERE live ORDER BY partition"
_DUE = """
    SELECT procedure_id, application_id, announced, announced_breach_date, announcements, status, reference_date,
        organisation_id, channel, arrival_date, end_date, due_date, breach_date, due_at, due_soon_date, due_soon_at,
        suspended, result
    FROM cases
    WHERE generation = $1 AND partition = $2 AND next_announcement_at <= $3
    ORDER BY next_announcement_at LIMIT $4
"""
# A generation that is being built beside this one is to know it too, once it takes over.
_ANNOUNCED = """
    WITH n (procedure_id, application_id, announced, breach_date, announcements, next_look) AS MATERIALIZED (
        SELECT * FROM unnest($2::text[], $3::text[], $4::text[], $5::date[], $6::int[], $7::timestamptz[])
    ), noted AS (
        INSERT INTO announced_during_rebuild (procedure_id, application_id)
        SELECT procedure_id, application_id FROM n
        WHERE EXISTS (SELECT FROM generations WHERE status = 'building')
        ON CONFLICT DO NOTHING
    )
    UPDATE cases c SET announced = n.announced, announced_breach_date = n.breach_date, announcements = n.announcements,
        next_announcement_at = n.next_look
    FROM n
    WHERE c.generation = $1 AND c.procedure_id = n.procedure_id AND c.application_id = n.application_id
"""

# All cases of a procedure are under one partition's lock.
_RETRACTED = """
    INSERT INTO retracted_breaches AS r (procedure_id, organisation_id, date, breaches)
    SELECT n.procedure_id, n.organisation_id, $1, n.breaches
    FROM unnest($2::text[], $3::text[], $4::int[]) AS n (procedure_id, organisation_id, breaches)
    ON CONFLICT (procedure_id, date, organisation_id) DO UPDATE SET breaches = r.breaches + excluded.breaches
"""


class DueCase(NamedTuple):
    """A case that has to be looked at, and what was said of it."""

    key: CaseKey
    case: CaseRow
    announced: Announced


async def live_partitions(connection: Connection) -> list[int]:
    """The partition numbers of which anything was processed."""
    return [row[0] for row in await connection.fetch(_PARTITIONS)]


async def due_cases(connection: Connection, state: PartitionState, now: datetime, limit: int) -> list[DueCase]:
    """Cases of the partition that have to be looked at by `now`, those that wait longest first."""
    rows = await connection.fetch(_DUE, state.generation, state.partition, now, limit)
    return [_due_case(*row) for row in rows]


async def write_announced(
    connection: Connection, state: PartitionState, rows: Sequence[tuple[CaseKey, Announced, datetime | None]]
) -> None:
    """Remember what was said of the cases, and when to look at them again."""
    columns = zip(*((*key, said.said, said.breach_date, said.count, look) for key, said, look in rows), strict=True)
    await connection.execute(_ANNOUNCED, state.generation, *columns)


async def count_retracted(connection: Connection, breaches: Mapping[tuple[str, str], int], day: date) -> None:
    """Add retractions of announced breaches, by (procedure_id, organisation_id), to those of the day."""
    if breaches:
        columns = zip(*((*key, count) for key, count in breaches.items()), strict=True)
        await connection.execute(_RETRACTED, day, *columns)


def _due_case(procedure_id: str, application_id: str, *columns: Any) -> DueCase:  # noqa: ANN401 - columns of a row
    announced, announced_breach_date, announcements, status, reference_date, *rest = columns
    names = (
        "organisation_id",
        "channel",
        "arrival_date",
        "end_date",
        "due_date",
        "breach_date",
        "due_at",
        "due_soon_date",
        "due_soon_at",
        "suspended",
        "result",
    )
    values = dict(zip(names, rest, strict=True))
    values["suspended"] = tuple((span.lower, span.upper) for span in values["suspended"])
    # A void case has no date; nothing is due of it, but something may have to be taken back.
    case = CaseRow(status=status, reference_date=reference_date or date.min, **values)
    return DueCase((procedure_id, application_id), case, Announced(announced, announced_breach_date, announcements))

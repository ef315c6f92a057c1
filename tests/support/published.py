"""A month published of a replay and restated, made by the pure core: what the read side reads."""

from collections.abc import Iterable
from datetime import date, datetime

import asyncpg

from qos_domain import criteria
from qos_domain.cells import Buckets, DatedCell, sum_days
from qos_domain.events import Event
from qos_domain.levels import Assessor
from qos_domain.periods import Month
from qos_domain.publication import (
    ProcedureInputs,
    PublicationScope,
    Statement,
    procedure_statement,
    scope_statement,
)
from qos_domain.publication_events import (
    PublicationCompleted,
    PublicationIssued,
    PublicationLineage,
    PublicationRestated,
    digest_of,
)
from qos_domain.replay import Replay
from qos_domain.restatement import Step
from qos_domain.rows import Row
from qos_processing import postgres_publications
from support.results import folded

_CRITERIA = criteria.load()
_ASSESSOR = Assessor(_CRITERIA)


async def publish(
    database_url: str, events: Iterable[Event], late: Iterable[Event], month: Month, replay: Replay
) -> str:
    """Publish the month of what these events say, then restate it by the late ones, too; the publication's id.

    `replay` says by which calendar.
    """
    before = folded(events, replay.calendar)
    after = folded([*events, *late], replay.calendar)
    publication_id, at = f"{month.name}.1", datetime.fromisoformat(f"{month.before(-1).name}-05T01:00:00+00:00")
    then, now = _statements(before, month), _statements(after, month)
    lineage = PublicationLineage(
        criteria=_CRITERIA.version,
        calendar=replay.calendar.version,
        registry=None,
        logic_version=1,
        positions={},
        processed_until=at,
    )
    issued = [
        PublicationIssued(
            publication_id=publication_id,
            period=month.name,
            scope=scope,
            id=id_,
            organisation_id=before.history(id_).versions[0].organisation_id if scope == "procedure" else None,
            statement=statement,
            lineage=lineage,
        )
        for (scope, id_), statement in then.items()
    ]
    restatements = [
        PublicationRestated(
            publication_id=publication_id,
            period=month.name,
            scope=each.scope,
            id=each.id,
            published=each.digest,
            restated_at=at.replace(day=6),
            steps=(Step(cause="late_events", statement=now[each.scope, each.id]),),
            lineage=lineage,
            late_events=12,
        )
        for each in issued
        if now[each.scope, each.id] != each.statement
    ]
    completed = PublicationCompleted(
        publication_id=publication_id,
        period=month.name,
        as_of=month.span.end,
        issued_at=at,
        procedures=sum(scope == "procedure" for scope, _ in then),
        organisations=sum(scope == "organisation" for scope, _ in then),
        digest=digest_of((each.scope, each.id, each.digest) for each in issued),
        criteria=_CRITERIA.version,
        calendar=replay.calendar.version,
        logic_version=1,
        positions=(),
        processed_until=at,
    )
    connection = await asyncpg.connect(database_url)
    try:
        await postgres_publications.write_statements(connection, issued)
        await postgres_publications.write_publication(connection, completed)
        await postgres_publications.write_restatements(connection, restatements)
    finally:
        await connection.close()
    return publication_id


def _statements(replay: Replay, month: Month) -> dict[tuple[PublicationScope, str], Statement]:
    as_of = month.span.end
    found: dict[tuple[PublicationScope, str], Statement] = {}
    buckets = replay.buckets()
    for procedure_id in replay.registry:
        dated = _dated(buckets.get(procedure_id, {}))
        read = [cell for cell in dated if cell[1][2] in _CRITERIA.measures]
        inputs = ProcedureInputs(
            version=replay.history(procedure_id).at(as_of),
            buckets=Buckets.gather(dated, month.window, as_of),
            evidence={name: sum_days(read, span, as_of) for name, span in _CRITERIA.spans(as_of).items()},
        )
        found["procedure", procedure_id] = procedure_statement(inputs, assessor=_ASSESSOR, month=month)
    rows = [(row, count) for of_it in buckets.values() for row, count in of_it.items()]
    for organisation_id in sorted({row.organisation_id for row, _ in rows} - {""}):
        own = [(row, count) for row, count in rows if row.organisation_id == organisation_id]
        found["organisation", organisation_id] = scope_statement(_gathered(own, month, as_of))
    found["all", ""] = scope_statement(_gathered(rows, month, as_of))
    return found


def _gathered(rows: list[tuple[Row, int]], month: Month, as_of: date) -> Buckets:
    dated = [(date.fromordinal(r.day), (r.channel, r.online, r.measure, r.bin), count) for r, count in rows]
    return Buckets.gather(dated, month.window, as_of)


def _dated(rows: dict[Row, int]) -> list[DatedCell]:
    return [(date.fromordinal(r.day), (r.channel, r.online, r.measure, r.bin), count) for r, count in rows.items()]

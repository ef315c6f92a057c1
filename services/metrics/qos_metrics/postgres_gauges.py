"""The SQL behind the figures for Prometheus: everything at once, by scope."""

from collections.abc import Sequence
from fractions import Fraction

import msgspec

from qos_domain.assessment import Settled
from qos_domain.cells import FISCAL_YEAR_MEASURES, SETTLING_DAYS
from qos_domain.criteria import PRINCIPLES, Principle
from qos_domain.levels import LevelReading
from qos_domain.measures import Cell
from qos_domain.periods import Span
from qos_domain.procedures import DEFAULT_OBJECTIVE
from qos_domain.slo import exact
from qos_domain.workload import Workload
from qos_metrics import sql
from qos_metrics.gauge_readings import (
    MEASURES,
    Levels,
    Moment,
    Name,
    OpenCases,
    PriorityProcedure,
    Readings,
    ScopeName,
    WindowName,
)
from qos_metrics.ports import MapReadings
from qos_metrics.postgres import Connection, PostgresSnapshot, PostgresStore

# Nobody waits for it, and the larger the tables the seldomer it is done: it may take longer than an answer.
_PATIENCE_SECONDS = 120.0
_BUSY = """
    SELECT procedure_id FROM day_buckets
    WHERE generation = $1 AND measure = 'arrived' AND date BETWEEN $2 AND $3
    GROUP BY procedure_id HAVING sum(value) >= $4
"""
# Each procedure once, before it is joined with what there is of it: a version is a document to be opened.
_KNOWN = """
    WITH known AS MATERIALIZED (
        SELECT procedure_id, organisation_id, name_ja, name_en, version->>'objective' AS objective,
            (priority AND NOT retired) IS TRUE OR procedure_id = ANY ($2::text[]) AS by_itself
        FROM procedures WHERE generation = $1
    )
"""
_SCOPE = "k.by_itself IS TRUE AS by_itself, CASE WHEN k.by_itself THEN procedure_id ELSE t.organisation_id END AS id"
_PRIORITY = f"{_KNOWN} SELECT procedure_id, organisation_id, name_ja, name_en, objective FROM known WHERE by_itself"  # noqa: S608
_LEVELS = f"""
    SELECT procedure_id, settled::text, {
    ", ".join(
        f"{name}_{reading}{possible}"
        for name in PRINCIPLES
        for reading in ("declared", "evidenced")
        for possible in ("", "_possible")
    )
}
    FROM levels WHERE procedure_id = ANY ($1::text[])
"""  # noqa: S608 - our own columns
_SETTLED = msgspec.json.Decoder(Settled)


class PostgresGauges:
    """See gauge_readings.GaugeSource."""

    def __init__(self, store: PostgresStore) -> None:
        self._store = store

    async def busy_procedures(self, last_year: Span, least_applications: int) -> frozenset[str]:
        async with self._store.reading() as (connection, generation):
            rows = await connection.fetch(
                _BUSY, generation, last_year.start, last_year.end, least_applications, timeout=_PATIENCE_SECONDS
            )
        return frozenset(row[0] for row in rows)

    async def readings(self, busy: frozenset[str], moment: Moment) -> Readings:
        async with self._store.reading() as (connection, generation):
            known = (generation, sorted(busy))
            priority = {
                procedure_id: PriorityProcedure(organisation_id, Name(ja, en), _objective(objective))
                for procedure_id, organisation_id, ja, en, objective in await connection.fetch(_PRIORITY, *known)
            }
            sums, results = await _sums(connection, known, moment)
            snapshot = PostgresSnapshot(connection, generation)
            return Readings(
                priority=priority,
                organisations={
                    row.organisation_id: Name(row.name_ja, row.name_en) for row in await snapshot.organisations()
                },
                sums=sums,
                results=results,
                open_cases=await _open_cases(connection, known, moment),
                levels={
                    procedure_id: Levels(_readings(columns), None if settled is None else _SETTLED.decode(settled))
                    for procedure_id, settled, *columns in await connection.fetch(_LEVELS, list(priority))
                },
                pending_rejudgements=(await snapshot.progress()).pending_rejudgements,
            )


async def _sums(
    connection: Connection, known: tuple[int, Sequence[str]], moment: Moment
) -> tuple[dict[ScopeName, dict[WindowName, dict[Cell, int]]], dict[ScopeName, dict[Fraction, int]]]:
    statement, arguments = _sums_statement(known, moment)
    sums: dict[ScopeName, dict[WindowName, dict[Cell, int]]] = {}
    results: dict[ScopeName, dict[Fraction, int]] = {}
    rows = await connection.fetch(statement, *arguments, timeout=_PATIENCE_SECONDS)
    for by_itself, name, said, channel, online, measure, bin_, *values in rows:
        scope = _scope(by_itself, name)
        of_scope = sums.setdefault(scope, {})
        cell: Cell = (channel, online, measure, bin_)
        for window, value in zip(moment.parts, values, strict=True):
            if value:
                of_window = of_scope.setdefault(window, {})
                of_window[cell] = of_window.get(cell, 0) + value
                if window == "fiscal_year" and measure in FISCAL_YEAR_MEASURES:
                    objective, of_objectives = _objective(said), results.setdefault(scope, {})
                    of_objectives[objective] = of_objectives.get(objective, 0) + value
    return sums, results


def _sums_statement(known: tuple[int, Sequence[str]], moment: Moment) -> tuple[str, list[object]]:
    """Rows of (by itself, id, objective, channel, online, measure, bin, the value in each window or null)."""
    if not SETTLING_DAYS.keys().isdisjoint(measure for measures in MEASURES.values() for measure in measures):
        raise ValueError("a measure that settles late has no figure as of now")
    arguments = sql.Arguments(list(known))
    wanted = [
        f"(measure = ANY ({arguments.add(part.measures)}::text[])"
        f" AND date BETWEEN {arguments.add(part.span.start)} AND {arguments.add(part.span.end)})"
        for part in moment.parts.values()
    ]
    values = ", ".join(f"(sum(value) FILTER (WHERE {condition}))::bigint" for condition in wanted)
    statement = f"""
        {_KNOWN}
        SELECT by_itself, id, objective, channel, online, measure, bin, {values} FROM (
            SELECT {_SCOPE}, k.objective, channel, online, measure, bin, date, value
            FROM day_buckets t LEFT JOIN known k USING (procedure_id)
            WHERE generation = $1 AND ({" OR ".join(wanted)})
        ) b
        WHERE id <> '' GROUP BY 1, 2, 3, 4, 5, 6, 7
    """  # noqa: S608 - placeholders
    return statement, arguments.values


async def _open_cases(
    connection: Connection, known: tuple[int, Sequence[str]], moment: Moment
) -> dict[ScopeName, OpenCases]:
    arguments = sql.Arguments(list(known))
    now, today = arguments.add(moment.now), arguments.add(moment.today)
    forecasts = ", ".join(
        f"count(*) FILTER (WHERE breach_date > {today}::date AND breach_date <= {arguments.add(horizon)}::date)"
        for horizon in moment.horizons.values()
    )
    statement = f"""
        {_KNOWN}
        SELECT by_itself, id, min(arrival_date), count(*), count(*) FILTER (WHERE stands_still),
            count(*) FILTER (WHERE soon AND NOT late AND NOT stands_still), count(*) FILTER (WHERE late), {forecasts}
        FROM (
            SELECT {_SCOPE}, arrival_date, breach_date, suspended @> {today}::date AS stands_still,
                {sql.late(day=today, moment=now)} AS late, {sql.soon(day=today, moment=now)} AS soon
            FROM cases t LEFT JOIN known k USING (procedure_id)
            WHERE generation = $1 AND status = 'open' AND arrival_date <= {today}::date
        ) c
        WHERE id <> '' GROUP BY 1, 2
    """  # noqa: S608 - placeholders
    found: dict[ScopeName, OpenCases] = {}
    rows = await connection.fetch(statement, *arguments.values, timeout=_PATIENCE_SECONDS)
    for by_itself, name, oldest, opened, still, soon, late, *counts in rows:
        workload = Workload(open=opened, suspended=still, due_soon=soon, overdue=late)
        found[_scope(by_itself, name)] = OpenCases(workload, oldest, dict(zip(moment.horizons, counts, strict=True)))
    return found


def _scope(by_itself: bool, name: str) -> ScopeName:
    return ("procedure" if by_itself else "organisation", name)


def _objective(said: str | None) -> Fraction:
    """A version that says none has the default."""
    return exact(DEFAULT_OBJECTIVE if said is None else said)


def _readings(columns: Sequence[int]) -> dict[Principle, MapReadings]:
    return {
        name: MapReadings(LevelReading(*columns[4 * i : 4 * i + 2]), LevelReading(*columns[4 * i + 2 : 4 * i + 4]))
        for i, name in enumerate(PRINCIPLES)
    }

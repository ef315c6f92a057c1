"""The SQL behind the gauges: everything at once, by scope."""

from datetime import date, datetime

from qos_domain.cells import SETTLING_DAYS
from qos_domain.criteria import PRINCIPLES
from qos_domain.levels import LevelReading
from qos_domain.measures import Cell, Measure
from qos_domain.periods import Span
from qos_domain.workload import Workload
from qos_metrics import sql
from qos_metrics.gauges import Readings, ScopeName
from qos_metrics.ports import MapReadings
from qos_metrics.postgres import PostgresStore

_PRIORITY = """
    SELECT procedure_id FROM procedures WHERE generation = $1 AND priority AND NOT retired
    UNION
    SELECT procedure_id FROM day_buckets
    WHERE generation = $1 AND measure = 'arrived' AND date BETWEEN $2 AND $3
    GROUP BY procedure_id HAVING sum(value) >= $4
"""
_IS_PRIORITY = "procedure_id = ANY ($2::text[])"
_SCOPE = f"{_IS_PRIORITY} AS by_procedure, CASE WHEN {_IS_PRIORITY} THEN procedure_id ELSE organisation_id END AS id"
_SUMS = f"""
    SELECT by_procedure, id, channel, online, measure, bin, sum(value)::bigint FROM (
        SELECT {_SCOPE}, channel, online, measure, bin, value FROM day_buckets
        WHERE generation = $1 AND date BETWEEN $3 AND $4 AND measure = ANY ($5::text[])
    ) b
    WHERE id <> '' GROUP BY 1, 2, 3, 4, 5, 6
"""  # noqa: S608 - our own conditions
_CASES = f"""
    SELECT by_procedure, id, count(*), count(*) FILTER (WHERE stands_still),
        count(*) FILTER (WHERE soon AND NOT late AND NOT stands_still), count(*) FILTER (WHERE late)
    FROM (
        SELECT {_SCOPE}, suspended @> $4::date AS stands_still,
            {sql.late(day="$4", moment="$3")} AS late, {sql.soon(day="$4", moment="$3")} AS soon
        FROM cases WHERE generation = $1 AND status = 'open'
    ) c
    WHERE id <> '' GROUP BY 1, 2
"""  # noqa: S608 - our own conditions
_LEVELS = f"""
    SELECT procedure_id, {
    ", ".join(
        f"{name}_{reading}{possible}"
        for name in PRINCIPLES
        for reading in ("declared", "evidenced")
        for possible in ("", "_possible")
    )
}
    FROM levels WHERE procedure_id = ANY ($1::text[])
"""  # noqa: S608 - our own columns


class PostgresGauges:
    """See gauges.GaugeSource."""

    def __init__(self, store: PostgresStore) -> None:
        self._store = store

    async def priority_procedures(self, last_year: Span, least_applications: int) -> frozenset[str]:
        async with self._store.reading() as (connection, generation):
            rows = await connection.fetch(_PRIORITY, generation, last_year.start, last_year.end, least_applications)
        return frozenset(row[0] for row in rows)

    async def readings(
        self, priority: frozenset[str], window: Span, measures: tuple[Measure, ...], *, today: date, now: datetime
    ) -> Readings:
        if not SETTLING_DAYS.keys().isdisjoint(measures):
            raise ValueError("a measure that settles late has no figure as of now")
        ids = sorted(priority)
        sums: dict[ScopeName, dict[Cell, int]] = {}
        async with self._store.reading() as (connection, generation):
            for by_procedure, name, channel, online, measure, bin_, value in await connection.fetch(
                _SUMS, generation, ids, window.start, window.end, list(measures)
            ):
                sums.setdefault(_scope(by_procedure, name), {})[channel, online, measure, bin_] = value
            workloads = {
                _scope(by_procedure, name): Workload(open=opened, suspended=still, due_soon=soon, overdue=late)
                for by_procedure, name, opened, still, soon, late in await connection.fetch(
                    _CASES, generation, ids, now, today
                )
            }
            levels = {row[0]: _readings(tuple(row)[1:]) for row in await connection.fetch(_LEVELS, ids)}
        return Readings(sums, workloads, levels)


def _scope(by_procedure: bool, name: str) -> ScopeName:
    return ("procedure" if by_procedure else "organisation", name)


def _readings(columns: tuple[int, ...]) -> dict[str, MapReadings]:
    return {
        name: MapReadings(LevelReading(*columns[4 * i : 4 * i + 2]), LevelReading(*columns[4 * i + 2 : 4 * i + 4]))
        for i, name in enumerate(PRINCIPLES)
    }

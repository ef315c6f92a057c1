"""From readings to the samples of each scope. What a figure means is the domain's word (docs/indicators.md).

Figures are exact: /metrics is for operators, not for the public.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from fractions import Fraction
from math import inf
from typing import TypeAlias

from qos_domain.assessment import READINGS
from qos_domain.cells import Buckets, Tally
from qos_domain.figures import Distribution
from qos_domain.levels import LevelReading
from qos_domain.measures import Sums, add
from qos_domain.reporting import indicators
from qos_domain.slo import ErrorBudget, joint_objective
from qos_domain.workload import Workload
from qos_metrics.gauge_readings import (
    ALL,
    FORECAST_BUSINESS_DAYS,
    MEASURES,
    Levels,
    Name,
    OpenCases,
    Readings,
    ScopeName,
    WindowName,
)
from qos_runtime import metric_defs as defs
from qos_runtime.metric import Metric


@dataclass(frozen=True, slots=True)
class Histogram:
    """How many values are at or below each limit, the last of which is infinite, and the sum of all values."""

    within: tuple[tuple[float, int], ...]
    total: float


Sample: TypeAlias = tuple[Metric, tuple[str, ...], float | Histogram]

_OF_ALL = Name("すべての手続", "All procedures")
_NOTHING: Mapping[WindowName, Sums] = {}


def samples(readings: Readings, *, today: date, limit: int) -> Iterator[Sample]:
    """The samples of all, and of the `limit` scopes that come first: priority procedures before organisations, those
    with the most applications and open cases before others."""
    scopes = sorted(_scopes(readings), key=lambda scope: _rank(scope, readings))
    shown = scopes[:limit]
    yield defs.FIGURES_SCOPES, ("shown",), len(shown)
    yield defs.FIGURES_SCOPES, ("hidden",), len(scopes) - len(shown)
    yield defs.FIGURES_SCOPES_LIMIT, (), limit
    yield defs.METRICS_REJUDGEMENTS, (), readings.pending_rejudgements
    for scope in shown:
        yield _info(scope, readings)
        sums, results = readings.sums.get(scope, _NOTHING), readings.results.get(scope, {})
        procedure = readings.priority.get(scope[1]) if scope[0] == "procedure" else None
        objective = joint_objective(results) if procedure is None else procedure.objective
        yield from _of_scope(scope, sums, objective, readings.open_cases.get(scope), today)
        if scope[0] == "procedure" and scope[1] in readings.levels:
            yield from _levels(scope[1], readings.levels[scope[1]])
    yield defs.SCOPE_INFO, (*ALL, "", _OF_ALL.ja, _OF_ALL.en or ""), 1
    yield from _of_scope(ALL, *_of_all(readings), today)


def _scopes(readings: Readings) -> set[ScopeName]:
    """Every priority procedure, and the organisations of whose other procedures there is anything."""
    procedures: set[ScopeName] = {("procedure", procedure_id) for procedure_id in readings.priority}
    return procedures.union(readings.sums, readings.open_cases)


def _rank(scope: ScopeName, readings: Readings) -> tuple[bool, int, str]:
    arrived = Tally(readings.sums.get(scope, _NOTHING).get("28d", {})).count("arrived")
    cases = readings.open_cases.get(scope)
    return (scope[0] == "organisation", -arrived - (0 if cases is None else cases.workload.open), scope[1])


def _info(scope: ScopeName, readings: Readings) -> Sample:
    kind, name = scope
    procedure = readings.priority.get(name) if kind == "procedure" else None
    if procedure is not None:
        organisation, names = procedure.organisation_id, procedure.name
    else:
        organisation, names = name, readings.organisations.get(name, Name(name))
    return defs.SCOPE_INFO, (*scope, organisation, names.ja, names.en or names.ja), 1


def _of_all(readings: Readings) -> tuple[Mapping[WindowName, Sums], Fraction, OpenCases | None]:
    sums: dict[WindowName, Sums] = {
        name: add(of_scope.get(name, {}) for of_scope in readings.sums.values()) for name in MEASURES
    }
    results: Counter[Fraction] = Counter()
    for of_scope in readings.results.values():
        results.update(of_scope)
    return sums, joint_objective(results), _together(readings.open_cases.values())


def _together(parts: Iterable[OpenCases]) -> OpenCases | None:
    parts = list(parts)
    if not parts:
        return None
    workloads = [part.workload for part in parts]
    return OpenCases(
        Workload(
            open=sum(each.open for each in workloads),
            suspended=sum(each.suspended for each in workloads),
            due_soon=sum(each.due_soon for each in workloads),
            overdue=sum(each.overdue for each in workloads),
        ),
        min(part.oldest_arrival for part in parts),
        {name: sum(part.forecasts[name] for part in parts) for name in parts[0].forecasts},
    )


def _of_scope(
    scope: ScopeName,
    sums: Mapping[WindowName, Sums],
    objective: Fraction,
    cases: OpenCases | None,
    today: date,
) -> Iterator[Sample]:
    for window, measures in MEASURES.items():
        tally = Tally(sums.get(window, {}))
        if "arrived" in measures:
            online = tally.count("arrived", online=True)
            yield defs.FIGURES_APPLICATIONS, (*scope, window, "yes"), online
            yield defs.FIGURES_APPLICATIONS, (*scope, window, "no"), tally.count("arrived") - online
        yield defs.FIGURES_RESULTS, (*scope, window, "met"), tally.count("met")
        yield defs.FIGURES_RESULTS, (*scope, window, "breached"), tally.count("breached")
    found = indicators(
        Buckets(sums.get("28d", {}), {}, {}, sums.get("fiscal_year", {})), one_procedure=False, objective=objective
    )
    if found.error_budget is not None:
        yield from _budget(scope, found.error_budget)
    yield from _cases(scope, cases, today)
    yield from _processing_time(scope, Tally(sums.get("28d", {})), found.processing_time.calendar_days)
    payments, rating = found.cashless.payments, found.satisfaction.rating
    yield defs.FIGURES_PAYMENTS, (*scope, "28d", "yes"), payments.numerator
    yield defs.FIGURES_PAYMENTS, (*scope, "28d", "no"), payments.denominator - payments.numerator
    yield defs.FIGURES_RATINGS, scope, rating.n
    if rating.mean is not None:
        yield defs.FIGURES_SATISFACTION, scope, rating.mean


def _budget(scope: ScopeName, budget: ErrorBudget) -> Iterator[Sample]:
    yield defs.FIGURES_OBJECTIVE, scope, budget.objective
    yield defs.FIGURES_ERROR_BUDGET, (*scope, "allowed"), budget.allowed
    yield defs.FIGURES_ERROR_BUDGET, (*scope, "used"), budget.used
    yield defs.FIGURES_ERROR_BUDGET, (*scope, "left"), budget.left


def _cases(scope: ScopeName, cases: OpenCases | None, today: date) -> Iterator[Sample]:
    workload = Workload() if cases is None else cases.workload
    yield defs.FIGURES_CASES, (*scope, "open"), workload.open
    yield defs.FIGURES_CASES, (*scope, "suspended"), workload.suspended
    yield defs.FIGURES_CASES, (*scope, "due_soon"), workload.due_soon
    yield defs.FIGURES_CASES, (*scope, "overdue"), workload.overdue
    for horizon in FORECAST_BUSINESS_DAYS:
        yield defs.FIGURES_FORECAST, (*scope, horizon), 0 if cases is None else cases.forecasts[horizon]
    if cases is not None:
        yield defs.FIGURES_OLDEST_OPEN, scope, (today - cases.oldest_arrival).days


def _processing_time(scope: ScopeName, tally: Tally, days: Distribution | None) -> Iterator[Sample]:
    bins = tally.bins("calendar_days")
    limits = (*defs.FIGURES_PROCESSING_DAYS.buckets, inf)
    within = [sum(count for value, count in bins.items() if value <= limit) for limit in limits]
    total_days = sum(value * count for value, count in bins.items())
    yield defs.FIGURES_PROCESSING_DAYS, scope, Histogram(tuple(zip(limits, within, strict=True)), total_days)
    if days is not None:
        for quantile, value in (("0.5", days.p50), ("0.9", days.p90), ("0.95", days.p95)):
            if value is not None:
                yield defs.FIGURES_CALENDAR_DAYS, (*scope, quantile), value


def _levels(procedure_id: str, levels: Levels) -> Iterator[Sample]:
    for principle, readings in levels.live.items():
        for reading in READINGS:
            found: LevelReading = getattr(readings, reading)
            labels = (procedure_id, principle, reading, "live")
            yield defs.FIGURES_LEVEL, labels, found.level
            yield defs.FIGURES_LEVEL_POSSIBLE, labels, found.possible_level
    settled = {} if levels.settled is None else levels.settled.levels
    for principle, settled_readings in settled.items():
        for reading, one in settled_readings.items():
            yield defs.FIGURES_LEVEL, (procedure_id, principle, reading, "settled"), one.level

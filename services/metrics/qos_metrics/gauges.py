"""Domain figures for Prometheus: read in the background, scraped from memory, with a hard limit on labels.

A scope is a priority procedure, an organisation with all its other procedures, or all. Figures are exact: /metrics is
for operators, not for the public.
"""

import asyncio
import math
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import Literal, Protocol, TypeAlias

from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

from qos_domain.cells import Tally
from qos_domain.criteria import PRINCIPLES
from qos_domain.errors import TransientFailure
from qos_domain.figures import Distribution
from qos_domain.measures import Cell, Measure, add
from qos_domain.periods import Span, trailing
from qos_domain.volume import PRIORITY_APPLICATIONS, priority_spans
from qos_domain.workload import Workload
from qos_metrics.ports import MapReadings
from qos_runtime import metric_defs as defs
from qos_runtime.clock import Clock
from qos_runtime.logging import get_logger
from qos_runtime.metric_defs import Metric

log = get_logger(__name__)

MEASURES: tuple[Measure, ...] = ("arrived", "met", "breached", "calendar_days", "payments", "rating")
_WINDOW_DAYS = 28
# What reading took is a twentieth of the time at most, however large the tables are.
_PAUSE_PER_SECOND_OF_WORK = 20
_PRIORITY_EVERY = timedelta(minutes=10)

ScopeName: TypeAlias = tuple[Literal["procedure", "organisation", "all"], str]
ALL: ScopeName = ("all", "")
Sample: TypeAlias = tuple[Metric, tuple[str, ...], float]


@dataclass(frozen=True, slots=True)
class Readings:
    """What the gauges are made of, all of one moment."""

    sums: Mapping[ScopeName, Mapping[Cell, int]]
    workloads: Mapping[ScopeName, Workload]
    levels: Mapping[str, Mapping[str, MapReadings]]


class GaugeSource(Protocol):
    """Where the gauges come from. Raises TransientFailure while the database is away."""

    async def priority_procedures(self, last_year: Span, least_applications: int) -> frozenset[str]:
        """Declared ones, and those with so many applications in the last full fiscal year."""
        ...

    async def readings(
        self, priority: frozenset[str], window: Span, measures: tuple[Measure, ...], *, today: date, now: datetime
    ) -> Readings:
        """Sums and open cases of every priority procedure and, without those, of every organisation."""
        ...


@dataclass(slots=True)
class _Collected:
    samples: list[Sample] = field(default_factory=list)


class Gauges(Collector):
    """Reads now and then, and gives Prometheus what was read last."""

    def __init__(
        self, source: GaugeSource, *, clock: Clock, local_date: Callable[[datetime], date], every: float, limit: int
    ) -> None:
        self._source = source
        self._clock = clock
        self._local_date = local_date
        self._every = every
        self._limit = limit
        self._priority: tuple[datetime, frozenset[str]] | None = None
        self._collected = _Collected()

    async def run(self) -> None:
        """Reads for ever; a failure keeps what was read last, whose age is a metric of its own."""
        while True:
            began = time.perf_counter()
            try:
                await self.read()
            except TransientFailure as error:
                log.warning("gauges_not_read", error=str(error))
            await asyncio.sleep(max(self._every, _PAUSE_PER_SECOND_OF_WORK * (time.perf_counter() - began)))

    async def read(self) -> None:
        """Reads once. Raises TransientFailure."""
        began, now = time.perf_counter(), self._clock.now()
        today = self._local_date(now)
        priority = await self._priority_procedures(now, today)
        window = trailing(today, _WINDOW_DAYS)
        readings = await self._source.readings(priority, window, MEASURES, today=today, now=now)
        samples = list(figures(readings, self._limit))
        samples.append((defs.FIGURES_COLLECTED, (), now.timestamp()))
        samples.append((defs.FIGURES_SECONDS, (), time.perf_counter() - began))
        self._collected = _Collected(samples)

    async def _priority_procedures(self, now: datetime, today: date) -> frozenset[str]:
        if self._priority is None or now - self._priority[0] >= _PRIORITY_EVERY:
            last_year, _ = priority_spans(today)
            self._priority = (now, await self._source.priority_procedures(last_year, PRIORITY_APPLICATIONS))
        return self._priority[1]

    def describe(self) -> Iterable[GaugeMetricFamily]:
        return ()

    def collect(self) -> Iterator[GaugeMetricFamily]:
        """The samples read last; no database is asked."""
        families: dict[str, GaugeMetricFamily] = {}
        for metric, labels, value in self._collected.samples:
            family = families.get(metric.name)
            if family is None:
                family = families[metric.name] = GaugeMetricFamily(metric.name, metric.help, labels=metric.labels)
            family.add_metric(labels, value)
        yield from families.values()


def figures(readings: Readings, limit: int) -> Iterator[Sample]:
    """The samples of all, and of the `limit` scopes with the most applications and open cases."""

    def weight(scope: ScopeName) -> tuple[bool, int, str]:
        arrived = sum(count for cell, count in readings.sums.get(scope, {}).items() if cell[2] == "arrived")
        return (scope[0] == "organisation", -arrived - readings.workloads.get(scope, Workload()).open, scope[1])

    scopes = sorted(set(readings.sums) | set(readings.workloads), key=weight)
    shown = scopes[:limit]
    yield defs.FIGURES_SCOPES, ("shown",), len(shown)
    yield defs.FIGURES_SCOPES, ("hidden",), len(scopes) - len(shown)
    for scope in shown:
        yield from _of_scope(scope, readings.sums.get(scope, {}), readings.workloads.get(scope, Workload()))
    yield from _of_scope(ALL, add(readings.sums.values()), _total(readings.workloads.values()))
    visible = {name for kind, name in shown if kind == "procedure"}
    for procedure_id in sorted(visible & set(readings.levels)):
        for principle in PRINCIPLES:
            level = readings.levels[procedure_id].get(principle)
            if level is not None:
                yield defs.FIGURES_LEVEL, (procedure_id, principle, "declared", "live"), level.declared.level
                yield defs.FIGURES_LEVEL, (procedure_id, principle, "evidenced", "live"), level.evidenced.level


def _of_scope(scope: ScopeName, sums: Mapping[Cell, int], workload: Workload) -> Iterator[Sample]:
    tally = Tally(sums)
    online = tally.count("arrived", online=True)
    yield defs.FIGURES_APPLICATIONS, (*scope, "28d", "yes"), online
    yield defs.FIGURES_APPLICATIONS, (*scope, "28d", "no"), tally.count("arrived") - online
    yield defs.FIGURES_RESULTS, (*scope, "28d", "met"), tally.count("met")
    yield defs.FIGURES_RESULTS, (*scope, "28d", "breached"), tally.count("breached")
    yield defs.FIGURES_PAYMENTS, (*scope, "28d", "yes"), tally.yes("payments")
    yield defs.FIGURES_PAYMENTS, (*scope, "28d", "no"), tally.count("payments") - tally.yes("payments")
    days = Distribution.of(tally.bins("calendar_days"))
    if days is not None:
        for quantile, value in (("0.5", days.p50), ("0.9", days.p90), ("0.95", days.p95)):
            yield defs.FIGURES_CALENDAR_DAYS, (*scope, quantile), math.nan if value is None else value
    ratings = tally.bins("rating")
    n = sum(ratings.values())
    yield defs.FIGURES_RATINGS, scope, n
    if n:
        yield defs.FIGURES_SATISFACTION, scope, sum(rating * count for rating, count in ratings.items()) / n
    for state in ("open", "suspended", "due_soon", "overdue"):
        yield defs.FIGURES_CASES, (*scope, state), getattr(workload, state)


def _total(workloads: Iterable[Workload]) -> Workload:
    workloads = list(workloads)
    return Workload(
        open=sum(each.open for each in workloads),
        suspended=sum(each.suspended for each in workloads),
        due_soon=sum(each.due_soon for each in workloads),
        overdue=sum(each.overdue for each in workloads),
        forecast=sum(each.forecast for each in workloads),
    )

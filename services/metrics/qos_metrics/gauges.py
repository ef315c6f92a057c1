"""Domain figures for Prometheus: read in the background, scraped from memory, with a hard limit on labels."""

import asyncio
import time
from collections import defaultdict
from collections.abc import Iterable, Iterator
from datetime import datetime, timedelta
from math import inf

from prometheus_client.core import GaugeHistogramMetricFamily, GaugeMetricFamily, InfoMetricFamily, Metric
from prometheus_client.registry import Collector

from qos_domain.calendar import Calendar, CalendarRange
from qos_domain.errors import TransientFailure
from qos_domain.periods import Span
from qos_domain.volume import PRIORITY_APPLICATIONS, priority_spans
from qos_metrics.gauge_readings import GaugeSource, Moment
from qos_metrics.gauge_samples import Histogram, Sample, samples
from qos_runtime import metric_defs as defs
from qos_runtime.clock import Clock
from qos_runtime.logging import get_logger
from qos_runtime.metric import Kind
from qos_runtime.metric import Metric as Definition

log = get_logger(__name__)

# What reading took is a twentieth of the time at most, however large the tables are.
_PAUSE_PER_SECOND_OF_WORK = 20
# Last year's applications are many rows to sum, and change little.
_BUSY_EVERY = timedelta(minutes=10)


class Gauges(Collector):
    """Reads now and then, and gives Prometheus what was read last."""

    def __init__(self, source: GaugeSource, *, clock: Clock, calendar: Calendar, every: float, limit: int) -> None:
        self._source = source
        self._clock = clock
        self._calendar = calendar
        self._every = every
        self._limit = limit
        self._busy: tuple[datetime, Span, frozenset[str]] | None = None
        self._families: list[Metric] = []

    async def run(self) -> None:
        """Reads for ever; a failure keeps what was read last, whose age is a metric of its own."""
        while True:
            began = time.perf_counter()
            try:
                await self.read()
            except (TransientFailure, CalendarRange) as error:
                log.warning("gauges_not_read", error=str(error))
            await asyncio.sleep(max(self._every, _PAUSE_PER_SECOND_OF_WORK * (time.perf_counter() - began)))

    async def read(self) -> None:
        """Reads once. Raises TransientFailure, and CalendarRange where the calendar ends before the forecast does."""
        began, moment = time.perf_counter(), Moment.of(self._clock.now(), self._calendar)
        readings = await self._source.readings(await self._busy_procedures(moment), moment)
        # Of hundreds of scopes it takes a tenth of a second: other requests go on meanwhile.
        figures = await asyncio.to_thread(_families, samples(readings, today=moment.today, limit=self._limit))
        taken = [
            (defs.FIGURES_COLLECTED, (), moment.now.timestamp()),
            (defs.FIGURES_SECONDS, (), time.perf_counter() - began),
        ]
        self._families = [*figures, *_families(taken)]

    async def _busy_procedures(self, moment: Moment) -> frozenset[str]:
        last_year, _ = priority_spans(moment.today)
        if self._busy is None or self._busy[1] != last_year or moment.now - self._busy[0] >= _BUSY_EVERY:
            found = await self._source.busy_procedures(last_year, PRIORITY_APPLICATIONS)
            self._busy = (moment.now, last_year, found)
        return self._busy[2]

    def describe(self) -> Iterable[Metric]:
        return ()

    def collect(self) -> Iterator[Metric]:
        """What was read last; no database is asked."""
        yield from self._families


def _families(found: Iterable[Sample]) -> list[Metric]:
    by_metric: defaultdict[Definition, list[tuple[tuple[str, ...], float | Histogram]]] = defaultdict(list)
    for metric, labels, value in found:
        by_metric[metric].append((labels, value))
    return [_family(metric, values) for metric, values in by_metric.items()]


def _family(metric: Definition, values: Iterable[tuple[tuple[str, ...], float | Histogram]]) -> Metric:
    gauges = GaugeMetricFamily(metric.name, metric.help, labels=metric.labels)
    histograms = GaugeHistogramMetricFamily(metric.name, metric.help, labels=metric.labels)
    infos = InfoMetricFamily(metric.name, metric.help, labels=metric.labels)
    for labels, value in values:
        if isinstance(value, Histogram):
            within = [("+Inf" if limit == inf else str(float(limit)), count) for limit, count in value.within]
            histograms.add_metric(labels, within, gsum_value=value.total)
        elif metric.kind is Kind.INFO:
            infos.add_metric(labels, {})
        else:
            gauges.add_metric(labels, value)
    return {Kind.INFO: infos, Kind.GAUGE_HISTOGRAM: histograms}.get(metric.kind, gauges)

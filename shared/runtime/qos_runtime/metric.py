"""What a Prometheus metric is here: a definition as data, which makes the metric where it is used."""

from dataclasses import dataclass
from enum import Enum

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, Info, disable_created_metrics

# The client would add a series with its time of creation to each series of a counter.
disable_created_metrics()  # type: ignore[no-untyped-call]


class Kind(Enum):
    COUNTER = "counter"
    GAUGE = "gauge"
    HISTOGRAM = "histogram"
    GAUGE_HISTOGRAM = "gauge histogram"
    INFO = "info"


@dataclass(frozen=True, slots=True)
class Metric:
    """A metric's name without the `_total` that counters get, its help text, labels and (histograms) buckets.

    A gauge histogram is one whose counts can go down (the cases of the last 28 days): it is scraped as `_bucket`,
    `_gcount` and `_gsum`, and no rate must be taken of it.
    """

    name: str
    kind: Kind
    help: str
    labels: tuple[str, ...] = ()
    buckets: tuple[float, ...] = ()

    def counter(self, registry: CollectorRegistry) -> Counter:
        self._must_be(Kind.COUNTER)
        return Counter(self.name, self.help, self.labels, registry=registry)

    def gauge(self, registry: CollectorRegistry) -> Gauge:
        self._must_be(Kind.GAUGE)
        return Gauge(self.name, self.help, self.labels, registry=registry)

    def histogram(self, registry: CollectorRegistry) -> Histogram:
        self._must_be(Kind.HISTOGRAM)
        return Histogram(self.name, self.help, self.labels, buckets=self.buckets, registry=registry)

    def info(self, registry: CollectorRegistry) -> Info:
        self._must_be(Kind.INFO)
        return Info(self.name, self.help, self.labels, registry=registry)

    def _must_be(self, kind: Kind) -> None:
        if self.kind is not kind:
            raise TypeError(f"{self.name} is a {self.kind.value}, not a {kind.value}")


SECONDS_FAST = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)

"""Every Prometheus metric of the system, in one typed place: the documentation and the alerts are checked against it.

To add one: append a definition here and to `ALL`, make it with `INTAKE_EVENTS.counter(registry)` (or gauge,
histogram) in the service's bootstrap, and make docs/metrics.md anew (`metric_docs`). Labels are bounded: a
procedure_id only for priority procedures, never an application id.
"""

from dataclasses import dataclass
from enum import Enum

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, Info


class Kind(Enum):
    COUNTER = "counter"
    GAUGE = "gauge"
    HISTOGRAM = "histogram"
    INFO = "info"


@dataclass(frozen=True, slots=True)
class Metric:
    """A metric's name without the `_total` that counters get, its help text, labels and (histograms) buckets."""

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

INTAKE_EVENTS = Metric(
    "qos_intake_events",
    Kind.COUNTER,
    "Events that arrived at intake, by what became of them (accepted, or the reason of the refusal).",
    ("source", "type", "outcome"),
)
INTAKE_REQUESTS = Metric(
    "qos_intake_requests", Kind.COUNTER, "Requests answered, by route template.", ("route", "status")
)
INTAKE_IN_FLIGHT_BYTES = Metric(
    "qos_intake_in_flight_bytes", Kind.GAUGE, "Bytes of request bodies held until their events are acknowledged."
)
INTAKE_PROCEDURES = Metric(
    "qos_intake_procedures", Kind.GAUGE, "Procedures whose organisation intake knows from the registry."
)
INTAKE_RELAYED = Metric(
    "qos_intake_relayed",
    Kind.COUNTER,
    "Records of inbox topics that were relayed, or went to the dead letters.",
    ("source", "outcome"),
)
INTAKE_PUBLISH_SECONDS = Metric(
    "qos_intake_publish_seconds",
    Kind.HISTOGRAM,
    "From an accepted request to Kafka's acknowledgement of all its events.",
    buckets=SECONDS_FAST,
)
PROCESSING_EVENTS = Metric(
    "qos_processing_events",
    Kind.COUNTER,
    "Records whose batch was committed, by topic and outcome (folded, repeated, dead_letter).",
    ("topic", "outcome"),
)
PROCESSING_BATCH_SECONDS = Metric(
    "qos_processing_batch_seconds",
    Kind.HISTOGRAM,
    "From a batch handed to the service to its transaction committed.",
    buckets=SECONDS_FAST,
)
PROCESSING_BATCH_RECORDS = Metric(
    "qos_processing_batch_records",
    Kind.HISTOGRAM,
    "Records in a batch.",
    buckets=(1, 10, 50, 100, 500, 1000, 2500, 5000),
)
PROCESSING_DELAY_SECONDS = Metric(
    "qos_processing_delay_seconds",
    Kind.HISTOGRAM,
    "From the broker's append of the oldest record of a batch to its commit.",
    ("topic",),
    buckets=(0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 60.0, 600.0, 3600.0),
)
PROCESSING_LAG_RECORDS = Metric(
    "qos_processing_lag_records",
    Kind.GAUGE,
    "Records in the log that are not committed yet, of the partitions this worker has.",
    ("topic", "partition"),
)
PROCESSING_LAG_SECONDS = Metric(
    "qos_processing_lag_seconds",
    Kind.GAUGE,
    "Age of the oldest record that is not committed yet (0 if there is none), of the partitions this worker has.",
    ("topic", "partition"),
)
PROCESSING_CONFLICTS = Metric(
    "qos_processing_conflicts",
    Kind.COUNTER,
    "Batches that found another stored offset than they were fetched from: redelivered, or another worker was faster.",
    ("topic",),
)
PROCESSING_PARTITIONS = Metric(
    "qos_processing_partitions",
    Kind.GAUGE,
    "Partitions this worker has, by topic.",
    ("topic",),
)
OUTBOX_PENDING = Metric(
    "qos_outbox_pending", Kind.GAUGE, "Messages committed in the outbox that Kafka has not acknowledged.", ("topic",)
)
METRICS_REQUEST_SECONDS = Metric(
    "qos_metrics_request_seconds",
    Kind.HISTOGRAM,
    "Time to answer a request of the metrics API, by route template.",
    ("route", "status"),
    buckets=SECONDS_FAST,
)
METRICS_STREAM_CLIENTS = Metric(
    "qos_metrics_stream_clients", Kind.GAUGE, "Clients that follow the live stream of this instance."
)
METRICS_STREAM_DROPPED = Metric(
    "qos_metrics_stream_dropped",
    Kind.GAUGE,
    "Messages that this instance did not pass on since it started: repeats, and revisions older than one passed on.",
)
METRICS_LAG_SECONDS = Metric(
    "qos_metrics_lag_seconds",
    Kind.GAUGE,
    "How long the oldest event that doesn't count yet has been waiting, over all partitions; NaN while not known.",
)
METRICS_BACKLOG_RECORDS = Metric(
    "qos_metrics_backlog_records", Kind.GAUGE, "Records in the input topics that don't count yet; NaN while not known."
)
FIGURES_COLLECTED = Metric(
    "qos_figures_collected_timestamp_seconds", Kind.GAUGE, "When the figures below were last read from PostgreSQL."
)
FIGURES_SECONDS = Metric("qos_figures_collect_seconds", Kind.GAUGE, "How long it took to read the figures below.")
FIGURES_SCOPES = Metric(
    "qos_figures_scopes",
    Kind.GAUGE,
    "Scopes by what became of them: shown, or hidden by the limit on labels (QOS_METRICS_GAUGES_SCOPE_LIMIT).",
    ("state",),
)
# A scope is a priority procedure, or an organisation with all its other procedures, or all: (scope, id).
_SCOPE = ("scope", "id")
FIGURES_APPLICATIONS = Metric(
    "qos_applications_28_days", Kind.GAUGE, "Applications in the last 28 days.", (*_SCOPE, "online")
)
FIGURES_RESULTS = Metric(
    "qos_results_28_days", Kind.GAUGE, "Results of the last 28 days: met or breached.", (*_SCOPE, "result")
)
FIGURES_CALENDAR_DAYS = Metric(
    "qos_calendar_days_28_days",
    Kind.GAUGE,
    "Calendar days from arrival to stop, of cases that stopped in the last 28 days; nearest rank.",
    (*_SCOPE, "quantile"),
)
FIGURES_PAYMENTS = Metric("qos_payments_28_days", Kind.GAUGE, "Payments in the last 28 days.", (*_SCOPE, "cashless"))
FIGURES_RATINGS = Metric("qos_ratings_28_days", Kind.GAUGE, "Ratings given in the last 28 days.", _SCOPE)
FIGURES_SATISFACTION = Metric(
    "qos_satisfaction_mean_28_days", Kind.GAUGE, "Mean rating (1-5) of the last 28 days.", _SCOPE
)
FIGURES_CASES = Metric(
    "qos_cases",
    Kind.GAUGE,
    "Open cases now, by state: open (all of them), suspended, due_soon, overdue.",
    (*_SCOPE, "state"),
)
FIGURES_LEVEL = Metric(
    "qos_level",
    Kind.GAUGE,
    "Level (0-3) of a priority procedure, as processing assessed it last, by principle and reading.",
    ("id", "principle", "reading"),
)
VERIFY_CHECKED = Metric(
    "qos_verify_checked",
    Kind.GAUGE,
    "What the last verification compared, by kind (cases, buckets, totals, log); absent where it was never compared.",
    ("what",),
)
VERIFY_MISMATCHES = Metric(
    "qos_verify_mismatches", Kind.GAUGE, "How many of them were not as a fresh fold has them.", ("what",)
)
VERIFY_TIMESTAMP = Metric("qos_verify_timestamp_seconds", Kind.GAUGE, "When the last verification was finished.")
REBUILD_RECORDS = Metric(
    "qos_rebuild_records",
    Kind.GAUGE,
    "Records of the log that a rebuild has read so far, and has to read in all; absent while none is going on.",
    ("state",),
)

ALL: tuple[Metric, ...] = (
    INTAKE_EVENTS,
    INTAKE_REQUESTS,
    INTAKE_IN_FLIGHT_BYTES,
    INTAKE_PROCEDURES,
    INTAKE_RELAYED,
    INTAKE_PUBLISH_SECONDS,
    PROCESSING_EVENTS,
    PROCESSING_BATCH_SECONDS,
    PROCESSING_BATCH_RECORDS,
    PROCESSING_DELAY_SECONDS,
    PROCESSING_LAG_RECORDS,
    PROCESSING_LAG_SECONDS,
    PROCESSING_CONFLICTS,
    PROCESSING_PARTITIONS,
    OUTBOX_PENDING,
    METRICS_REQUEST_SECONDS,
    METRICS_STREAM_CLIENTS,
    METRICS_STREAM_DROPPED,
    METRICS_LAG_SECONDS,
    METRICS_BACKLOG_RECORDS,
    FIGURES_COLLECTED,
    FIGURES_SECONDS,
    FIGURES_SCOPES,
    FIGURES_APPLICATIONS,
    FIGURES_RESULTS,
    FIGURES_CALENDAR_DAYS,
    FIGURES_PAYMENTS,
    FIGURES_RATINGS,
    FIGURES_SATISFACTION,
    FIGURES_CASES,
    FIGURES_LEVEL,
    VERIFY_CHECKED,
    VERIFY_MISMATCHES,
    VERIFY_TIMESTAMP,
    REBUILD_RECORDS,
)
"""In the order of the documentation. Append here what you define above."""

"""Every Prometheus metric of the system, in one typed place: the documentation and the alerts are checked against it.

To add one: append a definition here, make it with `INTAKE_EVENTS.counter(registry)` (or gauge, histogram) in the
service's bootstrap, and make docs/metrics.md anew (`metric_docs`). Labels are bounded: a procedure_id only for priority
procedures, never an application id.
"""

from qos_runtime.metric import SECONDS_FAST, Kind, Metric

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
PROCESSING_RETRIES = Metric(
    "qos_processing_retries",
    Kind.COUNTER,
    "Transactions that failed for now and were tried again, by the class of the error.",
    ("error",),
)
PROCESSING_PARTITIONS = Metric(
    "qos_processing_partitions",
    Kind.GAUGE,
    "Partitions this worker has, by topic.",
    ("topic",),
)
DEAD_LETTERS = Metric(
    "qos_dead_letters",
    Kind.COUNTER,
    "Records put to the dead letters, in committed batches, by the topic they came from and the reason.",
    ("topic", "reason"),
)
OUTBOX_PENDING = Metric(
    "qos_outbox_pending", Kind.GAUGE, "Messages committed in the outbox that Kafka has not acknowledged.", ("topic",)
)
OUTBOX_OLDEST_SECONDS = Metric(
    "qos_outbox_oldest_seconds",
    Kind.GAUGE,
    "Age of the oldest message in the outbox that Kafka has not acknowledged; 0 if there is none.",
)
LEADER = Metric("qos_leader", Kind.GAUGE, "1 if this worker leads: it announces, assesses and publishes; else 0.")
# A scope is a priority procedure, or an organisation with all its other procedures, or all: (scope, id).
_SCOPE = ("scope", "id")
SLA_RESULTS = Metric(
    "qos_sla_results",
    Kind.COUNTER,
    "Results as they were noticed: met and recovered with their batch, breached and retracted when announced;"
    " backfill: more than 7 days after their date.",
    (*_SCOPE, "result", "backfill"),
)
SLA_RESULTS_SCOPES = Metric(
    "qos_sla_results_scopes", Kind.GAUGE, "Scopes that qos_sla_results_total counts under an id of their own."
)
SLA_RESULTS_SCOPES_LIMIT = Metric(
    "qos_sla_results_scopes_limit",
    Kind.GAUGE,
    "How many these can be (QOS_PROCESSING_SLA_RESULTS_SCOPE_LIMIT); further ones count under the id other.",
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
METRICS_REJUDGEMENTS = Metric(
    "qos_rejudgements_pending",
    Kind.GAUGE,
    "Procedures whose cases are being judged anew after a change of the registry.",
)
FIGURES_COLLECTED = Metric(
    "qos_figures_collected_timestamp_seconds", Kind.GAUGE, "When the figures below were last read from PostgreSQL."
)
FIGURES_SECONDS = Metric("qos_figures_collect_seconds", Kind.GAUGE, "How long it took to read the figures below.")
FIGURES_SCOPES = Metric(
    "qos_figures_scopes",
    Kind.GAUGE,
    "Scopes by what became of them: shown, or hidden by the limit on labels.",
    ("state",),
)
FIGURES_SCOPES_LIMIT = Metric(
    "qos_figures_scopes_limit", Kind.GAUGE, "How many scopes are shown at most (QOS_METRICS_GAUGES_SCOPE_LIMIT)."
)
# Windows are of local dates and end today; a fiscal year begins on 1 April.
SCOPE_INFO = Metric(
    "qos_scope",
    Kind.INFO,
    "Always 1: the names of a scope, and the organisation that it belongs to (an organisation: to itself).",
    (*_SCOPE, "organisation", "name_ja", "name_en"),
)
FIGURES_APPLICATIONS = Metric(
    "qos_applications",
    Kind.GAUGE,
    "Applications by date of arrival, in a window (7d, 28d).",
    (*_SCOPE, "window", "online"),
)
FIGURES_RESULTS = Metric(
    "qos_results",
    Kind.GAUGE,
    "Results of a window (3d, 7d, 28d, fiscal_year): met or breached.",
    (*_SCOPE, "window", "result"),
)
FIGURES_OBJECTIVE = Metric(
    "qos_objective_ratio",
    Kind.GAUGE,
    "Share of results met that is promised; of several procedures: weighted by their results of the fiscal year.",
    _SCOPE,
)
FIGURES_ERROR_BUDGET = Metric(
    "qos_error_budget_cases",
    Kind.GAUGE,
    "Breaches of the fiscal year: allowed by its results so far, used, and left (negative when overspent).",
    (*_SCOPE, "state"),
)
FIGURES_CASES = Metric(
    "qos_cases",
    Kind.GAUGE,
    "Open cases now, by state: open (all of them), suspended, due_soon, overdue.",
    (*_SCOPE, "state"),
)
FIGURES_OLDEST_OPEN = Metric(
    "qos_oldest_open_days",
    Kind.GAUGE,
    "Calendar days since the arrival of the oldest open case; absent when none is open.",
    _SCOPE,
)
FIGURES_FORECAST = Metric(
    "qos_forecast_breaches",
    Kind.GAUGE,
    "Open cases that will breach, if they stay open, by the next business day (1bd) or by the fifth (5bd).",
    (*_SCOPE, "horizon"),
)
FIGURES_PROCESSING_DAYS = Metric(
    "qos_processing_days",
    Kind.GAUGE_HISTOGRAM,
    "Calendar days from arrival to stop, of cases that stopped in the last 28 days.",
    _SCOPE,
    buckets=(1, 2, 3, 5, 7, 10, 14, 21, 30, 45, 60, 90, 120, 180),
)
FIGURES_CALENDAR_DAYS = Metric(
    "qos_calendar_days",
    Kind.GAUGE,
    "The same by quantile (0.5, 0.9, 0.95), exact: nearest rank.",
    (*_SCOPE, "quantile"),
)
FIGURES_PAYMENTS = Metric("qos_payments", Kind.GAUGE, "Payments in a window (28d).", (*_SCOPE, "window", "cashless"))
FIGURES_RATINGS = Metric("qos_ratings", Kind.GAUGE, "Ratings given in the last 28 days.", _SCOPE)
FIGURES_SATISFACTION = Metric(
    "qos_satisfaction_mean", Kind.GAUGE, "Mean rating (1-5) of the last 28 days; absent without ratings.", _SCOPE
)
_LEVEL = ("id", "principle", "reading", "assessment")
FIGURES_LEVEL = Metric(
    "qos_level",
    Kind.GAUGE,
    "Level (0-3) of a priority procedure, by principle, reading (declared, evidenced) and assessment"
    " (live: as processing assessed it last; settled: after days of equal assessments).",
    _LEVEL,
)
FIGURES_LEVEL_POSSIBLE = Metric(
    "qos_level_possible", Kind.GAUGE, "The level if every criterion that can't be told were met.", _LEVEL
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

ALL: tuple[Metric, ...] = tuple(value for value in list(globals().values()) if isinstance(value, Metric))
"""In the order of the definitions, which is that of the documentation."""

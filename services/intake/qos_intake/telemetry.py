"""What intake counts. Labels are bounded: sources of the file, types of the schema, reasons of the code."""

from prometheus_client import CollectorRegistry

from qos_runtime import metric_defs

UNREAD = "unread"
ACCEPTED = "accepted"
RELAYED = "relayed"
DEAD_LETTER = "dead_letter"


class Telemetry:
    def __init__(self, registry: CollectorRegistry) -> None:
        self.registry = registry
        self.publish_seconds = metric_defs.INTAKE_PUBLISH_SECONDS.histogram(registry)
        self.procedures = metric_defs.INTAKE_PROCEDURES.gauge(registry)
        self.in_flight_bytes = metric_defs.INTAKE_IN_FLIGHT_BYTES.gauge(registry)
        self._events = metric_defs.INTAKE_EVENTS.counter(registry)
        self._requests = metric_defs.INTAKE_REQUESTS.counter(registry)
        self._relayed = metric_defs.INTAKE_RELAYED.counter(registry)

    def event(self, *, source: str, event_type: str, outcome: str, count: int = 1) -> None:
        """`event_type` is a short type, or UNREAD; `outcome` is ACCEPTED or the reason of the problem."""
        self._events.labels(source=source, type=event_type, outcome=outcome).inc(count)

    def request(self, *, route: str, status: int) -> None:
        self._requests.labels(route=route, status=str(status)).inc()

    def relayed(self, *, source: str, outcome: str, count: int = 1) -> None:
        """`outcome` is RELAYED or DEAD_LETTER."""
        self._relayed.labels(source=source, outcome=outcome).inc(count)

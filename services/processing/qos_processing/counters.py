"""What a worker counts of the transactions that it has committed, for Prometheus."""

from prometheus_client import CollectorRegistry

from qos_domain.events import INPUT_TOPICS
from qos_processing.dead_letters import REASONS
from qos_processing.sla_results import SlaResults
from qos_runtime import metric_defs


class Counters:
    """True counters: they begin at 0 with the process. `topic` is a base name."""

    def __init__(self, registry: CollectorRegistry, *, sla_results_scope_limit: int = 500) -> None:
        self.sla_results = SlaResults(registry, limit=sla_results_scope_limit)
        self._events = metric_defs.PROCESSING_EVENTS.counter(registry)
        self._dead_letters = metric_defs.DEAD_LETTERS.counter(registry)
        for topic in INPUT_TOPICS:
            for reason in REASONS:
                self._dead_letters.labels(topic, reason)  # there at 0, so that the first one is an increase

    def events(self, topic: str, *, folded: int, repeated: int, dead_letters: int) -> None:
        """Records of a batch, by what became of them."""
        self._events.labels(topic, "folded").inc(folded)
        self._events.labels(topic, "repeated").inc(repeated)
        self._events.labels(topic, "dead_letter").inc(dead_letters)

    def dead_letter(self, topic: str, reason: str) -> None:
        """One record was put to the dead letters."""
        self._dead_letters.labels(topic, reason).inc()

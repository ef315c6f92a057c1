"""How far a worker is, and what it tells Prometheus about it."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from faust.types import TP
from prometheus_client import CollectorRegistry

from qos_domain.events import INPUT_TOPICS
from qos_processing.ports import Batch
from qos_runtime import metric_defs


@dataclass(slots=True)
class _Position:
    stored: int
    end: int
    # No record that is still to be committed was appended before this (milliseconds since 1970).
    not_before_ms: int


class Progress:
    """Stored offset against the end of the log, for the partitions that the worker has; and its metrics."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._positions: dict[TP, _Position] = {}
        self._waiting_seconds: dict[TP, float] = {}
        self._batch_seconds = metric_defs.PROCESSING_BATCH_SECONDS.histogram(registry)
        self._batch_records = metric_defs.PROCESSING_BATCH_RECORDS.histogram(registry)
        self._delay_seconds = metric_defs.PROCESSING_DELAY_SECONDS.histogram(registry)
        self._lag_records = metric_defs.PROCESSING_LAG_RECORDS.gauge(registry)
        self._lag_seconds = metric_defs.PROCESSING_LAG_SECONDS.gauge(registry)
        self._conflicts = metric_defs.PROCESSING_CONFLICTS.counter(registry)
        self._partitions = metric_defs.PROCESSING_PARTITIONS.gauge(registry)
        for topic in INPUT_TOPICS:
            self._conflicts.labels(topic)  # at 0 from the start, so that the first one is an increase

    @property
    def partitions(self) -> frozenset[TP]:
        """The partitions that were placed and not revoked since."""
        return frozenset(self._positions)

    def stored(self) -> dict[TP, int]:
        """The offset that was committed last, or started from, by partition."""
        return {tp: position.stored for tp, position in self._positions.items()}

    @property
    def lag_seconds(self) -> float:
        """Age of the oldest record not committed yet, of all partitions, as of the last measurement."""
        return max(self._waiting_seconds.values(), default=0.0)

    def placed(self, offsets: Mapping[TP, int], now: datetime) -> None:
        """These partitions start from here."""
        for tp, offset in offsets.items():
            self._positions[tp] = _Position(stored=offset, end=offset, not_before_ms=_milliseconds(now))
        self._count_partitions()

    def revoked(self) -> None:
        """All partitions were taken away (an assignment follows, perhaps of the same ones)."""
        for tp in self._positions:
            self._lag_records.remove(tp.topic, str(tp.partition))
            self._lag_seconds.remove(tp.topic, str(tp.partition))
        self._positions.clear()
        self._waiting_seconds.clear()
        self._count_partitions()

    def committed(self, tp: TP, batch: Batch, *, seconds: float, now: datetime) -> None:
        """A batch's transaction was committed, `seconds` after it was handed over."""
        self._batch_seconds.observe(seconds)
        self._batch_records.observe(len(batch.records))
        self._delay_seconds.labels(batch.topic).observe(
            max(0, _milliseconds(now) - batch.records[0].appended_ms) / 1000
        )
        position = self._positions.get(tp)
        if position is not None:
            position.stored = batch.next_offset
            behind = position.stored < position.end
            position.not_before_ms = batch.records[-1].appended_ms if behind else _milliseconds(now)

    def conflict(self, batch: Batch) -> None:
        """A batch found another stored offset."""
        self._conflicts.labels(batch.topic).inc()

    def measured(self, ends: Mapping[TP, int], under_way: Mapping[TP, Batch], now: datetime) -> None:
        """The log ends here now: set the gauges."""
        for tp, end in ends.items():
            position = self._positions.get(tp)
            if position is None:
                continue
            position.end = end
            records = max(0, end - position.stored)
            batch = under_way.get(tp)
            oldest_ms = batch.records[0].appended_ms if batch else position.not_before_ms
            if not records:
                position.not_before_ms = _milliseconds(now)
            labels = (tp.topic, str(tp.partition))
            seconds = max(0, _milliseconds(now) - oldest_ms) / 1000 if records else 0.0
            self._waiting_seconds[tp] = seconds
            self._lag_records.labels(*labels).set(records)
            self._lag_seconds.labels(*labels).set(seconds)

    def _count_partitions(self) -> None:
        self._partitions.clear()
        for tp in self._positions:
            self._partitions.labels(tp.topic).inc()


def _milliseconds(instant: datetime) -> int:
    return int(instant.timestamp() * 1000)

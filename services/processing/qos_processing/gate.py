"""Backpressure: how much may be under way between the broker and the service."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from time import monotonic

from faust.types import TP

from qos_processing.ports import Batch


class Gate:
    """At most one batch of a partition is under way, and a bounded number of records in all partitions together.

    So a partition's batches can't overtake each other, memory is bounded by records and not by a queue's length, and
    batches grow while the service is behind: what arrives meanwhile waits in the log. A batch is under way from
    `take` until `work` ends, or until `clear`: a seek makes everything that was fetched before it worthless.

    Belongs to the event loop that the agent runs in; not thread-safe.
    """

    def __init__(self, *, max_records: int) -> None:
        self._max_records = max_records
        self._under_way: dict[TP, Batch] = {}
        self._working: dict[int, float] = {}  # id of the batch -> since when
        self._released = asyncio.Event()
        self._idle = asyncio.Event()
        self._idle.set()

    def free(self, partitions: set[TP]) -> set[TP]:
        """Those of the partitions that may be fetched from now; none while the records under way are too many.

        If there are none, `released` returns as soon as that may have changed.
        """
        self._released.clear()
        if self.room() <= 0:
            return set()
        return partitions.difference(self._under_way)

    def room(self) -> int:
        """How many more records may be fetched."""
        return self._max_records - sum(len(batch.records) for batch in self._under_way.values())

    def take(self, tp: TP, batch: Batch) -> None:
        """The batch was fetched and is handed on. Its partition must be free."""
        if tp in self._under_way:
            raise ValueError(f"{tp.topic}-{tp.partition} already has a batch under way")
        self._under_way[tp] = batch

    def holds(self, tp: TP, batch: Batch) -> bool:
        """Whether the batch is still under way: not cleared since it was taken."""
        return self._under_way.get(tp) is batch

    @contextmanager
    def work(self, tp: TP, batch: Batch) -> Iterator[None]:
        """Around the service's call; at its end, however it ends, the partition is free for its next batch."""
        self._working[id(batch)] = monotonic()
        self._idle.clear()
        try:
            yield
        finally:
            del self._working[id(batch)]
            if not self._working:
                self._idle.set()
            if self.holds(tp, batch):
                del self._under_way[tp]
            self._released.set()

    def clear(self) -> None:
        """Nothing that was fetched so far counts any more."""
        self._under_way.clear()
        self._released.set()

    def outstanding(self) -> dict[TP, Batch]:
        """What is under way now, by partition."""
        return dict(self._under_way)

    def working_seconds(self) -> float:
        """For how long the service has been working on the oldest of its present batches; 0 if it has none."""
        return monotonic() - min(self._working.values()) if self._working else 0.0

    async def released(self) -> None:
        """Return when something was released or cleared since the last call of `free`."""
        await self._released.wait()

    async def idle(self) -> None:
        """Return when the service isn't working on any batch."""
        await self._idle.wait()

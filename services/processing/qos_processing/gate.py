"""Backpressure: how much may be under way between the broker and the service."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from time import monotonic

from faust.types import TP

from qos_processing.ports import Batch


class Gate:
    """At most one batch of a partition is under way, and a bounded number of records and bytes in all partitions.

    So a partition's batches can't overtake each other, memory is bounded by what is under way and not by a queue's
    length, and batches grow while the service is behind: what arrives meanwhile waits in the log. A batch is under way
    from `take` until `work` ends, or until `clear`: a seek makes everything that was fetched before it worthless.

    How large records are is known when they are here, so `room` expects those that come to be as large as the last
    ones: the bytes are exceeded by one poll at most, when large records follow small ones.

    Belongs to the event loop that the agent runs in; not thread-safe.
    """

    def __init__(self, *, max_records: int, max_bytes: int) -> None:
        self._max_records = max_records
        self._max_bytes = max_bytes
        self._record_bytes = 1
        self._under_way: dict[TP, Batch] = {}
        self._sizes: dict[TP, int] = {}
        self._working: dict[int, float] = {}  # id of the batch -> since when
        self._released = asyncio.Event()
        self._idle = asyncio.Event()
        self._idle.set()

    def free(self, partitions: set[TP]) -> set[TP]:
        """Those of the partitions that may be fetched from now; none while what is under way is too much.

        If there are none, `released` returns as soon as that may have changed.
        """
        self._released.clear()
        if self.room() <= 0:
            return set()
        return partitions.difference(self._under_way)

    def room(self) -> int:
        """How many more records may be fetched; at least one when none is under way, however large it is."""
        records = self._max_records - sum(len(batch.records) for batch in self._under_way.values())
        room = min(records, (self._max_bytes - sum(self._sizes.values())) // self._record_bytes)
        return room if self._under_way else max(1, room)

    def take(self, tp: TP, batch: Batch) -> None:
        """The batch was fetched and is handed on. Its partition must be free."""
        if tp in self._under_way:
            raise ValueError(f"{tp.topic}-{tp.partition} already has a batch under way")
        self._under_way[tp] = batch
        size = self._sizes[tp] = batch.size_bytes
        # What one topic brings says little of another: the larger holds, until several batches were smaller.
        self._record_bytes = max(1, size // max(1, len(batch.records)), self._record_bytes // 2)

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
                del self._sizes[tp]
            self._released.set()

    def advanced(self, batch: Batch) -> None:
        """A part of a batch that is being worked on was committed, or of one that it waits for: it isn't stuck."""
        if id(batch) in self._working:
            self._working[id(batch)] = monotonic()

    def clear(self) -> None:
        """Nothing that was fetched so far counts any more."""
        self._under_way.clear()
        self._sizes.clear()
        self._released.set()

    def outstanding(self) -> dict[TP, Batch]:
        """What is under way now, by partition."""
        return dict(self._under_way)

    def working_seconds(self) -> float:
        """For how long the service has been working on one of its present batches without a part of it being committed,
        at most; 0 if it has none."""
        return monotonic() - min(self._working.values()) if self._working else 0.0

    async def released(self) -> None:
        """Return when something was released or cleared since the last call of `free`."""
        await self._released.wait()

    async def idle(self) -> None:
        """Return when the service isn't working on any batch."""
        await self._idle.wait()

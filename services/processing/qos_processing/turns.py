"""Takes turns: one transaction at a time for a partition number, with all that waits for it, up to a common moment."""

import asyncio
import sys
from collections import defaultdict
from collections.abc import Awaitable, Callable, Set
from contextlib import suppress
from dataclasses import dataclass
from time import monotonic

from faust.types import TP

from qos_processing.aligning import align
from qos_processing.gate import Gate
from qos_processing.ports import Batch, BatchProcessor, OffsetMismatch, SessionLost
from qos_runtime.logging import get_logger

_SUCCESSOR_SECONDS = 0.3
"""A fetch of a batch takes that long while the worker is busy."""
_GROWTH = 8
"""After a success as many records as there may be, and an eighth, are tried: six successes double a transaction."""

_log = get_logger(__name__)


@dataclass(slots=True, eq=False)
class _Waiting:
    """A batch under way, what of it is still to be applied, and when there is nothing left to do."""

    batch: Batch
    rest: Batch
    done: asyncio.Event


class Turns:
    """Batches of one partition number write the same cases, so they go one after the other, and together where they can
    (`aligning`). Partition numbers don't wait for each other, but for one of `at_once` slots.

    As much as there is goes into a transaction, until one loses its session in the middle: then half as much is tried,
    of all partition numbers (they share the cores that were too slow), and a little more after each success.

    `applied(tp, part, seconds)` is called for each part of a batch that was committed, `conflict(tp, part, mismatch)`
    for one that doesn't follow what is stored; it may seek, as the partition's batch is still under way then.
    """

    def __init__(
        self,
        gate: Gate,
        processor: BatchProcessor,
        *,
        at_once: int,
        applied: Callable[[TP, Batch, float], None],
        conflict: Callable[[TP, Batch, OffsetMismatch], Awaitable[None]],
    ) -> None:
        self._gate = gate
        self._processor = processor
        self._slots = asyncio.Semaphore(at_once)
        self._most = sys.maxsize
        self._waiting: defaultdict[int, dict[TP, _Waiting]] = defaultdict(dict)
        self._arrived: defaultdict[int, asyncio.Event] = defaultdict(asyncio.Event)
        self._drivers: dict[int, asyncio.Task[None]] = {}
        self._applied = applied
        self._conflict = conflict

    @property
    def most(self) -> int:
        """How many records may go into one transaction at present."""
        return self._most

    async def take(self, tp: TP, batch: Batch) -> None:
        """Return when all of the batch is applied, or when it isn't under way any more (a seek made it worthless).

        Raises what the service raises but OffsetMismatch and SessionLost, and what `conflict` raises: for every batch
        that went together. Cancelled, it takes the transaction back that is under way.
        """
        mine = _Waiting(batch, batch, asyncio.Event())
        self._waiting[batch.partition][tp] = mine
        self._arrived[batch.partition].set()
        driver = self._drivers.get(batch.partition)
        if driver is None or driver.done():
            driver = self._drivers[batch.partition] = asyncio.ensure_future(self._drive(batch.partition))
        done = asyncio.ensure_future(mine.done.wait())
        with self._gate.work(tp, batch):
            try:
                await asyncio.wait((done, driver), return_when=asyncio.FIRST_COMPLETED)
            except asyncio.CancelledError:
                driver.cancel()
                await asyncio.wait((driver,))
                raise
            finally:
                done.cancel()
            if not mine.done.is_set():
                driver.result()

    async def _drive(self, partition: int) -> None:
        waiting = self._waiting[partition]
        while waiting:
            async with self._slots:
                ended = await self._round(waiting)
            if waiting:
                await self._successors(partition, ended)

    async def _successors(self, partition: int, ended: Set[TP]) -> None:
        """What is left was held back for topics that lag behind: let their next batches come first."""
        waiting, arrived = self._waiting[partition], self._arrived[partition]
        with suppress(TimeoutError):
            async with asyncio.timeout(_SUCCESSOR_SECONDS):
                while not waiting.keys() >= ended:
                    arrived.clear()
                    await arrived.wait()

    async def _round(self, waiting: dict[TP, _Waiting]) -> set[TP]:
        """Apply what goes together now. Returns the partitions whose batch was applied to its end."""
        ended: set[TP] = set()
        for tp, one in list(waiting.items()):
            if not self._gate.holds(tp, one.batch):
                self._end(waiting, tp)
        tps = {one.rest.topic: tp for tp, one in waiting.items()}
        now, later = align([one.rest for one in waiting.values()], most=self._most)
        if not now:
            return ended
        size = sum(len(part.records) for part in now)
        began = monotonic()
        try:
            await self._processor.process(*now)
        except OffsetMismatch as mismatch:
            tp = tps[mismatch.topic]
            await self._conflict(tp, waiting[tp].rest, mismatch)
            self._end(waiting, tp)
            return ended
        except SessionLost as lost:
            self._shrink(size, lost)
            return ended
        if size >= self._most:
            self._most += -(-self._most // _GROWTH)
        rests = {batch.topic: batch for batch in later}
        for part in now:
            tp = tps[part.topic]
            self._applied(tp, part, monotonic() - began)
            if part.topic in rests:
                waiting[tp].rest = rests[part.topic]
            else:
                self._end(waiting, tp)
                ended.add(tp)
        for one in waiting.values():
            self._gate.advanced(one.batch)
        return ended

    def _shrink(self, size: int, lost: SessionLost) -> None:
        """Several that were too large at the same time count once."""
        self._most = max(1, min(self._most, size // 2))
        _log.warning("transaction_halved", records=size, most=self._most, reason=str(lost))

    @staticmethod
    def _end(waiting: dict[TP, _Waiting], tp: TP) -> None:
        waiting.pop(tp).done.set()

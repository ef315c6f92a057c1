"""A Faust transport that hands over one `Batch` per partition and starts where PostgreSQL says.

Registered as `qos` at Faust's extension point `faust.transports`: a worker's broker URL is `qos://host:port`. It is the
aiokafka driver with five things changed: how records are fetched and handed on (`_drain_messages`), where an assignment
starts (`perform_seek`), what is committed to Kafka (`_new_offset`), what a rebalance and a stop wait for
(`wait_empty`), and how long a fetch may be held. The contract tests pin each of these.

What one poll brings is one message to Faust: each takes several turns of a busy event loop on its way to the agent, so
forty of them would arrive a quarter of a second later than one.
"""

import asyncio
from collections.abc import Mapping
from typing import TYPE_CHECKING, ClassVar, NamedTuple, TypeAlias, cast

from aiokafka import AIOKafkaConsumer, ConsumerRecord
from aiokafka.consumer.fetcher import Fetcher
from aiokafka.errors import ConsumerStoppedError, IllegalStateError, NoOffsetForPartitionError, OffsetOutOfRangeError
from faust.transport.consumer import ensure_TP
from faust.transport.drivers import aiokafka as driver
from faust.types import TP, ConsumerMessage
from mode import ServiceT

from qos_processing.ports import Batch, LogMismatch, Record

if TYPE_CHECKING:
    from qos_processing.app import ProcessingApp

_Found: TypeAlias = "ConsumerRecord[bytes, bytes]"

WHAT_TO_DO = (
    "Restore the log; or, if its tail is lost for good, put back what the results know of it: `qos restore-log`, or"
    " `python -m qos_processing.restore_log` (docs/disaster.md, The tail of a partition is lost)."
)

# While some partitions are busy the others are polled for this long, then the busy ones are looked at again.
_POLL_BUSY_SECONDS = 0.01
_POLL_IDLE_SECONDS = 0.5
_PREFETCH_BACKOFF_SECONDS = 0.002
_LEAST_FETCH_BYTES = 16_384
# An answer is in memory twice while it is taken apart: it may be this part of all that is prefetched.
_FETCHES_AT_ONCE = 4


class Fetched(NamedTuple):
    """What one poll brought, and the epoch it belongs to."""

    batches: Mapping[TP, Batch]
    epoch: int


class BatchThread(driver.AIOKafkaConsumerThread):
    """aiokafka's consumer in Faust's consumer thread; knows which position each partition's next batch follows.

    A partition has a position from `place` until the next revocation, and only then is it fetched from: aiokafka by
    itself would start at Kafka's committed offset. An epoch is the time between two revocations.
    """

    mundane_level = "debug"
    app: "ProcessingApp"
    epoch: int
    _positions: dict[TP, int]
    _followed: dict[TP, int]

    def __post_init__(self) -> None:
        super().__post_init__()
        self.epoch = 0
        self._positions = {}
        self._followed = {}

    def _create_worker_consumer(self, transport: driver.Transport) -> AIOKafkaConsumer:
        consumer = super()._create_worker_consumer(transport)
        # Faust fixes this at 1.5 s. A partition that wasn't part of a fetch waits for that fetch to come back.
        consumer._fetch_max_wait_ms = self.app.settings.fetch_wait_ms  # noqa: SLF001
        return consumer

    async def on_start(self) -> None:
        await super().on_start()
        # What was fetched for a busy partition waits here for its turn. aiokafka would fetch nothing from that broker
        # meanwhile, for any partition, up to 0.1 s: meant for readers that take everything at once.
        fetcher: Fetcher = self._ensure_consumer()._fetcher  # type: ignore[assignment]  # noqa: SLF001
        fetcher._prefetch_backoff = _PREFETCH_BACKOFF_SECONDS  # noqa: SLF001

    async def on_partitions_revoked(self, revoked: set[TP]) -> None:
        """Called in the thread before every assignment, the first one too."""
        self.epoch += 1
        self._positions.clear()
        self._followed.clear()
        await super().on_partitions_revoked(revoked)

    async def fetch(self, partitions: set[TP], *, seconds: float, max_records: int) -> Fetched:
        """Poll these partitions (at least one). Raises ConsumerStoppedError, or what the broker says of a position."""
        return cast(Fetched, await self.call_thread(self._fetch, partitions, seconds, max_records))

    async def _fetch(self, partitions: set[TP], seconds: float, max_records: int) -> Fetched:
        epoch = self.epoch
        wanted = driver.ensure_aiokafka_TPset(tp for tp in partitions if tp in self._positions)
        if not wanted or not self.consumer.flow_active:  # none wanted would mean all of them to aiokafka
            return Fetched({}, epoch)
        try:
            found = await self._ensure_consumer().getmany(
                *wanted, timeout_ms=int(seconds * 1000), max_records=max_records
            )
        except (NoOffsetForPartitionError, OffsetOutOfRangeError):
            if epoch == self.epoch:
                raise
            return Fetched({}, epoch)  # of a new assignment, whose partitions aren't placed yet
        # A partition may have been revoked, or placed elsewhere, while this waited: what is here was found after that.
        batches = {}
        for aiokafka_tp, records in found.items():
            tp = ensure_TP(aiokafka_tp)
            if tp in self._positions and (news := self._news(tp, records)):
                batches[tp] = self._batch(tp, news)
        return Fetched(batches, self.epoch)

    def _news(self, tp: TP, found: list[_Found]) -> list[_Found]:
        """Without the record that stands before the position, which is compared with what was processed there.

        Raises LogMismatch when it is another one: the log was cut off before the position, and has grown past it since.
        """
        position, appended_ms = self._positions[tp], self._followed.pop(tp, None)
        if found[0].offset >= position:
            return found
        if found[0].offset == position - 1 and found[0].timestamp != appended_ms:
            raise LogMismatch(
                f"The record before offset {position} of {tp.topic}-{tp.partition} is not the one that was processed: "
                f"it was appended at {found[0].timestamp} ms, the other one at {appended_ms} ms. The log has lost its "
                f"tail, and has grown past it since. Nothing was changed. {WHAT_TO_DO}"
            )
        return [record for record in found if record.offset >= position]

    def _batch(self, tp: TP, found: list[_Found]) -> Batch:
        fetched_from = self._positions[tp]
        next_offset = self._positions[tp] = found[-1].offset + 1
        records = [Record(r.key, r.value, tuple(r.headers), r.offset, r.timestamp) for r in found]
        return Batch(self.app.base_name(tp.topic), tp.partition, fetched_from, next_offset, records)

    async def place(self, offsets: Mapping[TP, int], appended_before: Mapping[TP, int], epoch: int) -> None:
        """Seek these partitions, also to 0. `appended_before`: when the record before the offset was appended (ms),
        where that is known; the first fetch compares it, and raises LogMismatch if another one stands there.

        Raises LogMismatch when the log doesn't reach there, IllegalStateError when the epoch is over; and seeks none.
        """
        await self.call_thread(self._place, offsets, appended_before, epoch)

    async def _place(self, offsets: Mapping[TP, int], appended_before: Mapping[TP, int], epoch: int) -> None:
        consumer = self._ensure_consumer()
        partitions = driver.ensure_aiokafka_TPset(offsets)
        first = await consumer.beginning_offsets(partitions)
        end = await consumer.end_offsets(partitions)
        if epoch != self.epoch:
            raise IllegalStateError("assigned anew meanwhile")
        for tp, offset in offsets.items():
            if not first[tp] <= offset <= end[tp]:
                raise LogMismatch(
                    f"PostgreSQL stores offset {offset} for {tp.topic}-{tp.partition}, but the broker's log goes from "
                    f"{first[tp]} to {end[tp]}: the log lost records, or database and broker don't belong together. "
                    f"Nothing was changed. {WHAT_TO_DO}"
                )
        self._share_prefetch(len(consumer.assignment()))
        for tp, offset in offsets.items():
            self._followed.pop(tp, None)
            begin = offset
            if tp in appended_before and offset > first[tp]:
                self._followed[tp], begin = appended_before[tp], offset - 1
            consumer.seek(driver.ensure_aiokafka_TP(tp), begin)
            self._positions[tp] = offset

    def _share_prefetch(self, partitions: int) -> None:
        """aiokafka holds one fetch of each partition, however busy that is. Kafka gives at least one batch of the first
        partition of a request that has any (KIP-74), so a large one holds up nothing."""
        settings = self.app.settings
        fetcher: Fetcher = self._ensure_consumer()._fetcher  # type: ignore[assignment]  # noqa: SLF001
        share = max(_LEAST_FETCH_BYTES, settings.prefetch_bytes // max(1, partitions))
        fetcher._max_partition_fetch_bytes = min(settings.fetch_bytes, share)  # noqa: SLF001
        fetcher._fetch_max_bytes = settings.prefetch_bytes // _FETCHES_AT_ONCE  # noqa: SLF001


class Consumer(driver.Consumer):
    """Faust's consumer with batches instead of messages: in the app's event loop, while `BatchThread` has its own."""

    mundane_level = "debug"
    app: "ProcessingApp"
    _thread: BatchThread

    def __post_init__(self) -> None:
        super().__post_init__()
        self._stored: dict[TP, int] = {}

    def _new_consumer_thread(self) -> BatchThread:
        return BatchThread(self, loop=self.loop, beacon=self.beacon)

    async def on_partitions_revoked(self, revoked: set[TP]) -> None:
        """Called before every assignment; `wait_empty` is part of it."""
        await super().on_partitions_revoked(revoked)
        self.app.revoked(revoked)

    async def perform_seek(self) -> None:
        """Start every assigned partition at the offset stored in PostgreSQL.

        Faust calls this once an assignment is complete and before it resumes fetching. Raises StartOffsetsUnavailable
        or LogMismatch, which end the worker: a member that can't start would hold its partitions for nothing.
        """
        epoch = self._thread.epoch
        self._stored.clear()
        self._committed_offset.clear()
        self.app.gate.clear()
        await self.app.verify_log()
        offsets = await self.app.start_offsets(self.assignment())
        await self._thread.place(offsets, await self.app.appended_before(offsets), epoch)
        self.app.placed(offsets)

    async def seek_again(self, tp: TP) -> None:
        """Start one partition anew, while its last batch is under way: so nothing else moves it meanwhile."""
        epoch = self._thread.epoch
        if tp in self.assignment():
            offsets = await self.app.start_offsets({tp})
            try:
                await self._thread.place(offsets, await self.app.appended_before(offsets), epoch)
            except IllegalStateError:
                return  # assigned anew: that assignment asks for its own offsets
            self.app.placed(offsets)

    def stored(self, tp: TP, next_offset: int) -> None:
        """A batch's transaction was committed; Kafka is told at the next commit interval."""
        self._stored[tp] = next_offset
        self._acked[tp] = []  # the keys are what Faust commits

    def _new_offset(self, tp: TP) -> int | None:
        # Faust would look for consecutive acknowledged offsets, which batches don't have; what is stored is known.
        return self._stored.get(tp)

    async def wait_empty(self) -> None:
        """Before partitions are given up: let what is being worked on end (a bounded wait), and tell Kafka.

        After a crash the broker's side is ending too, and would never answer.
        """
        self.app.gate.clear()  # what waits for its turn isn't begun any more
        if self.crashed:
            return
        try:
            async with asyncio.timeout(self.app.settings.finish_seconds):
                await self.app.gate.idle()
        except TimeoutError:
            # Its transaction will find the next owner's offset, or the next owner its: nothing counts twice.
            self.log.warning("A batch being worked on takes longer than %ss", self.app.settings.finish_seconds)
        await self.commit_and_end_transactions()

    async def _drain_messages(self, fetcher: ServiceT) -> None:
        """Fetch and hand on until the fetcher is stopped. Faust holds the flow from a revocation to `perform_seek`."""
        try:
            while not (self.should_stop or fetcher.should_stop):
                if self.flow_active:
                    await self._fetch_and_hand_on()
                else:
                    await self.wait(self.can_resume_flow)  # type: ignore[arg-type]
        except (asyncio.CancelledError, ConsumerStoppedError):
            if not self.transport.app.should_stop:
                raise

    async def _fetch_and_hand_on(self) -> None:
        gate = self.app.gate
        active = self._get_active_partitions()
        free = gate.free(active)
        if not active:
            await self.sleep(_POLL_BUSY_SECONDS)
        elif not free:
            await self.wait_first(gate.released(), self.suspend_flow.wait())
        else:
            fetched = await self._thread.fetch(
                free,
                seconds=_POLL_IDLE_SECONDS if len(free) == len(active) else _POLL_BUSY_SECONDS,
                max_records=min(gate.room(), self.app.settings.batch_records),
            )
            if fetched.batches and fetched.epoch == self._thread.epoch:  # else the assignment is over
                for tp, batch in fetched.batches.items():
                    gate.take(tp, batch)
                await self.wait_first(self.callback(self._message(fetched.batches)), self.suspend_flow.wait())

    def _message(self, batches: Mapping[TP, Batch]) -> ConsumerMessage:
        # Faust routes it by its partition, and drops it when the group's generation isn't this one any more.
        tp, batch = next(iter(batches.items()))
        last = batch.records[-1]
        return ConsumerMessage(
            tp.topic,
            tp.partition,
            last.offset,
            last.appended_ms / 1000,
            1,
            None,
            None,
            cast(bytes, tuple(batches.values())),  # Faust only carries it: `BatchSchema` takes it out as it is
            None,
            0,
            0,
            tp,
            generation_id=self.app.consumer_generation_id,
        )


class Transport(driver.Transport):
    """The aiokafka driver with our consumer."""

    Consumer: ClassVar[type[Consumer]] = Consumer

"""One batch, one transaction: what it says goes into cases, day buckets, registry or dead letters, with its offset."""

import asyncio
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TypeAlias, cast

import asyncpg
from prometheus_client import CollectorRegistry

from qos_domain.acceptance import AcceptanceRules, accept
from qos_domain.calendar import Calendar
from qos_domain.case import CaseKey, case_key
from qos_domain.contributions import LOGIC_VERSION
from qos_domain.errors import BrokenInvariant, RejectedEvent, TransientFailure
from qos_domain.events import Event, Topic
from qos_domain.facts import Fact, fact_of
from qos_processing import folding, postgres, postgres_outbox
from qos_processing.dead_letters import DeadLetter, DeadLetterLimit, TooManyDeadLetters
from qos_processing.ports import Batch, OffsetMismatch, Record
from qos_processing.postgres import PartitionState, Position
from qos_processing.registration import Registration, RegistryCache, register
from qos_processing.transactions import Connection, Transactions
from qos_runtime.clock import Clock
from qos_runtime.kafka import partition_of
from qos_runtime.metric_defs import PROCESSING_EVENTS

Accepted: TypeAlias = tuple[int, Event] | DeadLetter
"""What became of a record: the event at an offset, or a dead letter."""


class OtherLogic(BrokenInvariant):
    """The live tables were made by other logic than this program's: adding to them would make a mixture."""

    def __init__(self, *, stored: int, own: int) -> None:
        super().__init__(f"the live generation has logic version {stored}, this program has {own}: run `qos rebuild`")
        self.stored = stored
        self.own = own


def check_logic(state: PartitionState) -> None:
    """Raises OtherLogic unless the partition's results were made by this program's logic."""
    if state.logic_version != LOGIC_VERSION:
        raise OtherLogic(stored=state.logic_version, own=LOGIC_VERSION)


@dataclass(frozen=True, slots=True)
class _Done:
    """What a committed transaction did; `state` is as it was before."""

    state: PartitionState
    events: int = 0
    repeated: int = 0
    dead_letters: int = 0
    registration: Registration | None = None


class ProcessingService:
    """Applies batches, exactly once in effect. For one worker, in one event loop, one batch at a time a partition."""

    def __init__(
        self,
        transactions: Transactions,
        *,
        calendar: Calendar,
        rules: AcceptanceRules,
        clock: Clock,
        registry: CollectorRegistry,
        partitions: int,
        dead_letter_limit: DeadLetterLimit,
        start_offset_seconds: float = 3.0,
    ) -> None:
        self._transactions = transactions
        self._calendar = calendar
        self._rules = rules
        self._clock = clock
        self._partitions = partitions
        self._dead_letter_limit = dead_letter_limit
        self._start_offset_seconds = start_offset_seconds
        self._cache = RegistryCache()
        self._owned: set[int] = set()
        self._events = PROCESSING_EVENTS.counter(registry)

    @property
    def owned(self) -> frozenset[int]:
        """The partition numbers that this worker was given and that weren't taken away since."""
        return frozenset(self._owned)

    async def start_offset(self, topic: str, partition: int) -> int:
        """The offset stored in PostgreSQL, 0 if there is none; waits for a transaction that may still move it.

        Raises TransientFailure within `start_offset_seconds`.
        """
        try:
            async with asyncio.timeout(self._start_offset_seconds), self._transactions.pool.acquire() as connection:
                offset = await postgres.stored_offset(connection, partition, topic)
        except (asyncpg.PostgresError, asyncpg.InterfaceError, OSError) as error:
            raise TransientFailure(f"no start offset of {topic}-{partition} ({type(error).__name__})") from error
        self._owned.add(partition)
        return offset or 0

    def forget(self, partitions: Collection[int]) -> None:
        """Drop what is cached for these partition numbers."""
        self._cache.forget(partitions)
        self._owned.difference_update(partitions)

    async def process(self, batch: Batch) -> None:
        """Apply the batch and store its `next_offset`, in one transaction.

        Raises OffsetMismatch (nothing was written), TransientFailure (the database stayed away), and OtherLogic or
        TooManyDeadLetters, which end the process.
        """
        accepted = [self._accept(batch, record) for record in batch.records]
        done = await self._transactions.run(partial(self._apply, batch, accepted))
        if done.registration is not None:
            self._cache.committed(done.state, done.registration.changed)
        for outcome, count in (
            ("folded", done.events - done.repeated),
            ("repeated", done.repeated),
            ("dead_letter", done.dead_letters),
        ):
            self._events.labels(batch.topic, outcome).inc(count)

    def _accept(self, batch: Batch, record: Record) -> Accepted:
        try:
            event = accept(
                topic=cast(Topic, batch.topic),
                key=record.key,
                value=record.value,
                appended_at=record.appended_at,
                rules=self._rules,
            )
        except RejectedEvent as rejection:
            return DeadLetter.of(batch.topic, batch.partition, record, rejection)
        # All of a case meets under one lock only where every record is in the partition of its key.
        if partition_of(event.data.procedure_id.encode(), self._partitions) != batch.partition:
            rule = "a record is in the partition of its key's murmur2 hash, as Java's default partitioner has it"
            return DeadLetter(batch.topic, batch.partition, record, "wrong_partition", "key", rule)
        return record.offset, event

    async def _apply(self, batch: Batch, accepted: list[Accepted], connection: Connection, doubtful: bool) -> _Done:
        state, stored = await postgres.lock_at(connection, batch.partition, batch.topic)
        check_logic(state)
        if doubtful and stored == batch.next_offset:
            return _Done(state)  # the commit whose answer was lost did happen
        if stored != batch.fetched_from and not batch.fetched_from < stored < batch.next_offset:
            raise OffsetMismatch(
                topic=batch.topic, partition=batch.partition, fetched_from=batch.fetched_from, stored=stored
            )
        # What stands before the stored offset is in already: the fetch began earlier than it had to.
        events = [item[1] for item in accepted if not isinstance(item, DeadLetter) and item[0] >= stored]
        letters = [item for item in accepted if isinstance(item, DeadLetter) and item.record.offset >= stored]
        now = self._clock.now()
        if letters:
            await self._bury(connection, state, batch, letters)
        position = Position(batch.topic, batch.next_offset, batch.records[-1].appended_at if batch.records else None)
        if batch.topic == "procedures":
            registration = await register(connection, state, events, self._calendar.local_date(now))
            await postgres.settle(
                connection, state, buckets=(), touched=registration.changed, position=position, now=now
            )
            return _Done(state, len(events), registration.repeated, len(letters), registration)
        repeated = await self._fold(connection, state, events, position)
        return _Done(state, len(events), repeated, len(letters))

    async def _fold(
        self, connection: Connection, state: PartitionState, events: Sequence[Event], position: Position
    ) -> int:
        """Join the events into their cases and store what changes; how many events were known already."""
        facts: dict[CaseKey, list[Fact]] = {}
        for event in events:
            facts.setdefault(case_key(event), []).append(fact_of(event))
        stored = await postgres.load_cases(connection, state.generation, facts)
        histories = await self._cache.histories(connection, state, {procedure_id for procedure_id, _ in facts})
        fold = folding.fold(facts, stored, histories, self._calendar)
        await postgres.write_cases(connection, state, fold.changes, self._calendar)
        await postgres.settle(
            connection,
            state,
            buckets=fold.differences,
            touched={procedure_id for procedure_id, _, _ in fold.differences},
            position=position,
            now=self._clock.now(),
        )
        return fold.repeated

    async def _bury(
        self, connection: Connection, state: PartitionState, batch: Batch, letters: Sequence[DeadLetter]
    ) -> None:
        now, limit = self._clock.now(), self._dead_letter_limit
        await postgres_outbox.write_dead_letters(connection, letters, now)
        dead = await postgres_outbox.count_dead_letters(
            connection, batch.topic, batch.partition, batch.next_offset - limit.window
        )
        if dead > limit.most:
            raise TooManyDeadLetters(
                topic=batch.topic, partition=batch.partition, dead=dead, window=limit.window, limit=limit.most
            )
        await postgres_outbox.append(connection, state, [letter.message() for letter in letters], now)

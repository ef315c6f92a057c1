"""Batches in, one transaction: what they say goes into cases, buckets, registry or dead letters, with their offsets."""

import asyncio
from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial
from typing import TypeAlias

from prometheus_client import CollectorRegistry

from qos_domain.acceptance import AcceptanceRules
from qos_domain.calendar import Calendar
from qos_domain.case import CaseKey, case_key
from qos_domain.contributions import LOGIC_VERSION
from qos_domain.errors import BrokenInvariant, TransientFailure
from qos_domain.events import EVENT_TYPES, Event
from qos_domain.facts import Fact, fact_of
from qos_domain.procedures import Procedure
from qos_processing import folding, postgres, postgres_outbox
from qos_processing.accepting import accept_record
from qos_processing.dead_letters import DeadLetter, DeadLetterLimit, TooManyDeadLetters
from qos_processing.ports import Batch, OffsetMismatch, Record
from qos_processing.postgres import PartitionState, Position
from qos_processing.registration import NOTHING_CHANGED, Registration, RegistryCache, register
from qos_processing.transactions import Connection, Transactions
from qos_runtime.clock import Clock
from qos_runtime.metric_defs import PROCESSING_EVENTS
from qos_runtime.postgres import DatabaseError

Accepted: TypeAlias = tuple[int, Event] | DeadLetter
"""What became of a record: the event at an offset, or a dead letter."""


class OtherLogic(BrokenInvariant):
    """The live tables were made by other logic than this program's: adding to them would make a mixture."""

    def __init__(self, *, stored: int, own: int) -> None:
        super().__init__(
            f"the live generation has logic version {stored}, this program has {own}: run the program that fits, or let"
            " this one build the results anew from the log, beside the live ones: `python -m qos_processing.rebuild`"
        )
        self.stored = stored
        self.own = own


def check_logic(state: PartitionState) -> None:
    """Raises OtherLogic unless the partition's results were made by this program's logic."""
    if state.logic_version != LOGIC_VERSION:
        raise OtherLogic(stored=state.logic_version, own=LOGIC_VERSION)


def check_follows(batch: Batch, stored: int) -> None:
    """Raises OffsetMismatch unless the batch begins at the stored offset, or before it and reaches past it."""
    if stored != batch.fetched_from and not batch.fetched_from < stored < batch.next_offset:
        raise OffsetMismatch(
            topic=batch.topic, partition=batch.partition, fetched_from=batch.fetched_from, stored=stored
        )


def _last_appended_at(batch: Batch) -> datetime | None:
    return batch.records[-1].appended_at if batch.records else None


@dataclass(frozen=True, slots=True)
class _Done:
    """What a committed transaction did; `state` is as it was before. Counts are by topic."""

    state: PartitionState
    events: Counter[str] = field(default_factory=Counter)
    repeated: Counter[str] = field(default_factory=Counter)
    dead_letters: Counter[str] = field(default_factory=Counter)
    registration: Registration = NOTHING_CHANGED


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
        except DatabaseError as error:
            raise TransientFailure(f"no start offset of {topic}-{partition} ({type(error).__name__})") from error
        self._owned.add(partition)
        return offset or 0

    def forget(self, partitions: Collection[int]) -> None:
        """Drop what is cached for these partition numbers."""
        self._cache.forget(partitions)
        self._owned.difference_update(partitions)

    async def process(self, *batches: Batch) -> None:
        """Apply batches of one partition number, each of another topic, and store where they end, in one transaction.

        A case is read and written once, however many of the batches it is in: in a backlog that is most of the cost.
        Raises OffsetMismatch for the first batch that doesn't fit (nothing was written), TransientFailure (the database
        stayed away), and OtherLogic or TooManyDeadLetters, which end the process.
        """
        accepted = [(batch, [self._accept(batch, record) for record in batch.records]) for batch in batches]
        done = await self._transactions.run(partial(self._apply, accepted))
        self._cache.committed(done.state, done.registration.changed)
        for batch in batches:
            topic = batch.topic
            self._events.labels(topic, "folded").inc(done.events[topic] - done.repeated[topic])
            self._events.labels(topic, "repeated").inc(done.repeated[topic])
            self._events.labels(topic, "dead_letter").inc(done.dead_letters[topic])

    def _accept(self, batch: Batch, record: Record) -> Accepted:
        found = accept_record(batch.topic, batch.partition, record, rules=self._rules, partitions=self._partitions)
        return found if isinstance(found, DeadLetter) else (record.offset, found)

    async def _apply(
        self, accepted: Sequence[tuple[Batch, list[Accepted]]], connection: Connection, doubtful: bool
    ) -> _Done:
        partition = accepted[0][0].partition
        state, stored = await postgres.lock_at(connection, partition, [batch.topic for batch, _ in accepted])
        check_logic(state)
        if doubtful and all(stored[batch.topic] == batch.next_offset for batch, _ in accepted):
            return _Done(state)  # the commit whose answer was lost did happen
        now = self._clock.now()
        events: list[Event] = []
        counts, dead_letters = Counter[str](), Counter[str]()
        for batch, items in accepted:
            offset = stored[batch.topic]
            check_follows(batch, offset)
            # What stands before the stored offset is in already: the fetch began earlier than it had to.
            batch_events = [item[1] for item in items if not isinstance(item, DeadLetter) and item[0] >= offset]
            letters = [item for item in items if isinstance(item, DeadLetter) and item.record.offset >= offset]
            if letters:
                await self._bury(connection, state, batch, letters, now)
            events += batch_events
            counts[batch.topic], dead_letters[batch.topic] = len(batch_events), len(letters)
        positions = [Position(batch.topic, batch.next_offset, _last_appended_at(batch)) for batch, _ in accepted]
        repeated, registration = await self._fold(connection, state, events, positions, now)
        return _Done(state, counts, repeated, dead_letters, registration)

    async def _fold(
        self,
        connection: Connection,
        state: PartitionState,
        events: Sequence[Event],
        positions: Sequence[Position],
        now: datetime,
    ) -> tuple[Counter[str], Registration]:
        """Store what the events change: the registry first, then cases and buckets; and how many were known already."""
        registry_events: list[Event] = []
        facts: dict[CaseKey, list[Fact]] = {}
        for event in events:
            if isinstance(event.data, Procedure):
                registry_events.append(event)
            else:
                facts.setdefault(case_key(event), []).append(fact_of(event))
        known = await self._cache.histories(connection, state, {procedure_id for procedure_id, _ in facts})
        registration = NOTHING_CHANGED
        if registry_events:
            today = self._calendar.local_date(now)
            registration = await register(connection, state, registry_events, today)
        changed = registration.changed
        stored = await postgres.load_cases(connection, state.generation, facts)
        fold = folding.fold(facts, stored, lambda name: changed.get(name) or known(name), self._calendar)
        await postgres.write_cases(connection, state, fold.changes, self._calendar)
        touched = {procedure_id for procedure_id, _, _ in fold.differences}.union(changed)
        await postgres.settle(
            connection, state, buckets=fold.differences, touched=touched, positions=positions, now=now
        )
        repeated: Counter[str] = Counter(EVENT_TYPES[fact.type][0] for fact in fold.repeated)
        repeated["procedures"] += registration.repeated
        return repeated, registration

    async def _bury(
        self,
        connection: Connection,
        state: PartitionState,
        batch: Batch,
        letters: Sequence[DeadLetter],
        now: datetime,
    ) -> None:
        limit = self._dead_letter_limit
        await postgres_outbox.write_dead_letters(connection, letters, now)
        dead = await postgres_outbox.count_dead_letters(
            connection, batch.topic, batch.partition, batch.next_offset - limit.window
        )
        if dead > limit.most:
            raise TooManyDeadLetters(
                topic=batch.topic, partition=batch.partition, dead=dead, window=limit.window, limit=limit.most
            )
        await postgres_outbox.append(connection, state, [letter.message() for letter in letters], now)

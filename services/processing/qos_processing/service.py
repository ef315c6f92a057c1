"""Batches in, one transaction: what they say goes into cases, buckets, registry or dead letters, with their offsets."""

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import TypeAlias, TypeVar

from qos_domain.acceptance import AcceptanceRules
from qos_domain.calendar import Calendar
from qos_domain.errors import TransientFailure
from qos_domain.events import EVENT_TYPES, Event
from qos_domain.registry import History
from qos_processing import folding, postgres, postgres_offsets, postgres_outbox, rulebooks
from qos_processing.accepting import accept_record
from qos_processing.counters import Counters
from qos_processing.dead_letters import DeadLetter, DeadLetterLimit, TooManyDeadLetters
from qos_processing.ports import Batch, OffsetMismatch, Record, milliseconds
from qos_processing.postgres import PartitionState, Position
from qos_processing.registration import NOTHING_CHANGED, Registration, RegistryCache, register
from qos_processing.sla_results import Noticed, noticed_results
from qos_processing.transactions import Connection, Transactions
from qos_runtime.clock import Clock
from qos_runtime.logging import get_logger
from qos_runtime.postgres import DatabaseError
from qos_runtime.tracing import OFF, Received, Tracing

Accepted: TypeAlias = tuple[int, Event] | DeadLetter
"""What became of a record: the event at an offset, or a dead letter."""

_T = TypeVar("_T")
_log = get_logger(__name__)
_START_OFFSET_SECONDS = 3.0


def check_follows(batch: Batch, stored: int) -> None:
    """Raises OffsetMismatch unless the batch begins at the stored offset, or before it and reaches past it."""
    if stored != batch.fetched_from and not batch.fetched_from < stored < batch.next_offset:
        raise OffsetMismatch(
            topic=batch.topic, partition=batch.partition, fetched_from=batch.fetched_from, stored=stored
        )


def _last_appended_at(batch: Batch) -> datetime | None:
    return batch.records[-1].appended_at if batch.records else None


@dataclass(frozen=True, slots=True)
class _Folded:
    """What the events of a transaction changed. `repeated` counts by topic those that were known already."""

    repeated: Counter[str]
    registration: Registration
    noticed: Counter[Noticed]


@dataclass(frozen=True, slots=True)
class _Done:
    """What a committed transaction did; `state` is as it was before. Events are counted by topic."""

    state: PartitionState
    events: Counter[str]
    dead_letters: Sequence[DeadLetter]
    folded: _Folded


class ProcessingService:
    """Applies batches, exactly once in effect. For one worker, in one event loop, one batch at a time a partition."""

    def __init__(
        self,
        transactions: Transactions,
        *,
        calendar: Calendar,
        rules: AcceptanceRules,
        clock: Clock,
        counters: Counters,
        partitions: int,
        dead_letter_limit: DeadLetterLimit,
        tracing: Tracing = OFF,
    ) -> None:
        self._transactions = transactions
        self._calendar = calendar
        self._rules = rules
        self._clock = clock
        self._partitions = partitions
        self._dead_letter_limit = dead_letter_limit
        self._start_offset_seconds = _START_OFFSET_SECONDS
        self._tracing = tracing
        self._cache = RegistryCache()
        self._owned: set[int] = set()
        self._counters = counters

    @property
    def owned(self) -> frozenset[int]:
        """The partition numbers that this worker was given and that weren't taken away since."""
        return frozenset(self._owned)

    async def start_offset(self, topic: str, partition: int) -> int:
        """The offset stored in PostgreSQL, 0 if there is none; waits for a transaction that may still move it.

        Raises TransientFailure within three seconds.
        """
        offset = await self._soon(topic, partition, postgres_offsets.stored_offset)
        self._owned.add(partition)
        return offset or 0

    async def stored_offsets(self) -> Mapping[tuple[str, int], int]:
        """The offsets stored in PostgreSQL, by topic and partition. Raises TransientFailure within three seconds."""
        try:
            async with asyncio.timeout(self._start_offset_seconds), self._transactions.pool.acquire() as connection:
                return await postgres_offsets.stored_offsets(connection)
        except DatabaseError as error:
            raise TransientFailure(f"no stored offsets ({type(error).__name__})") from error

    async def appended_before(self, topic: str, partition: int, offset: int) -> int | None:
        """When the last record before this stored offset was appended (ms since 1970); None where that isn't known.

        Raises TransientFailure within three seconds.
        """
        at = await self._soon(topic, partition, partial(postgres_offsets.appended_before, offset=offset))
        return None if at is None else milliseconds(at)

    async def _soon(
        self, topic: str, partition: int, read: Callable[[Connection, int, str], Awaitable[_T | None]]
    ) -> _T | None:
        try:
            async with asyncio.timeout(self._start_offset_seconds), self._transactions.pool.acquire() as connection:
                return await read(connection, partition, topic)
        except DatabaseError as error:
            raise TransientFailure(f"no start offset of {topic}-{partition} ({type(error).__name__})") from error

    def forget(self, partitions: Collection[int]) -> None:
        """Drop what is cached for these partition numbers."""
        self._cache.forget(partitions)
        self._owned.difference_update(partitions)

    async def process(self, *batches: Batch) -> None:
        """Apply batches of one partition number, each of another topic, and store where they end, in one transaction.

        A case is read and written once, however many of the batches it is in: in a backlog that is most of the cost.
        Raises OffsetMismatch for the first batch that doesn't fit (nothing was written), SessionLost (nothing was
        written: try fewer records), another TransientFailure (the database stayed away), and OtherLogic, OtherCalendar
        or TooManyDeadLetters, which end the process.
        """
        received = [Received(batch.topic, batch.partition, batch.records) for batch in batches]
        with self._tracing.processing(received) as span:
            done = await self._process(batches)
            span.count("qos.events.repeated", done.folded.repeated.total())
            span.count("qos.events.dead_letters", len(done.dead_letters))
            offsets = {batch.topic: batch.next_offset for batch in batches}
            _log.debug("batches_committed", partition=batches[0].partition, next_offsets=offsets)

    async def _process(self, batches: Sequence[Batch]) -> _Done:
        with self._tracing.step("accept"):
            accepted = [(batch, [self._accept(batch, record) for record in batch.records]) for batch in batches]
        attempts: list[_Done] = []
        divisible = sum(len(batch.records) for batch in batches) > 1
        done = await self._transactions.run(partial(self._apply, accepted, attempts), divisible=divisible)
        self._cache.committed(done.state, done.folded.registration.changed)
        self._count(done, [batch.topic for batch in batches])
        return done

    def _count(self, done: _Done, topics: Sequence[str]) -> None:
        dead_letters = Counter(letter.topic for letter in done.dead_letters)
        for topic in topics:
            repeated = done.folded.repeated[topic]
            folded = done.events[topic] - repeated
            self._counters.events(topic, folded=folded, repeated=repeated, dead_letters=dead_letters[topic])
        for letter in done.dead_letters:
            self._counters.dead_letter(letter.topic, letter.reason)
        self._counters.sla_results.add(done.folded.noticed)

    def _accept(self, batch: Batch, record: Record) -> Accepted:
        found = accept_record(batch.topic, batch.partition, record, rules=self._rules, partitions=self._partitions)
        return found if isinstance(found, DeadLetter) else (record.offset, found)

    async def _apply(
        self,
        accepted: Sequence[tuple[Batch, list[Accepted]]],
        attempts: list[_Done],
        connection: Connection,
        doubtful: bool,
    ) -> _Done:
        partition = accepted[0][0].partition
        state, stored = await postgres.lock_at(connection, partition, [batch.topic for batch, _ in accepted])
        now = self._clock.now()
        await rulebooks.require_own(connection, state, self._calendar, now)
        if doubtful and all(stored[batch.topic] == batch.next_offset for batch, _ in accepted):
            return attempts[-1]  # the commit whose answer was lost did happen
        events: list[Event] = []
        dead_letters: list[DeadLetter] = []
        counts: Counter[str] = Counter()
        for batch, items in accepted:
            offset = stored[batch.topic]
            check_follows(batch, offset)
            # What stands before the stored offset is in already: the fetch began earlier than it had to.
            batch_events = [item[1] for item in items if not isinstance(item, DeadLetter) and item[0] >= offset]
            letters = [item for item in items if isinstance(item, DeadLetter) and item.record.offset >= offset]
            if letters:
                await self._bury(connection, state, batch, letters, now)
            events += batch_events
            dead_letters += letters
            counts[batch.topic] = len(batch_events)
        positions = [Position(batch.topic, batch.next_offset, _last_appended_at(batch)) for batch, _ in accepted]
        folded = await self._fold(connection, state, events, positions, now)
        attempts.append(_Done(state, counts, dead_letters, folded))
        return attempts[-1]

    async def _fold(
        self,
        connection: Connection,
        state: PartitionState,
        events: Sequence[Event],
        positions: Sequence[Position],
        now: datetime,
    ) -> _Folded:
        """Store what the events change: the registry first, then cases and buckets."""
        registry_events, facts = folding.sort_out(events)
        known = await self._cache.histories(connection, state, {procedure_id for procedure_id, _ in facts})
        registration, today = NOTHING_CHANGED, self._calendar.local_date(now)
        if registry_events:
            registration = await register(connection, state, registry_events, today)
        changed = registration.changed

        def history(procedure_id: str) -> History:
            return changed.get(procedure_id) or known(procedure_id)

        stored = await postgres.load_cases(connection, state.generation, facts)
        with self._tracing.step("fold"):
            fold = folding.fold(facts, stored, history, self._calendar)
        await postgres.write_cases(connection, state, fold.changes, self._calendar)
        touched = {procedure_id for procedure_id, _, _ in fold.differences}.union(changed)
        await postgres.settle(
            connection, state, buckets=fold.differences, touched=touched, positions=positions, now=now
        )
        repeated: Counter[str] = Counter(EVENT_TYPES[fact.type][0] for fact in fold.repeated)
        repeated["procedures"] += registration.repeated
        return _Folded(repeated, registration, noticed_results(fold.found, history, today))

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
        dead = await postgres_outbox.count_open_dead_letters(
            connection, batch.topic, batch.partition, batch.next_offset - limit.window
        )
        if dead > limit.most:
            raise TooManyDeadLetters(
                topic=batch.topic, partition=batch.partition, dead=dead, window=limit.window, limit=limit.most
            )
        await postgres_outbox.append(connection, state, [letter.message() for letter in letters], now)

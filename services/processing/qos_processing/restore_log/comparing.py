"""The results' facts of a topic partition against its log: what the log lacks, and what the results don't hold yet."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import TypeAlias

from msgspec.structs import replace

from qos_domain.case import case_key
from qos_domain.events import EVENT_TYPES, Event
from qos_domain.facts import NO_FACTS, Facts, decode_facts, event_of, fact_of, join
from qos_domain.procedures import Procedure
from qos_processing.dead_letters import DeadLetter
from qos_processing.log_shares import LogReader, Share, shares
from qos_processing.ports import Record
from qos_processing.restore_log.findings import Finding, Stored
from qos_processing.retention import DEAD_LETTERS_KEPT
from qos_processing.transactions import Connection
from qos_processing.verify.snapshot import Snapshot
from qos_runtime.kafka import partition_of

_Place: TypeAlias = tuple[str, str | None]
"""(procedure, application): a case. Without an application: the procedure's registry."""

_DEAD_LETTERS = 'SELECT "offset", appended_at FROM dead_letters WHERE topic = $1 AND partition = $2'


@dataclass(slots=True)
class _Pass:
    """One reading of the topic partition, for one share of its procedures.

    `held` are the results' facts of the share, `in_log` those of the log. `unknown` is the first record that the
    results don't hold, `before` the one before it.
    """

    share: Share
    held: Mapping[_Place, Facts]
    in_log: dict[_Place, Facts] = field(default_factory=dict)
    unknown: Record | None = None
    before: Record | None = None
    last: Record | None = None

    def take(self, record: Record, told: Event | DeadLetter, letters: "_Letters") -> None:
        if isinstance(told, DeadLetter):
            known = letters.holds(record)
        else:
            known = not self.share.holds(record.key or b"") or self._holds(told)
        if not known and self.unknown is None:
            self.unknown, self.before = record, self.last
        self.last = record

    def _holds(self, event: Event) -> bool:
        fact = fact_of(event)
        place = _place(event)
        self.in_log[place] = join(self.in_log.get(place, NO_FACTS), (fact,))
        held = self.held.get(place, NO_FACTS)
        return join(held, (fact,)) is held

    def lacking(self) -> Iterator[Event]:
        """What the results hold and the log doesn't, with the content that they hold."""
        for place, facts in self.held.items():
            in_log = self.in_log.get(place, NO_FACTS)
            for fact in facts.values():
                if join(in_log, (replace(fact, conflict=False),)) is not in_log:
                    yield event_of(fact)

    def lost_contents(self) -> int:
        """How many events came with two contents, one of which is neither held nor in the log."""
        lost = 0
        for place, facts in self.held.items():
            in_log = self.in_log.get(place, NO_FACTS)
            for name, fact in facts.items():
                lost += fact.conflict and not join(in_log, (replace(fact, conflict=False),))[name].conflict
        return lost


class _Letters:
    """The dead letters of one topic partition. A record that was refused longer ago than they are kept counts as held:
    only what came after the loss can be new."""

    def __init__(self, appended_at: Mapping[int, datetime], kept_since: datetime) -> None:
        self._appended_at = appended_at
        self._kept_since = kept_since
        self._met: set[int] = set()

    def holds(self, record: Record) -> bool:
        if self._appended_at.get(record.offset) == record.appended_at:
            self._met.add(record.offset)
            return True
        return record.appended_at < self._kept_since

    @property
    def lost(self) -> int:
        """Those whose record isn't there any more, once the whole log was read."""
        return len(self._appended_at.keys() - self._met)


class Comparison:
    """Compares topic partitions with one snapshot of the results, `at_once` records in memory. Dead letters are kept
    for 30 days before `now`."""

    def __init__(
        self, session: Connection, generation: int, log: LogReader, *, partitions: int, now: datetime, at_once: int
    ) -> None:
        self._session = session
        self._snapshot = Snapshot(session, generation)
        self._log = log
        self._partitions = partitions
        self._letters_since = now - DEAD_LETTERS_KEPT
        self._at_once = at_once
        self._procedures: list[str] = []

    async def compare(
        self, topic: str, partition: int, stored: Stored, end: int, progress: Callable[[int, int], None]
    ) -> Finding:
        """Read the topic partition up to `end`. `progress` is told how many records of how many were read.

        Raises LogMismatch when the log has lost its beginning, TransientFailure when the broker is away.
        """
        rows = await self._session.fetch(_DEAD_LETTERS, topic, partition)
        letters = _Letters(dict(map(tuple, rows)), self._letters_since)
        parts = shares({(topic, partition): max(end, stored.next_offset)}, at_once=self._at_once)
        events: list[Event] = []
        conflicts, done = 0, 0
        begins: list[tuple[int, Record | None, Record | None]] = []
        for share in parts:
            reading = _Pass(share, await self._held(topic, share))
            async for batch in self._log.batches(partition, {topic: 0}, {topic: end}):
                for record in batch.records:
                    reading.take(record, self._log.accepted(batch, record), letters)
                done += len(batch.records)
                progress(done, end * len(parts))
            events += reading.lacking()
            conflicts += reading.lost_contents()
            if reading.unknown is None:
                begins.append((end, reading.last, None))
            else:
                begins.append((reading.unknown.offset, reading.before, reading.unknown))
        go_on_at, before, unknown = min(begins, key=lambda begin: begin[0])
        return Finding(
            topic,
            partition,
            stored=stored,
            end=end,
            go_on_at=go_on_at,
            appended_before=None if before is None else before.appended_at,
            events=sorted(events, key=lambda event: (event.time, event.source, event.id)),
            refused=letters.lost,
            conflicts=conflicts,
            unknown_since=None if unknown is None else unknown.appended_at,
        )

    async def _held(self, topic: str, share: Share) -> Mapping[_Place, Facts]:
        """What the results hold of this topic, of the procedures of the share."""
        held: dict[_Place, Facts] = {}
        self._procedures = self._procedures or await self._snapshot.procedures()
        for procedure_id in self._procedures:
            key = procedure_id.encode()
            if partition_of(key, self._partitions) != share.partition or not share.holds(key):
                continue
            if topic == "procedures":
                held[procedure_id, None] = await self._snapshot.registry_facts(procedure_id)
                continue
            for application_id, text in (await self._snapshot.facts_of(procedure_id)).items():
                facts = {name: fact for name, fact in decode_facts(text).items() if EVENT_TYPES[fact.type][0] == topic}
                if facts:
                    held[procedure_id, application_id] = facts
        return held


def _place(event: Event) -> _Place:
    return (event.data.procedure_id, None) if isinstance(event.data, Procedure) else case_key(event)

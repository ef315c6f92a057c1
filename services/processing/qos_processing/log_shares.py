"""The log from its beginning, a share at a time: what a rebuild folds, and what a verification compares with."""

from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from zlib import crc32

from aiokafka import AIOKafkaConsumer, ConsumerRecord, TopicPartition
from aiokafka.errors import KafkaError

from qos_domain.acceptance import AcceptanceRules
from qos_domain.case import CaseKey, case_key
from qos_domain.errors import TransientFailure
from qos_domain.events import INPUT_TOPICS, Event
from qos_domain.facts import NO_FACTS, Fact, Facts, fact_of, join
from qos_domain.procedures import Procedure
from qos_domain.registry import History
from qos_processing.accepting import accept_record
from qos_processing.dead_letters import DeadLetter
from qos_processing.ports import Batch, LogMismatch, Record
from qos_runtime.kafka import connection
from qos_runtime.settings import RuntimeSettings

RECORDS_AT_ONCE = 500_000
"""So many records of a share are held in memory, some 0.6 kB each: a partition number with more has several shares."""

_POLL_MS = 500
_NEVER_MS = 2**63
_MOST_RECORDS = 20_000
_FETCH_BYTES = 8_388_608


@dataclass(frozen=True, slots=True)
class Share:
    """The procedures of a partition number whose key's CRC falls to `part` of `parts`, and all that is told of them
    before the offsets `until` (by the topic's base name). Nothing of a procedure is in two shares.
    """

    partition: int
    part: int
    parts: int
    until: Mapping[str, int]

    @property
    def records(self) -> int:
        """How many records there are to be read, those of the other parts too."""
        return sum(self.until.values())

    def holds(self, key: bytes) -> bool:
        return crc32(key) % self.parts == self.part


def shares(offsets: Mapping[tuple[str, int], int], *, at_once: int = RECORDS_AT_ONCE) -> list[Share]:
    """All that stands before these offsets by (topic, partition), the largest partition numbers first."""
    until: dict[int, dict[str, int]] = {}
    for (topic, partition), offset in offsets.items():
        until.setdefault(partition, {})[topic] = offset
    found = []
    for partition, ends in until.items():
        parts = max(1, -(-sum(ends.values()) // at_once))
        found += [Share(partition, part, parts, ends) for part in range(parts)]
    return sorted(found, key=lambda share: (-share.records, share.partition, share.part))


@dataclass(slots=True)
class Told:
    """What the records of a share say: the facts of its cases, the facts of its procedures, how many were refused.

    `earlier`: what they said before an instant, where that was asked for; `refused_since`: the refused ones that were
    appended at or after another; `last_appended_ms`: when the last one of each topic was, whatever the share.
    """

    cases: dict[CaseKey, list[Fact]] = field(default_factory=dict)
    procedures: dict[str, list[Fact]] = field(default_factory=dict)
    refused: int = 0
    earlier: "Told | None" = None
    refused_since: list[DeadLetter] = field(default_factory=list)
    last_appended_ms: dict[str, int] = field(default_factory=dict)

    def registry_facts(self, procedure_id: str) -> Facts:
        return join(NO_FACTS, self.procedures.get(procedure_id, ()))

    def history(self, procedure_id: str) -> History:
        return History.of(self.registry_facts(procedure_id))


class LogReader:
    """Reads partition numbers up to an offset of each topic. Use it in a block: `async with reading(settings)`."""

    def __init__(self, settings: RuntimeSettings, consumer: AIOKafkaConsumer) -> None:
        self._settings = settings
        self._consumer = consumer
        self._rules = AcceptanceRules(type_prefix=settings.event_type_prefix)

    async def tell(
        self,
        share: Share,
        *,
        progress: Callable[[int], None] = lambda _: None,
        earlier_than_ms: int = 0,
        refused_since_ms: int = _NEVER_MS,
    ) -> Told:
        """All that a share says. `progress` is told how many more records were read; both instants are append times in
        milliseconds since 1970 (see `Told`).

        Raises LogMismatch when the log has lost its beginning or doesn't reach that far, TransientFailure when the
        broker is away.
        """
        told = Told(earlier=Told() if earlier_than_ms else None)
        async for batch in self.batches(share.partition, dict.fromkeys(share.until, 0), share.until):
            for record in batch.records:
                if share.holds(record.key or b""):
                    event = self.accepted(batch, record)
                    _add(told, event)
                    if told.earlier is not None and record.appended_ms < earlier_than_ms:
                        _add(told.earlier, event)
                    if isinstance(event, DeadLetter) and record.appended_ms >= refused_since_ms:
                        told.refused_since.append(event)
            if batch.records:
                told.last_appended_ms[batch.topic] = batch.records[-1].appended_ms
            progress(len(batch.records))
        return told

    def accepted(self, batch: Batch, record: Record) -> Event | DeadLetter:
        return accept_record(
            batch.topic, batch.partition, record, rules=self._rules, partitions=self._settings.partitions
        )

    async def ends(self) -> dict[tuple[str, int], int]:
        """Where the log ends now, by topic (base name) and partition. Raises TransientFailure."""
        partitions = {
            TopicPartition(self._settings.topic(topic), number): (topic, number)
            for topic in INPUT_TOPICS
            for number in range(self._settings.partitions)
        }
        try:
            ends = await self._consumer.end_offsets(list(partitions))
        except KafkaError as error:
            raise TransientFailure(f"the ends of the log are not known ({type(error).__name__})") from error
        return {position: ends[tp] for tp, position in partitions.items()}

    async def batches(self, partition: int, begin: Mapping[str, int], until: Mapping[str, int]) -> AsyncIterator[Batch]:
        """The records of a partition number from `begin` to before `until`, both by topic, as they come."""
        topics = {TopicPartition(self._settings.topic(topic), partition): topic for topic in until}
        left = {tp: topic for tp, topic in topics.items() if begin[topic] < until[topic]}
        if not left:
            return
        try:
            await self._seek(left, begin, until)
            while left:
                # Of all topics: what was fetched of one and isn't taken would hold up the others.
                found = await self._consumer.getmany(timeout_ms=_POLL_MS, max_records=_MOST_RECORDS)
                for tp, records in found.items():
                    if (topic := left.get(tp)) is not None:
                        batch = _batch(topic, partition, records, until[topic])
                        if batch.next_offset == until[topic]:
                            del left[tp]
                        yield batch
        except KafkaError as error:
            raise TransientFailure(f"the log can't be read ({type(error).__name__})") from error

    async def _seek(
        self, topics: Mapping[TopicPartition, str], begin: Mapping[str, int], until: Mapping[str, int]
    ) -> None:
        partitions = list(topics)
        first = await self._consumer.beginning_offsets(partitions)
        end = await self._consumer.end_offsets(partitions)
        for tp, topic in topics.items():
            if first[tp] > begin[topic] or end[tp] < until[topic]:
                raise LogMismatch(
                    f"{tp.topic}-{tp.partition} is wanted from offset {begin[topic]} to {until[topic]}, but the "
                    f"broker's log goes from {first[tp]} to {end[tp]}: it lost records. Restore the log first."
                )
        self._consumer.assign(partitions)
        for tp, topic in topics.items():
            self._consumer.seek(tp, begin[topic])


def _add(told: Told, event: Event | DeadLetter) -> None:
    if isinstance(event, DeadLetter):
        told.refused += 1
    elif isinstance(event.data, Procedure):
        told.procedures.setdefault(event.data.procedure_id, []).append(fact_of(event))
    else:
        told.cases.setdefault(case_key(event), []).append(fact_of(event))


def _batch(topic: str, partition: int, found: "Sequence[ConsumerRecord[bytes, bytes]]", until: int) -> Batch:
    records = [Record(r.key, r.value, tuple(r.headers), r.offset, r.timestamp) for r in found if r.offset < until]
    return Batch(topic, partition, found[0].offset, min(found[-1].offset + 1, until), records)


@asynccontextmanager
async def reading(settings: RuntimeSettings, *, client_id: str) -> AsyncIterator[LogReader]:
    """A reader of the log, for the block. Raises TransientFailure when no broker answers."""
    consumer = AIOKafkaConsumer(
        **connection(settings),
        client_id=client_id,
        group_id=None,
        enable_auto_commit=False,
        auto_offset_reset="none",
        fetch_max_bytes=4 * _FETCH_BYTES,
        max_partition_fetch_bytes=_FETCH_BYTES,
    )
    try:
        await consumer.start()
        yield LogReader(settings, consumer)
    except KafkaError as error:
        raise TransientFailure(f"no Kafka broker answers at {settings.kafka_bootstrap_servers}") from error
    finally:
        await consumer.stop()

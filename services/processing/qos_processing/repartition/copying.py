"""Copies topics in order into others with more partitions, and follows them while intake goes on writing.

Kafka keeps how far it is, as offsets of a consumer group, moved when what was read is acknowledged. After a kill some
records are copied again: their events have their ids, and count once.
"""

import asyncio
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import TypeAlias

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.errors import KafkaError
from aiokafka.structs import RecordMetadata

from qos_domain.acceptance import AcceptanceRules
from qos_domain.errors import TransientFailure
from qos_domain.events import INPUT_TOPICS
from qos_processing.accepting import accept_record
from qos_processing.dead_letters import DeadLetter
from qos_processing.ports import LogMismatch, Record
from qos_processing.repartition.pair import COPIED, COPIED_FROM, Pair, RepartitionRefused
from qos_processing.repartition.reading import Ends, Found, ends_of, input_topic_ids, is_copy, last_records, reader
from qos_processing.repartition.renumbering import stands_on
from qos_processing.verify.verification import long_session
from qos_runtime.kafka import admin_client, partition_of, producer
from qos_runtime.logging import get_logger
from qos_runtime.topics import create_topics, require_topics

Progress: TypeAlias = Callable[[str, int, int], None]

log = get_logger(__name__)

_POLL_MS = 500
_AT_ONCE = 5_000
QUIET_SECONDS = 5.0
"""Nothing may have been appended for so long when a copy is called finished."""


@dataclass(slots=True)
class Copied:
    """`records` copied, and how many were left out as they can't be accepted, by reason: they are dead letters."""

    records: int = 0
    refused: Counter[str] = field(default_factory=Counter)


class Copier:
    """One copy. `copied` may be looked at any time. `alone`: refuse to copy where somebody else has written; after a
    swap intake does, and is let be."""

    def __init__(
        self,
        pair: Pair,
        *,
        progress: Progress = lambda *_: None,
        quiet_seconds: float = QUIET_SECONDS,
        alone: bool = True,
    ) -> None:
        self._pair = pair
        self._progress = progress
        self._quiet_seconds = quiet_seconds
        self._rules = AcceptanceRules(type_prefix=pair.old.event_type_prefix)
        self._topics = {pair.old.topic(name): name for name in COPIED}
        self._ends: Ends = {}
        self._alone = alone
        self.copied = Copied()

    async def run(self, *, finish: bool) -> Copied:
        """Create the new topics where they are missing, go on where a former copy stopped, and copy. With `finish`
        return when all is copied and nothing was appended for a while; else follow for ever.

        Raises TopicsNotReady, RepartitionRefused and LogMismatch (the log lost its beginning) before anything is
        copied; RepartitionRefused also when somebody else writes to the new topics; TransientFailure when the broker is
        away: run it again.
        """
        async with admin_client(self._pair.old) as admin:
            await require_topics(admin, self._pair.old)
            await create_topics(admin, self._pair.new)
            await require_topics(admin, self._pair.new)
        async with long_session(self._pair.old.database_url, application_name="qos-repartition") as session:
            swapped = await stands_on(session, await input_topic_ids(self._pair.new))
        self._alone = self._alone and not swapped
        sender = producer(self._pair.new, client_id="qos-copy-topics")
        try:
            async with reader(self._pair.old, group=self._pair.group) as consumer:
                await self._begin(consumer)
                await sender.start()
                await self._copy(consumer, sender, finish=finish)
        except KafkaError as error:
            raise TransientFailure(f"topics can't be copied ({type(error).__name__})") from error
        finally:
            await sender.stop()
        return self.copied

    async def _begin(self, consumer: AIOKafkaConsumer) -> None:
        tps = [TopicPartition(topic, number) for topic in self._topics for number in range(self._pair.old.partitions)]
        consumer.assign(tps)
        first = await consumer.beginning_offsets(tps)
        known = {tp: offset for tp in tps if (offset := await consumer.committed(tp)) is not None}
        self._ends = await ends_of(self._pair.new, COPIED)
        if not known and any(self._ends.values()):
            raise RepartitionRefused(
                f"there are records in the topics with the prefix {self._pair.new.topic_prefix!r}, and no copy to them"
                " is known: choose another prefix"
            )
        if self._alone:
            for tp, record in (await last_records(self._pair.new, self._ends)).items():
                if not is_copy(record):
                    raise _foreign(tp)
        for tp in tps:
            begin = known.get(tp, 0)
            if begin < first[tp] and self._topics[tp.topic] in INPUT_TOPICS:
                raise LogMismatch(
                    f"{tp.topic}-{tp.partition} begins at {first[tp]}: it lost records. Restore it first."
                )
            consumer.seek(tp, max(begin, first[tp]))

    async def _copy(self, consumer: AIOKafkaConsumer, sender: AIOKafkaProducer, *, finish: bool) -> None:
        loop = asyncio.get_running_loop()
        last_news = loop.time()
        while True:
            found = await consumer.getmany(timeout_ms=_POLL_MS, max_records=_AT_ONCE)
            if found:
                await self._send(sender, [(tp, record) for tp, records in found.items() for record in records])
                last_news = loop.time()
            positions = {tp: await consumer.position(tp) for tp in consumer.assignment()}
            await consumer.commit(positions)
            ends = await consumer.end_offsets(list(positions))
            self._progress("copying", sum(positions.values()), sum(ends.values()))
            done = all(positions[tp] >= ends[tp] for tp in positions)
            if finish and done and loop.time() - last_news >= self._quiet_seconds:
                return

    async def _send(self, sender: AIOKafkaProducer, found: Sequence[tuple[TopicPartition, Found]]) -> None:
        """In the order of each partition, and return when all is acknowledged."""
        sent: list[asyncio.Future[RecordMetadata]] = []
        for tp, record in found:
            name = self._topics[tp.topic]
            if name in INPUT_TOPICS and (reason := self._refused(name, record)):
                self.copied.refused[reason] += 1
                continue
            partition = record.partition if record.key is None else partition_of(record.key, self._pair.new.partitions)
            headers = [*record.headers, (COPIED_FROM, f"{name}-{record.partition}-{record.offset}".encode())]
            topic = self._pair.new.topic(name)
            sent.append(await sender.send(topic, record.value, record.key, partition=partition, headers=headers))
        for metadata in await asyncio.gather(*sent):
            if self._alone:
                self._follows(metadata)
        self.copied.records += len(sent)

    def _refused(self, topic: str, record: Found) -> str | None:
        """Why a record of an input topic can't be accepted where, and when, it was appended."""
        found = accept_record(
            topic,
            record.partition,
            Record(record.key, record.value, tuple(record.headers), record.offset, record.timestamp),
            rules=self._rules,
            partitions=self._pair.old.partitions,
        )
        return found.reason if isinstance(found, DeadLetter) else None

    def _follows(self, metadata: RecordMetadata) -> None:
        """Raises RepartitionRefused when there is a record between this one and the last one that was copied there."""
        tp = TopicPartition(metadata.topic, metadata.partition)
        if metadata.offset != self._ends[tp]:
            raise _foreign(tp)
        self._ends[tp] += 1


def _foreign(tp: TopicPartition) -> RepartitionRefused:
    return RepartitionRefused(
        f"somebody else writes to {tp.topic}-{tp.partition}: stop it (intake belongs to the old topics until the swap)."
        " What it has written counts, too: go on with another prefix, or swap with --refold"
    )

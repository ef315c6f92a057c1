"""What readers were told stands in the outgoing topics: a database that knows less learns it from there.

It knows less when it was restored from a backup, or an older replica took its place, or when the publisher was cut off
between the broker's acknowledgement and its note of it. Without this a reader would be told things anew under numbers
that it has seen, and would never hear that a breach it was told of is taken back.
"""

from collections import Counter
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.errors import KafkaError
from msgspec import DecodeError

from qos_domain.calendar import Calendar
from qos_domain.case import CaseKey
from qos_domain.errors import TransientFailure
from qos_domain.events import INPUT_TOPICS
from qos_processing import postgres, postgres_announcements, postgres_levels, postgres_recall, postgres_registry
from qos_processing.announcing import Announced
from qos_processing.assessing import digest_of, digest_of_news
from qos_processing.made_with import check_logic
from qos_processing.outgoing import Outgoing, Told, ToldOfCase, ToldOfLevels
from qos_processing.postgres import PartitionState
from qos_processing.postgres_levels import LevelsRow
from qos_processing.postgres_recall import TopicPosition
from qos_processing.transactions import Connection, Transactions
from qos_runtime.kafka import connection as kafka_connection
from qos_runtime.logging import get_logger
from qos_runtime.settings import RuntimeSettings
from qos_runtime.topics import QOS_LEVELS, SLA_EVENTS

if TYPE_CHECKING:
    from aiokafka import ConsumerRecord

log = get_logger(__name__)

_TOPICS = (SLA_EVENTS, QOS_LEVELS)
_POLL_MS = 500
_MOST_RECORDS = 2_000


class Recall:
    """Reads `sla-events` and `qos-levels` from where their content is known, and takes in what isn't."""

    def __init__(
        self, transactions: Transactions, settings: RuntimeSettings, *, calendar: Calendar, outgoing: Outgoing
    ) -> None:
        self._transactions = transactions
        self._settings = settings
        self._calendar = calendar
        self._outgoing = outgoing

    async def take_in(self) -> int:
        """Take in all that stands there now; how many messages were news. May be repeated at will.

        To be done before anything is announced or assessed on a database that may have been set back. Raises
        TransientFailure when broker or database stay away.
        """
        known = await self._transactions.run(_known)
        news = 0
        async with self._consumer() as consumer:
            ends = await self._seek(consumer, known)
            while waiting := [tp for tp, end in ends.items() if await consumer.position(tp) < end]:
                found = await consumer.getmany(*waiting, timeout_ms=_POLL_MS, max_records=_MOST_RECORDS)
                for tp, records in found.items():
                    news += await self._take(self._base_name(tp.topic), tp.partition, records)
        if news:
            log.warning("told_before", messages=news)
        return news

    async def _seek(
        self, consumer: AIOKafkaConsumer, known: Mapping[TopicPosition, int]
    ) -> Mapping[TopicPartition, int]:
        """Go to where the known ends, in each partition in which more stands; and where that ends."""
        partitions = [
            TopicPartition(self._settings.topic(topic), partition)
            for topic in _TOPICS
            for partition in range(self._settings.partitions)
        ]
        consumer.assign(partitions)
        begins = await consumer.beginning_offsets(partitions)
        ends: Mapping[TopicPartition, int] = await consumer.end_offsets(partitions)
        for tp in partitions:
            # A topic that forgot, or was made anew, has what it has.
            offset = known.get((self._base_name(tp.topic), tp.partition), 0)
            consumer.seek(tp, offset if begins[tp] <= offset <= ends[tp] else begins[tp])
        return ends

    async def _take(self, topic: str, partition: int, records: "list[ConsumerRecord[bytes, bytes]]") -> int:
        told: list[Told] = []
        for record in records:
            try:
                told.append(self._outgoing.read(record.value or b""))
            except DecodeError:
                log.warning("not_ours", topic=topic, partition=partition, offset=record.offset)

        async def take(connection: Connection, _doubtful: bool) -> int:
            state, _ = await postgres.lock_at(connection, partition, INPUT_TOPICS)
            check_logic(state.logic_version)
            news = await self._cases(connection, state, [each for each in told if isinstance(each, ToldOfCase)])
            news += await _levels(connection, state, [each for each in told if isinstance(each, ToldOfLevels)])
            await postgres_recall.remove_sent(connection, partition, [each.event_id for each in told])
            offsets = {(topic, partition): records[-1].offset + 1}
            await postgres_recall.write_published_offsets(connection, offsets)
            return news

        return await self._transactions.run(take)

    async def _cases(self, connection: Connection, state: PartitionState, told: Sequence[ToldOfCase]) -> int:
        keys = {each.key for each in told}
        if not keys:
            return 0
        counts = await postgres_recall.announcements(connection, state, keys)
        news = [each for each in told if each.announced.count > counts.get(each.key, 0)]
        if news:
            last: dict[CaseKey, Announced] = {each.key: each.announced for each in news}
            await postgres_recall.write_told(connection, state, last)
            await self._count_retracted(
                connection, state, [each for each in news if each.announced.said == "retracted"]
            )
        return len(news)

    async def _count_retracted(self, connection: Connection, state: PartitionState, told: Sequence[ToldOfCase]) -> None:
        owners = await postgres_registry.owners(connection, state, {each.key[0] for each in told})
        for each in told:
            procedure_id, _ = each.key
            owner = owners.get(procedure_id, postgres_registry.NOBODY)
            breaches = Counter({(procedure_id, each.organisation_id or owner.organisation_id): 1})
            day = self._calendar.local_date(each.time)
            await postgres_announcements.count_retracted(connection, breaches, day)

    def _base_name(self, topic: str) -> str:
        return topic.removeprefix(self._settings.topic_prefix)

    @asynccontextmanager
    async def _consumer(self) -> AsyncIterator[AIOKafkaConsumer]:
        consumer = AIOKafkaConsumer(
            **kafka_connection(self._settings),
            client_id="qos-recall",
            group_id=None,
            enable_auto_commit=False,
            auto_offset_reset="earliest",
            isolation_level="read_committed",
        )
        try:
            await consumer.start()
            yield consumer
        except KafkaError as error:
            raise TransientFailure(f"what was published can't be read ({type(error).__name__})") from error
        finally:
            await consumer.stop()


async def _levels(connection: Connection, state: PartitionState, told: Sequence[ToldOfLevels]) -> int:
    """Readers have these revisions: the next one has to be greater, and an assessment that differs has to be told."""
    last = {each.assessment.procedure_id: each for each in told}
    if not last:
        return 0
    await postgres_recall.remove_outdated(
        connection, state.partition, {name: each.revision for name, each in last.items()}
    )
    stored = await postgres_levels.revisions(connection, list(last))
    news = {name: each for name, each in last.items() if each.revision > stored.get(name, -1)}
    if news:
        rows = [levels_row(each) for each in news.values()]
        await postgres_levels.write_levels(connection, state, rows, max(each.time for each in news.values()))
        await postgres_recall.touch(connection, state, news)
    return len(news)


def levels_row(told: ToldOfLevels) -> LevelsRow:
    """What is to be stored of levels that were told: as if they had been assessed here."""
    return LevelsRow(
        assessment=told.assessment,
        revision=told.revision,
        digest=digest_of_news(digest_of(told.assessment), told.settled),
        settled=told.settled,
    )


async def _known(connection: Connection, _doubtful: bool) -> dict[TopicPosition, int]:
    return await postgres_recall.published_offsets(connection)

"""Follows what operators decide about dead letters, so that the table knows which are settled.

Intake writes the decisions to a topic, for it has no database; PostgreSQL has processing as its only writer. Taken in
again they change nothing, so the topic is read from its beginning and no offset is kept.
"""

from collections.abc import AsyncIterator, Iterable, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.errors import KafkaError
from msgspec import DecodeError

from qos_domain.errors import TransientFailure
from qos_processing import postgres, postgres_outbox
from qos_processing.dead_letters import Decided
from qos_processing.transactions import Connection, Transactions
from qos_runtime.dead_letters import decode_decision
from qos_runtime.kafka import admin_client
from qos_runtime.kafka import connection as kafka_connection
from qos_runtime.logging import get_logger
from qos_runtime.settings import RuntimeSettings
from qos_runtime.topics import DEAD_LETTER_DECISIONS, DEAD_LETTER_TOPICS, require_topics

if TYPE_CHECKING:
    from aiokafka import ConsumerRecord

log = get_logger(__name__)

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_POLL_MS = 1_000


class DecisionFollower:
    """Takes decisions from the topic into the table of dead letters."""

    def __init__(self, transactions: Transactions, settings: RuntimeSettings) -> None:
        self._transactions = transactions
        self._settings = settings

    async def catch_up(self) -> None:
        """Take in what stands in the topic now: before a worker counts its dead letters, it knows which are settled.

        Raises TopicsNotReady when a topic is missing, TransientFailure when broker or database stay away.
        """
        async with admin_client(self._settings, client_id="qos-decisions") as admin:
            await require_topics(admin, self._settings, DEAD_LETTER_TOPICS)
        async with self._consumer() as (consumer, partitions):
            ends = await consumer.end_offsets(partitions)
            for partition in partitions:
                while await consumer.position(partition) < ends[partition]:
                    await self._take(await consumer.getmany(partition, timeout_ms=_POLL_MS))

    async def run(self) -> None:
        """Follow for ever. Raises TransientFailure when broker or database stay away."""
        async with self._consumer() as (consumer, _):
            while True:
                await self._take(await consumer.getmany(timeout_ms=_POLL_MS))

    @asynccontextmanager
    async def _consumer(self) -> AsyncIterator[tuple[AIOKafkaConsumer, list[TopicPartition]]]:
        consumer = AIOKafkaConsumer(
            self._settings.topic(DEAD_LETTER_DECISIONS),
            **kafka_connection(self._settings),
            client_id="qos-decisions",
            group_id=None,
            enable_auto_commit=False,
            auto_offset_reset="earliest",
        )
        try:
            await consumer.start()
            yield consumer, sorted(consumer.assignment())
        except KafkaError as error:
            raise TransientFailure(f"decisions about dead letters can't be read ({type(error).__name__})") from error
        finally:
            await consumer.stop()

    async def _take(self, fetched: "dict[TopicPartition, list[ConsumerRecord[bytes, bytes]]]") -> None:
        decided = list(_decided(record for records in fetched.values() for record in records))
        if not decided:
            return

        async def settle(connection: Connection, _doubtful: bool) -> None:
            # Under its lock, or a letter could come between looking for it and keeping what was decided about it.
            for partition in sorted({each.decision.partition for each in decided}):
                await postgres.lock(connection, partition)
            await postgres_outbox.settle_dead_letters(connection, decided)

        await self._transactions.run(settle)


def _decided(records: "Iterable[ConsumerRecord[bytes, bytes]]") -> Sequence[Decided]:
    """The last decision about each letter. What is none (nobody but intake may write here) is told and left."""
    found: dict[str, Decided] = {}
    for record in records:
        try:
            decision = decode_decision(record.value or b"")
        except DecodeError:
            log.warning("not_a_decision", partition=record.partition, offset=record.offset)
            continue
        found[decision.id] = Decided(decision, _EPOCH + timedelta(milliseconds=record.timestamp))
    return list(found.values())

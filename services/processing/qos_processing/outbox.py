"""The publisher: sends the outbox to Kafka in its order, and takes out what the broker has acknowledged.

The leader runs it. Its transactional id is the deployment's own, so a former leader that still lives is fenced by the
broker. What was sent and not taken out (a crash between the two) is found in the topic (`recall`); what isn't found
there is sent again, with the same id.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence

from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaError, ProducerFenced

from qos_domain.errors import TransientFailure
from qos_processing import postgres_outbox, postgres_recall
from qos_processing.postgres_outbox import Pending
from qos_processing.postgres_recall import TopicPosition
from qos_processing.transactions import Connection, Transactions
from qos_runtime.kafka import connection as kafka_connection
from qos_runtime.logging import get_logger
from qos_runtime.settings import RuntimeSettings
from qos_runtime.topics import MAX_DEAD_LETTER_BYTES

log = get_logger(__name__)

_FIRST_PAUSE_SECONDS = 1.0
_LONGEST_PAUSE_SECONDS = 30.0


class Fenced(TransientFailure):
    """Another publisher of this deployment has started: this one must not send any more."""


class Publisher:
    """Publishes the outbox of one deployment (a topic prefix). At least once, in order of `seq` within a partition."""

    def __init__(
        self,
        transactions: Transactions,
        settings: RuntimeSettings,
        *,
        most_messages: int = 1_000,
        most_bytes: int = 8_388_608,
        every_seconds: float = 0.2,
        recall: Callable[[], Awaitable[object]] | None = None,
    ) -> None:
        """`recall`: takes what stands in the topics already out of the outbox; asked each time a producer has started,
        for then nobody else can send any more."""
        self._transactions = transactions
        self._settings = settings
        self._most_messages = most_messages
        self._most_bytes = most_bytes
        self._every_seconds = every_seconds
        self._recall = recall

    async def run(self) -> None:
        """Publish for ever. What the broker refuses stays in the outbox, and is tried again in a while.

        Raises Fenced, or TransientFailure when the database stays away.
        """
        pause = _FIRST_PAUSE_SECONDS
        while True:
            try:
                async for _ in self._published():
                    pause = _FIRST_PAUSE_SECONDS
            except ProducerFenced as error:
                raise Fenced("another publisher has taken over") from error
            except KafkaError as error:
                log.warning("outbox_not_published", error=type(error).__name__, reason=str(error), pause_seconds=pause)
            await asyncio.sleep(pause)
            pause = min(2 * pause, _LONGEST_PAUSE_SECONDS)

    async def _published(self) -> AsyncIterator[int]:
        """Publish for ever, with one producer; yields the number of messages each time that some were sent."""
        producer = self.producer()
        try:
            await producer.start()
            if self._recall is not None:
                await self._recall()
            while True:
                if sent := await self.publish(producer):
                    yield sent
                else:
                    await asyncio.sleep(self._every_seconds)
        finally:
            await producer.stop()

    def producer(self) -> AIOKafkaProducer:
        """A transactional producer under the deployment's id; its start fences those before it. Not started."""
        return fencing_producer(self._settings)

    async def publish(self, producer: AIOKafkaProducer) -> int:
        """Send the oldest messages in one Kafka transaction, then take them out; how many they were."""
        pending = await self._transactions.run(self._oldest)
        if not pending:
            return 0
        acknowledged = []
        async with producer.transaction():
            for item in pending:
                message = item.message
                sending = await producer.send(
                    self._settings.topic(message.topic),
                    value=message.value,
                    key=message.key,
                    partition=item.partition,
                    headers=[("content-type", b"application/cloudevents+json")],
                )
                acknowledged.append(sending)
        offsets = {
            (item.message.topic, item.partition): sent.result().offset + 1
            for item, sent in zip(pending, acknowledged, strict=True)
        }
        await self._remove(pending, offsets)
        log.debug("outbox_published", messages=len(pending))
        return len(pending)

    async def _oldest(self, connection: Connection, _doubtful: bool) -> list[Pending]:
        return await postgres_outbox.pending(connection, self._most_messages, self._most_bytes)

    async def _remove(self, sent: Sequence[Pending], offsets: Mapping[TopicPosition, int]) -> None:
        async def remove(connection: Connection, _doubtful: bool) -> None:
            await postgres_outbox.remove(connection, sent)
            await postgres_recall.write_published_offsets(connection, offsets)

        await self._transactions.run(remove)


def fencing_producer(settings: RuntimeSettings) -> AIOKafkaProducer:
    """A transactional producer under the deployment's id. Not started: its start fences those before it, and ends what
    they have left open.
    """
    return AIOKafkaProducer(
        **kafka_connection(settings),
        client_id="qos-publisher",
        transactional_id=f"{settings.topic_prefix}qos-publisher",
        acks="all",
        compression_type="lz4",
        max_batch_size=131_072,
        max_request_size=MAX_DEAD_LETTER_BYTES,
        request_timeout_ms=15_000,
    )

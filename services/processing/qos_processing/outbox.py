"""The publisher: sends the outbox to Kafka in its order, and takes out what the broker has acknowledged.

The leader runs it. Its transactional id is the deployment's own, so a former leader that still lives is fenced by the
broker. What was sent and not taken out (a crash between the two) is sent again, with the same id.
"""

import asyncio
from collections.abc import Sequence

from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaError, ProducerFenced

from qos_domain.errors import TransientFailure
from qos_processing import postgres_outbox
from qos_processing.postgres_outbox import Pending
from qos_processing.transactions import Connection, Transactions
from qos_runtime.kafka import connection as kafka_connection
from qos_runtime.logging import get_logger
from qos_runtime.settings import RuntimeSettings
from qos_runtime.topics import MAX_DEAD_LETTER_BYTES

log = get_logger(__name__)


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
    ) -> None:
        self._transactions = transactions
        self._settings = settings
        self._most_messages = most_messages
        self._most_bytes = most_bytes
        self._every_seconds = every_seconds

    async def run(self) -> None:
        """Publish for ever. Raises Fenced, or TransientFailure when broker or database stay away: all that is in the
        outbox stays there.
        """
        producer = self.producer()
        try:
            await producer.start()
            while True:
                if not await self.publish(producer):
                    await asyncio.sleep(self._every_seconds)
        except ProducerFenced as error:
            raise Fenced("another publisher has taken over") from error
        except KafkaError as error:
            raise TransientFailure(f"the outbox can't be published ({type(error).__name__})") from error
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
        async with producer.transaction():
            for item in pending:
                message = item.message
                await producer.send(
                    self._settings.topic(message.topic),
                    value=message.value,
                    key=message.key,
                    partition=item.partition,
                    headers=[("content-type", b"application/cloudevents+json")],
                )
        await self._remove(pending)
        log.debug("outbox_published", messages=len(pending))
        return len(pending)

    async def _oldest(self, connection: Connection, _doubtful: bool) -> list[Pending]:
        return await postgres_outbox.pending(connection, self._most_messages, self._most_bytes)

    async def _remove(self, sent: Sequence[Pending]) -> None:
        async def remove(connection: Connection, _doubtful: bool) -> None:
            await postgres_outbox.remove(connection, sent)

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

"""Kafka as the place to publish: all records of a request at once, each answered when all in-sync replicas have it."""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from typing import TypeAlias, TypeVar

from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaError, MessageSizeTooLargeError, TopicAuthorizationFailedError
from aiokafka.structs import RecordMetadata

from qos_domain.errors import TransientFailure
from qos_intake.ports import Receipt, Record
from qos_intake.settings import IntakeSettings
from qos_runtime.kafka import producer as new_producer
from qos_runtime.logging import get_logger
from qos_runtime.tracing import OFF, Tracing

log = get_logger(__name__)

CONTENT_TYPE = ("content-type", b"application/cloudevents+json")
_BACKOFF_SECONDS = (0.2, 0.5, 1.0, 2.0, 5.0)
_CLOSE_SECONDS = 10.0
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

_T = TypeVar("_T")
_Sent: TypeAlias = "asyncio.Future[RecordMetadata] | TransientFailure"


class KafkaPublisher:
    """A `Publisher` on one idempotent producer.

    `run` connects, and makes a new producer when the old one is past use: after an error that says that the sequence of
    its records is broken, every later record would fail too. While there is no producer, publishing answers at once.
    """

    def __init__(self, settings: IntakeSettings, tracing: Tracing = OFF) -> None:
        self._settings = settings
        self._tracing = tracing
        self._producer: AIOKafkaProducer | None = None
        self._past_use = asyncio.Event()

    async def run(self) -> None:
        """Keep a producer until cancelled; then flush and close it."""
        while True:
            producer = await self._connect()
            self._past_use.clear()
            self._producer = producer
            log.info("producer_connected")
            try:
                await self._past_use.wait()
                log.warning("producer_past_use")
            finally:
                self._producer = None
                with suppress(TimeoutError, KafkaError):
                    async with asyncio.timeout(_CLOSE_SECONDS):
                        await producer.stop()

    async def ready(self) -> None:
        """Raises TransientFailure while there is no producer."""
        if self._producer is None:
            raise TransientFailure("no Kafka producer yet")

    async def publish(self, records: Sequence[Record]) -> Sequence[Receipt | TransientFailure]:
        producer = self._producer
        if producer is None:
            return [TransientFailure("no Kafka producer yet")] * len(records)
        with self._tracing.sending((record.topic for record in records), len(records)) as span:
            answers = await self._publish(producer, records, span.headers)
            for failure in answers:
                if isinstance(failure, TransientFailure):
                    span.failed(type(failure).__name__)
                    break
        return answers

    async def _publish(
        self, producer: AIOKafkaProducer, records: Sequence[Record], traced: Sequence[tuple[str, bytes]]
    ) -> list[Receipt | TransientFailure]:
        deadline = asyncio.get_running_loop().time() + self._settings.publish_timeout_seconds
        sent = await self._send(producer, records, [CONTENT_TYPE, *traced], deadline)
        waiting = [each for each in sent if isinstance(each, asyncio.Future)]
        if waiting:
            left = max(0.0, deadline - asyncio.get_running_loop().time())
            _, late = await asyncio.wait(waiting, timeout=left)
            for future in late:
                future.add_done_callback(_look_at_it)
        return [self._answer(record, each) for record, each in zip(records, sent, strict=True)]

    async def _send(
        self,
        producer: AIOKafkaProducer,
        records: Sequence[Record],
        headers: Sequence[tuple[str, bytes]],
        deadline: float,
    ) -> list[_Sent]:
        """Hand the records over in order. After the first that can't be, none is: the order of a key is kept."""
        sent: list[_Sent] = []
        try:
            async with asyncio.timeout_at(deadline):
                for record in records:
                    topic = self._settings.topic(record.topic)
                    sent.append(await producer.send(topic, record.value, record.key, headers=headers))
        except TimeoutError:
            failure = TransientFailure("Kafka did not take the record in time")
        except KafkaError as error:
            failure = self._failure(error)
        else:
            return sent
        return sent + [failure] * (len(records) - len(sent))

    def _answer(self, record: Record, sent: _Sent) -> Receipt | TransientFailure:
        if isinstance(sent, TransientFailure):
            return sent
        if not sent.done():
            return TransientFailure("Kafka did not acknowledge in time")
        error = sent.exception()
        if error is None:
            metadata = sent.result()
            return Receipt(record.topic, metadata.partition, metadata.offset)
        if isinstance(error, KafkaError):
            return self._failure(error)
        raise error

    def _failure(self, error: KafkaError) -> TransientFailure:
        log.warning("publish_failed", error_type=type(error).__name__)
        if not error.retriable and not isinstance(error, MessageSizeTooLargeError | TopicAuthorizationFailedError):
            self._past_use.set()
        return TransientFailure(type(error).__name__)

    async def _connect(self) -> AIOKafkaProducer:
        async def connect() -> AIOKafkaProducer:
            producer: AIOKafkaProducer = new_producer(self._settings, client_id="qos-intake", linger_ms=0)
            try:
                await uninterrupted(producer.start())
            except BaseException:
                await producer.stop()
                raise
            return producer

        return await persistently(connect, what="producer")


async def persistently(attempt: Callable[[], Awaitable[_T]], *, what: str) -> _T:
    """What `attempt` returns, tried again with backoff as long as Kafka is the reason that it fails."""
    failures = 0
    while True:
        try:
            return await attempt()
        except (KafkaError, OSError, TransientFailure) as error:
            pause = _BACKOFF_SECONDS[min(failures, len(_BACKOFF_SECONDS) - 1)]
            failures += 1
            log.warning("kafka_away", task=what, error_type=type(error).__name__, retry_in_seconds=pause)
            await asyncio.sleep(pause)


async def uninterrupted(step: Coroutine[None, None, _T]) -> _T:
    """What `step` returns. A cancellation meanwhile takes effect when the step has ended: aiokafka leaves a socket open
    when it is cancelled while it connects."""
    task = asyncio.create_task(step)
    try:
        return await asyncio.shield(task)
    except asyncio.CancelledError:
        done, _ = await asyncio.wait([task], timeout=_CLOSE_SECONDS)
        for ended in done:
            ended.cancelled() or ended.exception()
        raise


def instant_of(timestamp_ms: int) -> datetime:
    """The aware instant of a record's timestamp: the broker's append time, in the topics of this system."""
    return _EPOCH + timedelta(milliseconds=timestamp_ms)


def _look_at_it(future: "asyncio.Future[RecordMetadata]") -> None:
    """A late record was answered as unavailable already; asyncio wants its error seen."""
    if not future.cancelled():
        future.exception()

"""Kafka as the live stream's source: a reader without a group, of the two topics that say what changed."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from datetime import datetime
from typing import TYPE_CHECKING, Any

import msgspec
from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.errors import KafkaError
from msgspec import Raw, Struct

from qos_domain.assessment import Assessment, Cause
from qos_domain.disclosure import public_assessment
from qos_domain.errors import TransientFailure
from qos_domain.events import INPUT_TOPICS
from qos_metrics.freshness import LogPartition
from qos_metrics.settings import MetricsSettings
from qos_metrics.stream import Hub, Message, Position
from qos_runtime.kafka import connection
from qos_runtime.logging import get_logger
from qos_runtime.topics import QOS_LEVELS, SLA_EVENTS

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

log = get_logger(__name__)

FOLLOWED = (QOS_LEVELS, SLA_EVENTS)
ABOUT_CASES = "sla."
_POLL_MS = 500
_BACKOFF_SECONDS = (0.5, 1.0, 2.0, 5.0, 10.0)


class _LevelsData(Struct, frozen=True, omit_defaults=True):
    """The data of `level.assessed`."""

    procedure_id: str
    organisation_id: str
    revision: int
    assessment: Assessment
    cause: Cause | None = None


class _OtherData(Struct, frozen=True):
    """What the data of every other message names."""

    procedure_id: str
    organisation_id: str | None = None


class _CloudEvent(Struct, frozen=True):
    id: str
    type: str
    time: datetime
    data: Raw


def message_of(position: Position, value: bytes | None, type_prefix: str) -> Message | None:
    """What a record of `qos-levels` or `sla-events` says; None for a tombstone or for anything unreadable.

    The record is a CloudEvent; its type without prefix and version names the server-sent event (`level.assessed`), and
    its data gets the event's `id` and `time`.
    """
    if value is None:
        return None
    try:
        event = msgspec.json.decode(value, type=_CloudEvent)
        name = event.type.removeprefix(type_prefix).rpartition(".v")[0] or event.type
        public: str | None
        organisation_id: str | None
        revision: int | None
        if position.topic == QOS_LEVELS:
            levels = msgspec.json.decode(event.data, type=_LevelsData)
            shown = public_assessment(levels.assessment)
            public = _text(event, msgspec.to_builtins(msgspec.structs.replace(levels, assessment=shown)))
            procedure_id, organisation_id, revision = levels.procedure_id, levels.organisation_id, levels.revision
        else:
            other = msgspec.json.decode(event.data, type=_OtherData)
            procedure_id, organisation_id, revision = other.procedure_id, other.organisation_id, None
            public = None if name.startswith(ABOUT_CASES) else _text(event, msgspec.json.decode(event.data))
        data = _text(event, msgspec.json.decode(event.data))
    except msgspec.MsgspecError:
        return None
    return Message(position, name, event.id, procedure_id, organisation_id, revision, data, public)


def _text(event: _CloudEvent, data: dict[str, Any]) -> str:
    return msgspec.json.encode({"id": event.id, "time": event.time, **data}).decode()


@asynccontextmanager
async def _consumer(
    settings: MetricsSettings, client_id: str, topics: tuple[str, ...]
) -> "AsyncIterator[tuple[AIOKafkaConsumer, dict[TopicPartition, str]]]":
    """A consumer without a group, and the partitions it reads with their topic's base name.

    Raises TransientFailure while a topic doesn't exist.
    """
    names = {settings.topic(topic): topic for topic in topics}
    consumer = AIOKafkaConsumer(
        *names,
        **connection(settings),
        client_id=client_id,
        group_id=None,
        enable_auto_commit=False,
        isolation_level="read_committed",
        auto_offset_reset="latest",
        fetch_max_wait_ms=100,
    )
    try:
        await consumer.start()
        partitions = {partition: names[partition.topic] for partition in consumer.assignment()}
        missing = set(topics) - set(partitions.values())
        if missing:
            raise TransientFailure(f"missing topics: {', '.join(sorted(missing))} (create them: qos topics create)")
        yield consumer, partitions
    finally:
        await consumer.stop()


class Follower:
    """Feeds the hub from a little before now on, and says whether it does at the moment."""

    def __init__(self, settings: MetricsSettings, hub: Hub, now_ms: Callable[[], int]) -> None:
        self._settings = settings
        self._hub = hub
        self._now_ms = now_ms
        self._next: dict[TopicPartition, int] = {}
        self.following = asyncio.Event()

    async def run(self) -> None:
        """Follows until cancelled; a broker that is away is tried again, from where reading had come to."""
        await _for_ever(self._follow, "stream_follower")

    async def _follow(self) -> None:
        try:
            async with _consumer(self._settings, "qos-metrics-stream", FOLLOWED) as (consumer, names):
                await self._seek(consumer, names)
                ends = await consumer.end_offsets(list(names))
                behind = {partition for partition, end in ends.items() if self._next.get(partition, 0) < end}
                while True:
                    for partition in list(behind):
                        if await consumer.position(partition) >= ends[partition]:
                            behind.discard(partition)
                    if not behind and not self.following.is_set():
                        self.following.set()
                        log.info("stream_following", partitions=len(names))
                    batches = await consumer.getmany(timeout_ms=_POLL_MS)
                    self._publish(batches, names)
        finally:
            self.following.clear()

    async def _seek(self, consumer: AIOKafkaConsumer, names: Mapping[TopicPartition, str]) -> None:
        from_ms = self._now_ms() - int(self._settings.stream_past_seconds * 1000)
        if not self._next:
            self._hub.remembers_from(from_ms)
        ends = await consumer.end_offsets(list(names))
        found = await consumer.offsets_for_times(dict.fromkeys(names, from_ms))
        for partition in names:
            start = found.get(partition)
            offset = self._next.get(partition, ends[partition] if start is None else start.offset)
            consumer.seek(partition, min(offset, ends[partition]))
            self._next[partition] = min(offset, ends[partition])

    def _publish(self, batches: Mapping[TopicPartition, list[Any]], names: Mapping[TopicPartition, str]) -> None:
        records = [(partition, record) for partition, batch in batches.items() for record in batch]
        records.sort(key=lambda pair: (pair[1].timestamp, pair[1].offset))
        for partition, record in records:
            position = Position(record.timestamp, names[partition], record.partition, record.offset)
            message = message_of(position, record.value, self._settings.event_type_prefix)
            if message is None:
                log.warning(
                    "stream_record_unreadable", topic=record.topic, partition=record.partition, offset=record.offset
                )
            else:
                self._hub.publish(message)
            self._next[partition] = record.offset + 1


class LogEnds:
    """Asks the broker for the ends of the input topics, as often as wanted, and hands them on."""

    def __init__(
        self, settings: MetricsSettings, observe: Callable[[Mapping[LogPartition, int]], Awaitable[None]], every: float
    ) -> None:
        self._settings = settings
        self._observe = observe
        self._every = every

    async def run(self) -> None:
        await _for_ever(self._watch, "log_ends")

    async def _watch(self) -> None:
        async with _consumer(self._settings, "qos-metrics-lag", INPUT_TOPICS) as (consumer, names):
            consumer.pause(*names)
            while True:
                ends = await consumer.end_offsets(list(names))
                await self._observe({(names[partition], partition.partition): end for partition, end in ends.items()})
                await asyncio.sleep(self._every)


async def _for_ever(task: Callable[[], Awaitable[None]], name: str) -> None:
    attempt = 0
    while True:
        started = asyncio.get_running_loop().time()
        try:
            await task()
        except (KafkaError, OSError, TransientFailure) as error:
            if asyncio.get_running_loop().time() - started > 60:
                attempt = 0
            pause = _BACKOFF_SECONDS[min(attempt, len(_BACKOFF_SECONDS) - 1)]
            attempt += 1
            log.warning("kafka_away", task=name, error_type=type(error).__name__, retry_in_seconds=pause)
            await asyncio.sleep(pause)

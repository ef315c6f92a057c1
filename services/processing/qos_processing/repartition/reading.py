"""Looks into topics without taking part in anything: ends, last records, how far a copy is."""

from collections.abc import AsyncIterator, Iterable, Mapping
from contextlib import asynccontextmanager
from typing import TypeAlias
from uuid import UUID

from aiokafka import AIOKafkaConsumer, ConsumerRecord, TopicPartition
from aiokafka.errors import KafkaError

from qos_domain.errors import TransientFailure
from qos_domain.events import INPUT_TOPICS
from qos_processing.repartition.pair import COPIED, COPIED_FROM, Pair
from qos_processing.topic_ids import topic_ids
from qos_runtime.kafka import connection
from qos_runtime.settings import RuntimeSettings
from qos_runtime.topics import MAX_EVENT_BYTES

Ends: TypeAlias = dict[TopicPartition, int]
Found: TypeAlias = "ConsumerRecord[bytes, bytes]"

_POLL_MS = 500


@asynccontextmanager
async def reader(settings: RuntimeSettings, *, group: str | None = None) -> AsyncIterator[AIOKafkaConsumer]:
    """A consumer of what is committed, of nothing yet. `group` keeps its offsets, and has no members.

    Raises TransientFailure when the broker is away.
    """
    consumer = AIOKafkaConsumer(
        **connection(settings),
        client_id="qos-repartition",
        group_id=group,
        enable_auto_commit=False,
        auto_offset_reset="none",
        isolation_level="read_committed",
        max_partition_fetch_bytes=MAX_EVENT_BYTES,
    )
    try:
        await consumer.start()
        yield consumer
    except KafkaError as error:
        raise TransientFailure(f"the topics can't be read ({type(error).__name__})") from error
    finally:
        await consumer.stop()


def partitions(settings: RuntimeSettings, topics: Iterable[str]) -> list[TopicPartition]:
    """All partitions of these topics (base names)."""
    return [TopicPartition(settings.topic(topic), n) for topic in topics for n in range(settings.partitions)]


async def ends_of(settings: RuntimeSettings, topics: Iterable[str]) -> Ends:
    """Where each partition of these topics (base names) ends. Raises TransientFailure."""
    async with reader(settings) as consumer:
        return dict(await consumer.end_offsets(partitions(settings, topics)))


async def last_records(settings: RuntimeSettings, ends: Ends) -> dict[TopicPartition, Found]:
    """The record before each of these ends, where there is one. Raises TransientFailure."""
    left = {tp for tp, end in ends.items() if end > 0}
    found: dict[TopicPartition, Found] = {}
    if not left:
        return found
    async with reader(settings) as consumer:
        consumer.assign(list(left))
        for tp in left:
            consumer.seek(tp, ends[tp] - 1)
        while left:
            for tp, records in (await consumer.getmany(*left, timeout_ms=_POLL_MS)).items():
                found[tp] = records[0]
            left = {tp for tp in left if await consumer.position(tp) < ends[tp]}
    return found


def is_copy(record: Found) -> bool:
    """Whether a copy has written it, and nobody else."""
    return any(name == COPIED_FROM for name, _ in record.headers)


async def input_topic_ids(settings: RuntimeSettings) -> dict[str, UUID]:
    """The broker's ids of the input topics, by base name. Raises TransientFailure."""
    names = {settings.topic(topic): topic for topic in INPUT_TOPICS}
    return {names[name]: topic_id for name, topic_id in (await topic_ids(settings, names)).items()}


async def left_to_copy(pair: Pair) -> int:
    """How many offsets of the old topics no copy has read yet. Raises TransientFailure."""
    tps = partitions(pair.old, COPIED)
    async with reader(pair.old, group=pair.group) as consumer:
        ends: Mapping[TopicPartition, int] = await consumer.end_offsets(tps)
        copied = {tp: await consumer.committed(tp) or 0 for tp in tps}
    return sum(max(0, ends[tp] - copied[tp]) for tp in tps)

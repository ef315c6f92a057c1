"""Reads topics whole."""

from collections.abc import Sequence

from aiokafka import AIOKafkaConsumer, ConsumerRecord, TopicPartition

from qos_runtime.kafka import connection
from qos_runtime.settings import RuntimeSettings

_POLL_MS = 500


async def ends(settings: RuntimeSettings, topics: Sequence[str]) -> dict[tuple[str, int], int]:
    """The offset after the last record, by base name of the topic and partition."""
    async with _consumer(settings) as consumer:
        found = await consumer.end_offsets(_partitions(settings, topics))
    return {(topic, tp.partition): found[tp] for topic in topics for tp in _partitions(settings, [topic])}


async def read(settings: RuntimeSettings, topics: Sequence[str]) -> "dict[str, list[ConsumerRecord[bytes, bytes]]]":
    """All records that are committed, by base name of the topic, each partition in its order."""
    base = {settings.topic(topic): topic for topic in topics}
    records: dict[str, list[ConsumerRecord[bytes, bytes]]] = {topic: [] for topic in topics}
    partitions = _partitions(settings, topics)
    async with _consumer(settings) as consumer:
        until = await consumer.end_offsets(partitions)
        consumer.assign(partitions)
        await consumer.seek_to_beginning()
        left = {tp for tp in partitions if until[tp]}
        while left:
            for tp, some in (await consumer.getmany(*left, timeout_ms=_POLL_MS)).items():
                records[base[tp.topic]] += some
            left = {tp for tp in left if await consumer.position(tp) < until[tp]}
    return records


def _partitions(settings: RuntimeSettings, topics: Sequence[str]) -> list[TopicPartition]:
    return [TopicPartition(settings.topic(t), number) for t in topics for number in range(settings.partitions)]


def _consumer(settings: RuntimeSettings) -> AIOKafkaConsumer:
    return AIOKafkaConsumer(
        **connection(settings), client_id="chaos", group_id=None, isolation_level="read_committed", check_crcs=True
    )

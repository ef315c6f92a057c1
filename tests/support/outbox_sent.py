"""An outbox that is sent to a real broker, and what arrived there."""

import asyncio

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.structs import ConsumerRecord

from qos_processing.outbox import Publisher
from qos_runtime.kafka import admin_client, connection
from qos_runtime.settings import RuntimeSettings
from qos_runtime.topics import create_topics
from support.eventually import eventually
from support.processing import Processing


async def read(settings: RuntimeSettings, topic: str) -> list[ConsumerRecord]:
    """All committed records of a topic."""
    consumer = AIOKafkaConsumer(**connection(settings), group_id=None, isolation_level="read_committed")
    await consumer.start()
    try:
        partitions = [TopicPartition(settings.topic(topic), partition) for partition in range(settings.partitions)]
        consumer.assign(partitions)
        await consumer.seek_to_beginning(*partitions)
        ends = await consumer.end_offsets(partitions)
        records: list[ConsumerRecord] = []
        async with asyncio.timeout(20):
            for partition in partitions:
                while await consumer.position(partition) < ends[partition]:
                    for batch in (await consumer.getmany(timeout_ms=100)).values():
                        records += batch
        return records
    finally:
        await consumer.stop()


async def with_topics(settings: RuntimeSettings, *, partitions: int = 2) -> RuntimeSettings:
    """The settings with so many partitions, once their topics exist."""
    settings = settings.model_copy(update={"partitions": partitions})
    async with admin_client(settings) as admin:
        await create_topics(admin, settings)
    return settings


async def send_outbox(p: Processing, settings: RuntimeSettings) -> None:
    """Send all that is in the outbox now."""
    publisher = Publisher(p.transactions, settings)
    producer = publisher.producer()
    await producer.start()
    try:
        while await publisher.publish(producer):
            pass
    finally:
        await producer.stop()


async def is_empty(p: Processing) -> bool:
    return await p.pool.fetchval("SELECT count(*) FROM outbox") == 0


async def everything_published(p: Processing, *publishers: Publisher) -> None:
    """Run publishers until the outbox is empty."""
    running = [asyncio.ensure_future(one.run()) for one in publishers]
    try:
        await eventually(lambda: is_empty(p) if not any(task.done() for task in running) else True, within=60)
    finally:
        for task in running:
            task.cancel()
        ends = await asyncio.gather(*running, return_exceptions=True)
    assert [end for end in ends if not isinstance(end, asyncio.CancelledError)] == []

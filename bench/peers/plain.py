"""Plain aiokafka: `getmany` over all partitions, each record decoded and validated as the worker does, and dropped."""

import argparse
import asyncio
from datetime import UTC, datetime, timedelta
from typing import cast

from aiokafka import AIOKafkaConsumer, TopicPartition

from bench.peers.counting import Count
from qos_domain.acceptance import AcceptanceRules, accept
from qos_domain.events import INPUT_TOPICS
from qos_runtime.kafka import connection
from qos_runtime.settings import RuntimeSettings

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


async def read(settings: RuntimeSettings, seconds: float) -> None:
    rules = AcceptanceRules(type_prefix=settings.event_type_prefix)
    names = {settings.topic(topic): topic for topic in INPUT_TOPICS}
    consumer = AIOKafkaConsumer(**connection(settings), group_id=None, enable_auto_commit=False)
    await consumer.start()
    consumer.assign([TopicPartition(name, partition) for name in names for partition in range(settings.partitions)])
    await consumer.seek_to_beginning()
    count = Count(seconds)
    try:
        while not count.enough:
            for tp, records in (await consumer.getmany(timeout_ms=500, max_records=5_000)).items():
                topic = names[tp.topic]
                for record in records:
                    appended_at = _EPOCH + timedelta(milliseconds=record.timestamp)
                    accept(topic=topic, key=record.key, value=record.value, appended_at=appended_at, rules=rules)
                count.add(len(records))
    finally:
        await consumer.stop()
    count.report()


if __name__ == "__main__":
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--seconds", type=float, default=15.0)
    asyncio.run(read(RuntimeSettings.from_environment(), cast(float, arguments.parse_args().seconds)))

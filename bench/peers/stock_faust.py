"""A stock Faust agent: Faust's own aiokafka transport, an event at a time.

`decode` decodes and validates each event as the worker does, and drops it. `fold` calls the worker's own service for
each event: the same fold and the same transaction, with one event in it.
"""

import argparse
import asyncio
import logging
import tempfile
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from datetime import UTC, datetime, timedelta
from pathlib import Path

import faust
from prometheus_client import CollectorRegistry

from bench.peers.counting import Count
from qos_domain.acceptance import AcceptanceRules, accept
from qos_domain.calendar import Calendar
from qos_domain.events import INPUT_TOPICS, Topic
from qos_processing.counters import Counters
from qos_processing.dead_letters import DeadLetterLimit
from qos_processing.ports import Batch, Record
from qos_processing.service import ProcessingService
from qos_processing.transactions import Transactions
from qos_runtime.clock import SystemClock
from qos_runtime.postgres import create_pool
from qos_runtime.settings import RuntimeSettings

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

Handle = Callable[[Topic, faust.EventT[bytes]], Awaitable[None]]


def decoding(settings: RuntimeSettings) -> Handle:
    rules = AcceptanceRules(type_prefix=settings.event_type_prefix)

    async def decode(topic: Topic, event: faust.EventT[bytes]) -> None:
        message = event.message
        appended_at = _EPOCH + timedelta(seconds=message.timestamp)
        accept(topic=topic, key=message.key, value=message.value, appended_at=appended_at, rules=rules)

    return decode


async def folding(settings: RuntimeSettings, stack: AsyncExitStack) -> Handle:
    pool = await create_pool(settings.database_url, application_name="bench-stock-faust")
    stack.callback(pool.terminate)
    service = ProcessingService(
        Transactions(pool, patience_seconds=60, registry=CollectorRegistry()),
        calendar=Calendar.load(settings.calendar, settings.time_zone),
        rules=AcceptanceRules(type_prefix=settings.event_type_prefix),
        clock=SystemClock(),
        counters=Counters(CollectorRegistry()),
        partitions=settings.partitions,
        dead_letter_limit=DeadLetterLimit(),
    )

    async def fold(topic: Topic, event: faust.EventT[bytes]) -> None:
        message = event.message
        record = Record(message.key, message.value, (), message.offset, int(message.timestamp * 1000))
        await service.process(Batch(topic, message.partition, message.offset, message.offset + 1, [record]))

    return fold


async def read(settings: RuntimeSettings, what: str, seconds: float) -> None:
    async with AsyncExitStack() as stack:
        handle = decoding(settings) if what == "decode" else await folding(settings, stack)
        app = faust.App(
            f"{settings.consumer_group}-stock-{what}",
            broker=[f"kafka://{address}" for address in settings.kafka_bootstrap_servers.split(",")],
            key_serializer="raw",
            value_serializer="raw",
            consumer_auto_offset_reset="earliest",
            datadir=Path(tempfile.gettempdir()),
            topic_allow_declare=False,
            topic_disable_leader=True,
            web_enabled=False,
        )
        names: dict[str, Topic] = {settings.topic(topic): topic for topic in INPUT_TOPICS}
        count = Count(seconds)

        @app.agent(app.topic(*names, key_type=bytes, value_type=bytes))
        async def agent(stream: faust.StreamT[bytes]) -> None:
            async for event in stream.events():
                await handle(names[event.message.topic], event)
                count.add(1)

        starting = asyncio.ensure_future(app.start())
        try:
            await count.wait()
        finally:
            starting.cancel()
            await app.stop()
        count.report()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("what", choices=["decode", "fold"])
    parser.add_argument("--seconds", type=float, default=20.0)
    given = parser.parse_args()
    logging.basicConfig(level=logging.ERROR)
    asyncio.run(read(RuntimeSettings.from_environment(), given.what, given.seconds))

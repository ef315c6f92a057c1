"""How far what is processed is known to reach."""

import asyncio
from collections.abc import AsyncIterator

import pytest

from qos_processing.horizon import Horizon
from qos_runtime.kafka import admin_client, producer
from qos_runtime.settings import RuntimeSettings
from qos_runtime.topics import INPUT, create_topics
from support.builders import happened, tokyo
from support.eventually import eventually
from support.processing import Processing, processing

pytestmark = pytest.mark.real

UNUSED = RuntimeSettings(kafka_bootstrap_servers="unused.invalid:1", database_url="postgresql://unused.invalid/unused")
EMPTY = {(topic.name, 0): 0 for topic in INPUT}
NINE, TEN, ELEVEN = (tokyo(f"2025-05-20 {hour}:00") for hour in ("09", "10", "11"))


async def applied(p: Processing, *at: str) -> None:
    p.log.append(*(happened("application.submitted", day, channel="online", procedure="p") for day in at))
    for batch in p.log.new():
        await p.service.process(batch)


@pytest.fixture
async def horizon(database_url: str) -> AsyncIterator[tuple[Processing, Horizon]]:
    async with processing(database_url, partitions=1) as p:
        yield p, Horizon(p.transactions, UNUSED, clock=p.clock)


async def test_an_empty_log_is_read_to_its_end(horizon: tuple[Processing, Horizon]) -> None:
    _, known = horizon
    assert known.known_until(0) is None
    await known.look(EMPTY, NINE)
    assert known.known_until(0) == NINE


async def test_it_stands_still_while_a_backlog_waits(horizon: tuple[Processing, Horizon]) -> None:
    p, known = horizon
    await known.look(EMPTY, NINE)
    await known.look(EMPTY | {("applications", 0): 2}, TEN)
    assert known.known_until(0) == NINE
    await applied(p, "2025-05-19", "2025-05-19")
    await known.look(EMPTY | {("applications", 0): 5}, ELEVEN)
    assert known.known_until(0) == TEN  # what was there at ten is in by now; what came since isn't


async def test_it_follows_a_log_that_always_grows(horizon: tuple[Processing, Horizon]) -> None:
    """There is always something that waits; what waited a moment ago doesn't any more."""
    p, known = horizon
    for number, at in enumerate((NINE, TEN, ELEVEN), start=1):
        await known.look(EMPTY | {("applications", 0): number}, at)
        await applied(p, "2025-05-19")
    assert known.known_until(0) == TEN


async def test_against_the_broker(runtime_settings: RuntimeSettings) -> None:
    settings = runtime_settings.model_copy(update={"partitions": 1})
    async with admin_client(settings) as admin:
        await create_topics(admin, settings, INPUT)
    async with processing(settings.database_url, partitions=1) as p:
        known = Horizon(p.transactions, settings, clock=p.clock, every_seconds=0.05)
        running = asyncio.ensure_future(known.run())
        try:
            await eventually(lambda: known.known_until(0) == p.clock.at)
            sender = producer(settings, client_id="test")
            await sender.start()
            await sender.send_and_wait(settings.topic("applications"), key=b"p", value=b"1")
            await sender.stop()
            before = p.clock.at
            p.clock.at = tokyo("2025-05-20 13:00")
            await asyncio.wait([running], timeout=0.5)  # it has had every chance to look
            assert known.known_until(0) == before
            await applied(p, "2025-05-19")
            await eventually(lambda: known.known_until(0) == p.clock.at)
        finally:
            running.cancel()
            await asyncio.gather(running, return_exceptions=True)

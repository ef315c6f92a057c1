"""A worker that is far behind, or whose database stands still: bounded memory, still in its group, and it says so.

The bounds are set small, so that a small backlog is far beyond them: what a worker takes must not grow with it.
"""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from random import Random

import asyncpg
import httpx
import pytest
from aiokafka import AIOKafkaProducer
from bench.backlog import events as backlog
from prometheus_client.parser import text_string_to_metric_families

from qos_domain.calendar import Calendar
from qos_domain.events import INPUT_TOPICS, Event
from qos_domain.replay import Replay
from qos_processing.migrate import migrate
from qos_runtime.kafka import admin_client, connection
from qos_runtime.settings import RuntimeSettings
from qos_runtime.topics import create_topics
from support.eventually import eventually
from support.live_results import LiveResults, append
from support.services import RunningService, running_service
from support.stack import environment_of

pytestmark = [pytest.mark.real, pytest.mark.timeout(400)]

MEGABYTE = 1_000_000
SESSION_SECONDS = 6
BOUNDS = {
    "QOS_PROCESSING_BATCH_RECORDS": "500",
    "QOS_PROCESSING_RECORDS_UNDER_WAY": "2000",
    "QOS_PROCESSING_BYTES_UNDER_WAY": "8388608",
    "QOS_PROCESSING_PREFETCH_BYTES": "4194304",
    "QOS_PROCESSING_SESSION_TIMEOUT_SECONDS": str(SESSION_SECONDS),
    "QOS_PROCESSING_FINISH_SECONDS": "4",
    "QOS_PROCESSING_BEHIND_SECONDS": "1",
}
MOST_MEGABYTES = 150
"""Of a worker with these bounds, whatever the backlog: some 90 are the program itself."""
MOST_OF_LARGE_MEGABYTES = 260
"""Of each of 40 partitions one record of 1 MB waits in the client, and one poll may bring them all."""


@dataclass
class Worker:
    service: RunningService
    client: httpx.AsyncClient

    async def lag(self) -> tuple[int, float]:
        """Records behind in all partitions, and how many seconds the oldest of them has waited."""
        samples = [
            sample
            for family in text_string_to_metric_families((await self.client.get("/metrics")).text)
            for sample in family.samples
        ]
        records = sum(each.value for each in samples if each.name == "qos_processing_lag_records")
        seconds = [each.value for each in samples if each.name == "qos_processing_lag_seconds"]
        return int(records), max(seconds, default=0.0)

    async def status(self) -> str:
        return str((await self.client.get("/health/ready")).json()["status"])

    def peak_megabytes(self) -> float:
        """The most it ever had in memory."""
        lines = Path(f"/proc/{self.service.pid}/status").read_text(encoding="utf-8").splitlines()
        return next(int(line.split()[1]) for line in lines if line.startswith("VmHWM")) * 1024 / MEGABYTE


@pytest.fixture
async def settings(runtime_settings: RuntimeSettings) -> RuntimeSettings:
    await migrate(runtime_settings.database_url)
    async with admin_client(runtime_settings) as admin:
        await create_topics(admin, runtime_settings)
    return runtime_settings


@pytest.fixture
async def database(settings: RuntimeSettings) -> "AsyncIterator[asyncpg.Connection[asyncpg.Record]]":
    session = await asyncpg.connect(settings.database_url)
    try:
        yield session
    finally:
        await session.close()


@asynccontextmanager
async def bounded_worker(settings: RuntimeSettings, port: int) -> AsyncIterator[Worker]:
    base = f"http://127.0.0.1:{port}"
    environment = {**environment_of(settings), **BOUNDS, "QOS_PROCESSING_PORT": str(port)}
    with running_service("qos_processing", environment, ready=f"{base}/health/live", ready_within=60) as service:
        async with httpx.AsyncClient(base_url=base, timeout=30) as client:
            yield Worker(service, client)
        assert service.stop(within=60) == 0


@pytest.mark.parametrize("records", [10_000, 40_000])
async def test_memory_does_not_grow_with_the_backlog_while_the_database_stands_still(
    settings: RuntimeSettings, database: "asyncpg.Connection[asyncpg.Record]", free_port: int, records: int
) -> None:
    """Another session holds the table of all locks for longer than the group waits for a member."""
    events = list(backlog(records))
    await append(settings, events)
    live = LiveResults(database)
    async with bounded_worker(settings, free_port) as worker:
        await eventually(live.processed, within=120)
        async with database.transaction():
            await database.execute("LOCK TABLE partition_state IN EXCLUSIVE MODE")
            behind = records - await live.processed()
            assert behind > 0
            await eventually(lambda: told(worker, behind))
            _, since = await worker.lag()
            await eventually(lambda: waited(worker, since + 1.2 * SESSION_SECONDS))
            assert await worker.lag() >= (behind, since)
            assert (await worker.client.get("/health/live")).status_code == 200
            assert await worker.status() != "ok"
        await eventually(lambda: all_processed(live, records), within=240)
        await eventually(lambda: none_left(database, "rejudgements"), within=120)
        await eventually(lambda: told(worker, 0))
        assert await worker.status() == "ok"
        assert worker.peak_megabytes() < MOST_MEGABYTES
        assert len(worker.service.events("partitions_placed")) == 1  # no rebalance since it joined
    assert await live.buckets() == folded(events)


async def test_large_records_are_bounded_in_bytes(
    settings: RuntimeSettings, database: "asyncpg.Connection[asyncpg.Record]", free_port: int
) -> None:
    """A hundred and twenty records of 1 MB, in all topics and partitions: dead letters, one and all."""
    records, random = 120, Random(1)  # noqa: S311 - not for secrets
    names = [settings.topic(topic) for topic in INPUT_TOPICS]
    async with AIOKafkaProducer(**connection(settings), max_request_size=2 * MEGABYTE) as sender:
        for number in range(records):
            topic, partition = names[number % len(names)], number // len(names) % settings.partitions
            await sender.send_and_wait(topic, random.randbytes(MEGABYTE), b"any", partition=partition)
    live = LiveResults(database)
    async with bounded_worker(settings, free_port) as worker:
        await eventually(lambda: all_processed(live, records), within=240)
        await eventually(lambda: none_left(database, "outbox"), within=120)
        assert worker.peak_megabytes() < MOST_OF_LARGE_MEGABYTES
        assert len(worker.service.events("partitions_placed")) == 1
    assert await database.fetchval("SELECT count(*) FROM dead_letters WHERE reason = 'too_large'") == records


async def told(worker: Worker, records: int) -> bool:
    return (await worker.lag())[0] == records


async def waited(worker: Worker, seconds: float) -> bool:
    return (await worker.lag())[1] > seconds


async def all_processed(live: LiveResults, records: int) -> bool:
    return await live.processed() == records


async def none_left(database: "asyncpg.Connection[asyncpg.Record]", table: str) -> bool:
    return not await database.fetchval(f"SELECT count(*) FROM {table}")  # noqa: S608 - our own names


def folded(events: Sequence[Event]) -> object:
    replay = Replay(Calendar.load())
    replay.add_all(events)
    return replay.buckets()

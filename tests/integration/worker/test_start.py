"""Where a worker starts: at the offset that PostgreSQL stores, or not at all."""

import re
from collections.abc import AsyncIterator

import asyncpg
import pytest
from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.admin.records_to_delete import RecordsToDelete

from qos_processing.migrate import migrate
from qos_processing.ports import LogMismatch
from qos_processing.topic_ids import TopicIdentity
from qos_runtime.kafka import admin_client
from qos_runtime.postgres import create_pool
from qos_runtime.settings import RuntimeSettings
from qos_runtime.topics import INPUT, create_topics
from support.eventually import eventually
from support.numbered import Numbered


@pytest.fixture
async def admin(runtime_settings: RuntimeSettings) -> AsyncIterator[AIOKafkaAdminClient]:
    async with admin_client(runtime_settings) as client:
        yield client


async def test_a_missing_topic_is_named_and_nothing_starts(numbered: Numbered, admin: AIOKafkaAdminClient) -> None:
    await admin.delete_topics([numbered.settings.topic("reviews")])
    with numbered.worker() as worker:
        assert worker.wait_for_exit(within=60) == 2
        [event] = worker.events("worker_not_configured")
        assert f"missing topics: {numbered.settings.topic('reviews')}" in event["error"]


async def test_a_topic_with_another_number_of_partitions_is_named(numbered: Numbered) -> None:
    with numbered.worker(QOS_PARTITIONS="16") as worker:
        assert worker.wait_for_exit(within=60) == 2
        assert "partitions is 8, wanted 16" in worker.events("worker_not_configured")[0]["error"]


async def test_a_missing_setting_is_named(numbered: Numbered) -> None:
    with numbered.worker(DATABASE_URL="") as worker:
        assert worker.wait_for_exit(within=60) == 2
        assert "DATABASE_URL" in worker.logs()


async def test_postgresql_decides_and_not_the_offset_committed_to_kafka(numbered: Numbered) -> None:
    await numbered.send(map(str, range(10)), partition=3)
    await numbered.send(map(str, range(10)), partition=5)
    await numbered.store_offset("applications", 5, 4)
    await commit_to_kafka(numbered, {3: 7, 5: 9})
    with numbered.worker() as worker:
        await eventually(lambda: at_least(numbered, 16))
        assert worker.stop() == 0
    seen = await numbered.seen()
    # Partition 3 from the beginning, for PostgreSQL knows nothing of it; partition 5 from 4.
    assert [record.offset for record in seen if record.partition == 3] == list(range(10))
    assert [record.offset for record in seen if record.partition == 5] == list(range(4, 10))


async def test_an_offset_beyond_the_end_of_the_log_stops_the_worker(numbered: Numbered) -> None:
    await numbered.send(map(str, range(10)), partition=3)
    await numbered.store_offset("applications", 3, 11)
    with numbered.worker() as worker:
        assert worker.wait_for_exit(within=60) == 1
        [event] = worker.events("worker_crashed")
        assert event["kind"] == "LogMismatch"
        name = re.escape(numbered.settings.topic("applications"))
        assert re.search(rf"stores offset 11 for {name}-3, but .* log goes from 0 to 10", event["error"])
    assert await numbered.offsets() == {("applications", 3): 11}
    assert await numbered.count() == 0


async def test_a_log_that_lost_its_beginning_stops_the_worker(numbered: Numbered, admin: AIOKafkaAdminClient) -> None:
    await numbered.send(map(str, range(10)), partition=3)
    tp = TopicPartition(numbered.settings.topic("applications"), 3)
    await admin.delete_records({tp: RecordsToDelete(before_offset=6)})
    with numbered.worker() as worker:
        assert worker.wait_for_exit(within=60) == 1
        assert "log goes from 6 to 10" in worker.events("worker_crashed")[0]["error"]
    assert await numbered.count() == 0


async def test_a_topic_that_was_made_anew_is_noticed_though_its_offsets_would_fit(
    runtime_settings: RuntimeSettings, admin: AIOKafkaAdminClient
) -> None:
    settings = runtime_settings
    await create_topics(admin, settings, INPUT)
    await migrate(settings.database_url)
    pool = await create_pool(settings.database_url, application_name="test")
    try:
        await store_an_offset(pool)
        identity = TopicIdentity(pool, settings)
        await identity.verify()
        await identity.verify()
        await admin.delete_topics([settings.topic("applications")])
        await eventually(lambda: is_gone(admin, settings.topic("applications")))
        await create_topics(admin, settings, INPUT)
        with pytest.raises(LogMismatch, match="was deleted and made anew"):
            await identity.verify()
    finally:
        await pool.close()


async def at_least(numbered: Numbered, records: int) -> bool:
    return await numbered.count() >= records


async def is_gone(admin: AIOKafkaAdminClient, topic: str) -> bool:
    return topic not in await admin.list_topics()


async def store_an_offset(pool: "asyncpg.Pool[asyncpg.Record]") -> None:
    await pool.execute(
        "INSERT INTO partition_state (generation, partition, live, logic_version) "
        "SELECT generation, 0, true, logic_version FROM generations WHERE status = 'live'"
    )
    await pool.execute(
        "INSERT INTO partition_offsets (generation, partition, topic) "
        "SELECT generation, 0, 'applications' FROM generations WHERE status = 'live'"
    )


async def commit_to_kafka(numbered: Numbered, offsets: dict[int, int]) -> None:
    consumer = AIOKafkaConsumer(
        bootstrap_servers=numbered.settings.kafka_bootstrap_servers,
        group_id=numbered.settings.consumer_group,
        enable_auto_commit=False,
    )
    await consumer.start()
    try:
        topic = numbered.settings.topic("applications")
        consumer.assign([TopicPartition(topic, partition) for partition in offsets])
        await consumer.commit({TopicPartition(topic, partition): offset for partition, offset in offsets.items()})
    finally:
        await consumer.stop()

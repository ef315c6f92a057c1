"""How a worker ends: cleanly when asked to, at once when something breaks; nothing is skipped either way."""

import asyncpg
from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient

from support.eventually import eventually
from support.numbered import Numbered


async def at_least(numbered: Numbered, records: int) -> bool:
    return await numbered.count() >= records


async def works_on(numbered: Numbered, partition: int) -> bool:
    """Whether a transaction holds the partition's lock."""
    free = await numbered.connection.fetchval(
        "SELECT count(*) FROM (SELECT 1 FROM numbered_lock WHERE partition = $1 FOR UPDATE SKIP LOCKED) AS free",
        partition,
    )
    return not free


async def test_an_error_in_the_service_ends_the_process_and_skips_nothing(numbered: Numbered) -> None:
    await numbered.send(["1", "2"], partition=4)
    with numbered.worker() as worker:
        await eventually(lambda: at_least(numbered, 2), within=60)
        await numbered.send(["3", "crash", "4"], partition=4)
        await numbered.send(["5"], partition=4)
        assert worker.wait_for_exit(within=60) == 1
        assert worker.events("worker_crashed"), worker.logs()
        assert "Crash" in worker.events("worker_crashed")[0]["exception"]
    assert [record.value for record in await numbered.seen()] == ["1", "2"]
    assert await numbered.offsets() == {("applications", 4): 2}
    # Started again it finds the same batch, and ends again.
    with numbered.worker() as again:
        assert again.wait_for_exit(within=60) == 1
    assert await numbered.offsets() == {("applications", 4): 2}


async def test_a_stop_finishes_the_batch_and_leaves_the_group(numbered: Numbered) -> None:
    await numbered.send(map(str, range(400)), partition=2)
    slow = {"NUMBERED_SECONDS_A_BATCH": "2", "QOS_PROCESSING_BATCH_RECORDS": "100"}
    with numbered.worker(**slow) as worker:
        await eventually(lambda: at_least(numbered, 100), within=60)
        await eventually(lambda: works_on(numbered, 2))
        assert worker.stop(within=60) == 0
        assert worker.events("worker_stopped")
    count = await numbered.count()
    assert count % 100 == 0
    assert count >= 200  # the batch that was being worked on when the signal came
    assert await numbered.offsets() == {("applications", 2): count}
    assert await committed_to_kafka(numbered, 2) == count
    # It said goodbye: the next one needn't wait for its session to time out.
    assert await members(numbered) == 0
    with numbered.worker():
        await eventually(lambda: at_least(numbered, 400), within=60)


async def test_a_database_that_stays_away_while_partitions_are_assigned_ends_the_worker(
    numbered: Numbered, postgres: str
) -> None:
    database = numbered.settings.database_url.rpartition("/")[2]
    patience = {"QOS_PROCESSING_OFFSET_LOOKUP_SECONDS": "3"}
    admin = await asyncpg.connect(postgres)
    with numbered.worker(**patience) as first, numbered.worker() as second:
        await eventually(lambda: bool(first.events("partitions_placed")), within=60)
        await eventually(lambda: bool(second.events("partitions_placed")), within=60)
        try:
            await admin.execute(f'ALTER DATABASE "{database}" ALLOW_CONNECTIONS false')
            await admin.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = $1", database)
            second.kill()  # the first one is given its partitions as soon as its session has timed out
            assert first.wait_for_exit(within=60) == 1
        finally:
            await admin.execute(f'ALTER DATABASE "{database}" ALLOW_CONNECTIONS true')
            await admin.close()
        assert first.events("worker_crashed")[0]["kind"] == "StartOffsetsUnavailable"


async def members(numbered: Numbered) -> int:
    """How many members the consumer group has."""
    admin = AIOKafkaAdminClient(bootstrap_servers=numbered.settings.kafka_bootstrap_servers)
    await admin.start()
    try:
        [response] = await admin.describe_consumer_groups([numbered.settings.consumer_group])
        [(_, _, _, _, _, found, *_)] = response.groups
        return len(found)
    finally:
        await admin.close()


async def committed_to_kafka(numbered: Numbered, partition: int) -> int | None:
    consumer = AIOKafkaConsumer(
        bootstrap_servers=numbered.settings.kafka_bootstrap_servers,
        group_id=numbered.settings.consumer_group,
        enable_auto_commit=False,
    )
    await consumer.start()
    try:
        committed: int | None = await consumer.committed(
            TopicPartition(numbered.settings.topic("applications"), partition)
        )
        return committed
    finally:
        await consumer.stop()

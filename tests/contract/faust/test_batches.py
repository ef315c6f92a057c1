"""What the transport hands over: one batch per partition, one at a time, in order, without gaps."""

import asyncio

import pytest
from aiokafka import AIOKafkaConsumer, TopicPartition

from support.eventually import eventually
from support.recording import Log, Recording, StartWorker


def numbers(begin: int, end: int) -> list[bytes]:
    return [str(number).encode() for number in range(begin, end)]


async def test_all_records_of_a_partition_that_wait_come_as_one_batch(log: Log, start: StartWorker) -> None:
    await log.append(numbers(0, 900), partition=2)
    await log.append(numbers(0, 300), partition=6, topic="reviews")
    service = Recording()
    async with start(service):
        await eventually(lambda: len(service.batches) == 2, within=60)
    batches = {(batch.topic, batch.partition): batch for batch in service.batches}
    applications = batches["applications", 2]
    assert [record.value for record in applications.records] == numbers(0, 900)
    assert (applications.fetched_from, applications.next_offset) == (0, 900)
    assert len(batches["reviews", 6].records) == 300
    record = applications.records[0]
    assert record.appended_at.utcoffset() is not None
    assert record.appended_ms == int(record.appended_at.timestamp() * 1000)


async def test_a_batch_has_no_more_records_than_the_setting_says(log: Log, start: StartWorker) -> None:
    await log.append(numbers(0, 900), partition=2)
    service = Recording()
    async with start(service, batch_records=250):
        await eventually(lambda: len(service.values("applications", 2)) == 900, within=60)
    assert [len(batch.records) for batch in service.batches] == [250, 250, 250, 150]
    assert service.values("applications", 2) == numbers(0, 900)


async def test_while_a_batch_is_worked_on_its_partition_gathers_the_next_one(log: Log, start: StartWorker) -> None:
    await log.append(numbers(0, 10), partition=0)
    service = Recording()
    service.hold()
    async with start(service):
        await eventually(lambda: service.working == [[("applications", 0)]], within=60)
        for begin in (10, 20, 30):
            await log.append(numbers(begin, begin + 10), partition=0)
        service.release()
        await eventually(lambda: len(service.values("applications", 0)) == 40)
    assert service.most_at_once == 1
    assert service.values("applications", 0) == numbers(0, 40)
    # aiokafka had fetched one piece ahead; the rest came together.
    assert len(service.batches) <= 3


async def test_the_records_under_way_are_bounded_over_all_partitions(log: Log, start: StartWorker) -> None:
    for partition in range(8):
        await log.append(numbers(0, 100), partition=partition)
    service = Recording()
    service.hold()
    async with start(service, batch_records=60, records_under_way=150) as task:
        await eventually(lambda: len(service.working) == 3, within=60)
        service.release()
        await eventually(lambda: sum(len(batch.records) for batch in service.batches) == 800, within=60)
        assert not task.done()
    assert sorted(len(batch.records) for batch in service.batches[:3]) == [30, 60, 60]
    assert max(len(batch.records) for batch in service.batches) <= 60


async def test_partition_numbers_are_worked_on_at_once_and_the_topics_of_one_in_turn(
    log: Log, start: StartWorker
) -> None:
    for topic in ("applications", "reviews", "notifications"):
        for partition in (0, 1, 2):
            await log.append(numbers(0, 10), partition=partition, topic=topic)
    service = Recording()
    service.hold()
    async with start(service, transactions_at_once=2):
        await eventually(lambda: len(service.working) == 2, within=60)
        service.release()
        await eventually(lambda: len(service.batches) == 9, within=60)
    assert service.most_at_once == 2
    assert not service.together_with_itself


async def test_holes_in_the_offsets_break_nothing(log: Log, start: StartWorker) -> None:
    for begin in range(0, 50, 10):
        await log.append(numbers(begin, begin + 10), partition=1, transaction=f"{log.settings.topic_prefix}{begin}")
    service = Recording()
    async with start(service, batch_records=7):
        await eventually(lambda: len(service.values("applications", 1)) == 50, within=60)
    assert service.values("applications", 1) == numbers(0, 50)
    assert service.conflicts == 0
    offsets = [record.offset for batch in service.batches for record in batch.records]
    assert offsets[-1] > 50  # commit markers took offsets
    for before, after in zip(service.batches, service.batches[1:], strict=False):
        assert after.fetched_from == before.next_offset


async def test_a_worker_starts_at_the_stored_offset_also_when_it_is_0(log: Log, start: StartWorker) -> None:
    await log.append(numbers(0, 10), partition=3)
    await log.append(numbers(0, 10), partition=4)
    first = Recording()
    async with start(first):
        await eventually(lambda: len(first.batches) == 2, within=60)
        await eventually(lambda: committed(log, 3, 10), within=60)
    # The results are gone, as after a restore: Kafka's committed offset says 10, the service says 0 and 6.
    second = Recording()
    second.offsets["applications", 4] = 6
    async with start(second):
        await eventually(lambda: len(second.batches) == 2, within=60)
    assert second.values("applications", 3) == numbers(0, 10)
    assert second.values("applications", 4) == numbers(6, 10)
    assert second.forgotten == set(range(8))


async def test_kafka_is_told_how_far_the_service_is(log: Log, start: StartWorker) -> None:
    await log.append(numbers(0, 25), partition=5)
    service = Recording()
    async with start(service, batch_records=10):
        await eventually(lambda: committed(log, 5, 25), within=60)
        await log.append(numbers(25, 30), partition=5)
        await eventually(lambda: committed(log, 5, 30), within=60)


async def test_after_a_conflict_the_partition_goes_on_from_what_is_stored(log: Log, start: StartWorker) -> None:
    await log.append(numbers(0, 10), partition=0)
    service = Recording()
    async with start(service):
        await eventually(lambda: len(service.batches) == 1, within=60)
        service.offsets["applications", 0] = 4  # rewound behind the worker's back
        await log.append(numbers(10, 12), partition=0)
        await eventually(lambda: service.offsets["applications", 0] == 12, within=60)
        assert service.conflicts == 1
        service.offsets["applications", 0] = 13  # another one was faster
        await log.append(numbers(12, 15), partition=0)
        await eventually(lambda: service.offsets["applications", 0] == 15, within=60)
    assert service.conflicts == 2
    assert service.values("applications", 0) == numbers(0, 10) + numbers(4, 12) + numbers(13, 15)


async def test_an_error_in_the_service_goes_up_to_the_one_who_started_the_worker(log: Log, start: StartWorker) -> None:
    await log.append([b"1", b"poison", b"2"], partition=0)
    service = Recording()
    async with start(service) as task:
        with pytest.raises(ValueError, match="poison"):
            await asyncio.wait_for(asyncio.shield(task), 20)
    assert service.offsets == {}


async def committed(log: Log, partition: int, offset: int) -> bool:
    consumer = AIOKafkaConsumer(
        bootstrap_servers=log.settings.kafka_bootstrap_servers,
        group_id=log.settings.consumer_group,
        enable_auto_commit=False,
    )
    await consumer.start()
    try:
        topic = log.settings.topic("applications")
        return bool(await consumer.committed(TopicPartition(topic, partition)) == offset)
    finally:
        await consumer.stop()

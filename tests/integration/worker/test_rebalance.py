"""Workers come and go in the middle of a backlog; every record counts exactly once all the same."""

from collections import defaultdict

from support.eventually import eventually
from support.numbered import Numbered
from support.services import RunningService

RECORDS = 6_000
SLOW = {"NUMBERED_SECONDS_A_BATCH": "0.15", "QOS_PROCESSING_BATCH_RECORDS": "100"}


async def exactly(numbered: Numbered, records: int) -> None:
    """Every record was applied once, in the order of its partition, and the offsets say so."""
    await eventually(lambda: _at_least(numbered, records), within=60)
    seen = await numbered.seen()
    assert len(seen) == records
    assert len({(record.topic, record.value) for record in seen}) == records
    by_partition: dict[tuple[str, int], list[int]] = defaultdict(list)
    for record in seen:
        by_partition[record.topic, record.partition].append(record.offset)
    for offsets in by_partition.values():
        assert offsets == sorted(offsets)
    assert await numbered.offsets() == {place: offsets[-1] + 1 for place, offsets in by_partition.items()}


async def _at_least(numbered: Numbered, records: int) -> bool:
    return await numbered.count() >= records


def placed(worker: RunningService) -> dict[str, set[int]]:
    """The partition numbers by topic of the worker's last complete assignment."""
    events = [event for event in worker.events("partitions_placed") if len(event["offsets"]) > 1]
    numbers: dict[str, set[int]] = defaultdict(set)
    for name in events[-1]["offsets"] if events else ():
        topic, _, partition = name.rpartition("-")
        numbers[topic].add(int(partition))
    return numbers


async def test_a_second_worker_takes_half_of_the_partition_numbers(numbered: Numbered) -> None:
    await numbered.send(map(str, range(RECORDS)))
    with numbered.worker(**SLOW) as first:
        await eventually(lambda: _at_least(numbered, 200), within=60)
        with numbered.worker(**SLOW) as second:
            await eventually(lambda: sum(map(len, placed(second).values())) == 20, within=60)
            await eventually(lambda: sum(map(len, placed(first).values())) == 20, within=60)
            for numbers in (placed(first), placed(second)):
                # A partition number of all five topics is with one worker: it writes the same cases.
                assert len(numbers) == 5
                assert len(set(map(frozenset, numbers.values()))) == 1
            await exactly(numbered, RECORDS)
            assert second.stop() == 0
        await numbered.send(map(str, range(RECORDS, RECORDS + 400)))
        await exactly(numbered, RECORDS + 400)
        assert first.stop() == 0


async def test_a_worker_is_killed_in_a_backlog_and_two_others_finish_it(numbered: Numbered) -> None:
    await numbered.send(map(str, range(RECORDS)))
    with numbered.worker(**SLOW) as killed:
        await eventually(lambda: _at_least(numbered, 1_000), within=60)
        killed.kill()
    assert await numbered.count() < RECORDS
    with numbered.worker(**SLOW) as second, numbered.worker(**SLOW) as third:
        for worker in (second, third):
            await eventually(lambda worker=worker: sum(map(len, placed(worker).values())) == 20)
        await numbered.send(map(str, range(RECORDS, RECORDS + 400)))  # some for both, be the backlog done or not
        await exactly(numbered, RECORDS + 400)
        assert len({record.worker for record in await numbered.seen()}) == 3
        assert second.stop() == 0
        assert third.stop() == 0


async def test_a_worker_that_was_frozen_longer_than_its_session_changes_nothing_when_it_wakes(
    numbered: Numbered,
) -> None:
    await numbered.send(map(str, range(RECORDS)))
    with numbered.worker(**SLOW) as frozen:
        await eventually(lambda: _at_least(numbered, 500), within=60)
        frozen.pause()
        with numbered.worker(**SLOW) as other:
            await eventually(lambda: sum(map(len, placed(other).values())) == 40, within=60)
            count = await numbered.count()
            await eventually(lambda: _at_least(numbered, count + 500), within=60)
            frozen.resume()
            await exactly(numbered, RECORDS)
            assert frozen.exit_code is None
            assert other.stop() == 0
            assert frozen.stop() == 0

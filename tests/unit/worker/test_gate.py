"""The gate between broker and service, without either."""

import asyncio
from contextlib import suppress

import pytest
from faust.types import TP

from qos_processing.gate import Gate
from qos_processing.ports import Batch, Record

ONE, TWO = TP("applications", 1), TP("applications", 2)


def batch(records: int = 1, *, value_bytes: int = 0) -> Batch:
    value = b"x" * value_bytes
    return Batch("applications", 1, 0, records, [Record(None, value, (), n, 0) for n in range(records)])


async def test_a_partition_is_busy_from_the_fetch_until_the_work_ends() -> None:
    gate = Gate(max_records=100, max_bytes=1_000)
    taken = batch()
    gate.take(ONE, taken)
    assert gate.free({ONE, TWO}) == {TWO}
    with pytest.raises(ValueError, match="already has a batch under way"):
        gate.take(ONE, batch())
    with gate.work(ONE, taken):
        assert gate.free({ONE, TWO}) == {TWO}
    assert gate.free({ONE, TWO}) == {ONE, TWO}


async def test_an_error_in_the_work_frees_the_partition_too() -> None:
    gate = Gate(max_records=100, max_bytes=1_000)
    taken = batch()
    gate.take(ONE, taken)
    with suppress(KeyError), gate.work(ONE, taken):
        raise KeyError
    assert gate.free({ONE}) == {ONE}
    assert gate.working_seconds() == 0


async def test_no_partition_is_free_while_too_many_records_are_under_way() -> None:
    gate = Gate(max_records=100, max_bytes=1_000)
    taken = batch(60)
    gate.take(ONE, taken)
    assert gate.room() == 40
    gate.take(TWO, batch(60))
    assert gate.free({ONE, TWO, TP("reviews", 1)}) == set()
    with gate.work(ONE, taken):
        pass
    assert gate.free({ONE, TWO}) == {ONE}


async def test_what_is_under_way_is_bounded_in_bytes_too() -> None:
    """Records are expected to be as large as the last ones; after smaller ones that is forgotten by and by."""
    gate = Gate(max_records=100, max_bytes=1_000)
    large = batch(3, value_bytes=300)
    gate.take(ONE, large)
    assert gate.room() == 0
    assert gate.free({TWO}) == set()
    with gate.work(ONE, large):
        pass
    assert gate.room() == 3
    for room in (6, 13, 27, 55, 100):
        small = batch(1)
        gate.take(TWO, small)
        with gate.work(TWO, small):
            pass
        assert gate.room() == room


async def test_a_record_larger_than_all_that_may_be_under_way_goes_alone() -> None:
    gate = Gate(max_records=100, max_bytes=1_000)
    huge = batch(1, value_bytes=5_000)
    gate.take(ONE, huge)
    assert gate.room() < 0
    assert gate.free({TWO}) == set()
    gate.clear()
    assert gate.room() == 1
    assert gate.free({ONE, TWO}) == {ONE, TWO}


async def test_the_end_of_a_batch_from_before_a_seek_does_not_free_the_partition_of_its_successor() -> None:
    gate = Gate(max_records=100, max_bytes=1_000)
    stale, fresh = batch(), batch()
    gate.take(ONE, stale)
    with gate.work(ONE, stale):
        gate.clear()
        gate.take(ONE, fresh)
    assert gate.free({ONE}) == set()
    assert gate.outstanding() == {ONE: fresh}


async def test_a_release_between_the_look_and_the_wait_is_not_missed() -> None:
    gate = Gate(max_records=100, max_bytes=1_000)
    taken = batch()
    gate.take(ONE, taken)
    assert gate.free({ONE}) == set()
    with gate.work(ONE, taken):
        pass
    await asyncio.wait_for(gate.released(), 1)


async def test_who_waits_is_woken_by_a_release_and_by_a_seek() -> None:
    gate = Gate(max_records=100, max_bytes=1_000)
    taken = batch()
    gate.take(ONE, taken)
    gate.free({ONE})
    waiting = asyncio.ensure_future(gate.released())
    with gate.work(ONE, taken):
        pass
    await asyncio.wait_for(waiting, 1)
    gate.take(ONE, batch())
    gate.free({ONE})
    waiting = asyncio.ensure_future(gate.released())
    gate.clear()
    await asyncio.wait_for(waiting, 1)


async def test_idle_waits_for_the_work_and_for_nothing_else() -> None:
    gate = Gate(max_records=100, max_bytes=1_000)
    taken = batch()
    gate.take(ONE, taken)
    await asyncio.wait_for(gate.idle(), 1)  # fetched, but nobody works on it yet
    with gate.work(ONE, taken):
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(gate.idle(), 0.01)
        assert gate.working_seconds() > 0
    await asyncio.wait_for(gate.idle(), 1)

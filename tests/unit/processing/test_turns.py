"""Whose turn it is: batches of one partition number together and one after the other, other numbers beside them."""

import asyncio
import sys
from collections import defaultdict

import pytest
from faust.types import TP

from qos_processing.gate import Gate
from qos_processing.ports import Batch, OffsetMismatch, Record, SessionLost
from qos_processing.turns import Turns


class Service:
    """Applies whatever follows what it stores, as slowly as a test wants."""

    def __init__(self) -> None:
        self.stored: defaultdict[tuple[str, int], int] = defaultdict(int)
        self.calls: list[list[tuple[str, int, int, int]]] = []
        self.go = asyncio.Event()
        self.go.set()
        self.at_once: defaultdict[int, int] = defaultdict(int)
        self.most_at_once = 0
        self.error: Exception | None = None
        self.folds = sys.maxsize
        self.lost: list[int] = []

    async def appended_before(self, topic: str, partition: int, offset: int) -> int | None:
        """Keeps no times."""

    async def process(self, *batches: Batch) -> None:
        (partition,) = {batch.partition for batch in batches}
        self.at_once[partition] += 1
        assert self.at_once[partition] == 1
        self.most_at_once = max(self.most_at_once, sum(self.at_once.values()))
        try:
            await self.go.wait()
            if self.error is not None:
                raise self.error
            size = sum(len(batch.records) for batch in batches)
            if size > self.folds:
                self.lost.append(size)
                raise SessionLost("idle in its transaction")
            for batch in batches:
                stored = self.stored[batch.topic, partition]
                if stored != batch.fetched_from:
                    raise OffsetMismatch(
                        topic=batch.topic, partition=partition, fetched_from=batch.fetched_from, stored=stored
                    )
            for batch in batches:
                self.stored[batch.topic, partition] = batch.next_offset
            self.calls.append([(b.topic, b.partition, b.fetched_from, b.next_offset) for b in batches])
        finally:
            self.at_once[partition] -= 1

    async def start_offset(self, topic: str, partition: int) -> int:
        return self.stored[topic, partition]

    async def stored_offsets(self) -> dict[tuple[str, int], int]:
        return dict(self.stored)

    def forget(self, partitions: object) -> None:
        """Nothing is cached."""


class Worker:
    def __init__(self, at_once: int = 4) -> None:
        self.gate = Gate(max_records=1_000_000, max_bytes=1_000_000)
        self.service = Service()
        self.applied: list[tuple[str, int]] = []
        self.conflicts: list[str] = []
        self.turns = Turns(self.gate, self.service, at_once=at_once, applied=self._applied, conflict=self._conflicted)

    def _applied(self, tp: TP, part: Batch, seconds: float) -> None:
        assert seconds >= 0
        self.applied.append((tp.topic, part.next_offset))

    async def _conflicted(self, tp: TP, part: Batch, mismatch: OffsetMismatch) -> None:
        assert part.fetched_from == mismatch.fetched_from
        assert tp in self.gate.outstanding()
        self.conflicts.append(tp.topic)

    def fetch(self, topic: str, appended: list[int], *, start: int = 0, partition: int = 3) -> "asyncio.Task[None]":
        records = [Record(b"k", b"v", (), start + number, at) for number, at in enumerate(appended)]
        batch = Batch(topic, partition, start, start + len(records), records)
        tp = TP(f"prefix.{topic}", partition)
        self.gate.take(tp, batch)
        return asyncio.ensure_future(self.turns.take(tp, batch))


async def test_what_waits_for_one_number_goes_together() -> None:
    worker = Worker()
    await asyncio.gather(worker.fetch("applications", [1]), worker.fetch("reviews", [2]))
    assert worker.service.calls == [[("applications", 3, 0, 1), ("reviews", 3, 0, 1)]]
    assert worker.gate.outstanding() == {}


async def test_a_backlog_goes_up_to_a_common_moment_and_a_finished_batch_is_released_at_once() -> None:
    worker = Worker()
    applications = worker.fetch("applications", list(range(0, 4_000, 2)))
    reviews = worker.fetch("reviews", list(range(1_000)))
    await reviews
    assert TP("prefix.reviews", 3) not in worker.gate.outstanding()
    assert not applications.done()
    more = worker.fetch("reviews", list(range(1_000, 5_000)), start=1_000)
    await applications
    await more  # nothing more comes to go together with it
    assert worker.service.calls == [
        [("applications", 3, 0, 500), ("reviews", 3, 0, 1_000)],
        [("applications", 3, 500, 2_000), ("reviews", 3, 1_000, 3_999)],
        [("reviews", 3, 3_999, 5_000)],
    ]
    assert worker.applied[-1] == ("prefix.reviews", 5_000)


async def test_what_is_too_much_for_one_transaction_goes_in_halves_and_grows_again() -> None:
    worker = Worker()
    worker.service.folds = 300
    await asyncio.gather(worker.fetch("applications", [1] * 1_000), worker.fetch("reviews", [1] * 100))
    assert worker.service.lost[:3] == [1_100, 550, 310]  # 275 went, then an eighth more was tried
    sizes = [sum(end - start for _, _, start, end in call) for call in worker.service.calls]
    assert sizes[:2] == [275, 155]
    assert sum(sizes) == 1_100
    assert max(sizes) <= 300
    assert worker.service.stored == {("applications", 3): 1_000, ("reviews", 3): 100}
    assert worker.gate.outstanding() == {}
    worker.service.folds = sys.maxsize
    await worker.fetch("applications", [2] * 5_000, start=1_000)
    assert worker.turns.most > 600  # more than went before it was too much
    assert worker.service.stored["applications", 3] == 6_000


async def test_numbers_that_are_too_much_at_the_same_time_halve_it_once() -> None:
    worker = Worker()
    worker.service.folds = 600
    worker.service.go.clear()
    tasks = [worker.fetch("applications", [1] * 1_000, partition=number) for number in range(4)]
    await asyncio.wait(tasks, timeout=0.05)
    worker.service.go.set()
    await asyncio.gather(*tasks)
    assert worker.service.lost == [1_000] * 4
    assert {end - start for call in worker.service.calls for _, _, start, end in call} == {500}


async def test_one_record_alone_is_the_least() -> None:
    worker = Worker()
    worker.service.folds = 1
    await worker.fetch("applications", [1] * 5)
    assert [call[0][3] for call in worker.service.calls] == [1, 2, 3, 4, 5]


async def test_numbers_go_beside_each_other_up_to_the_slots() -> None:
    worker = Worker(at_once=2)
    worker.service.go.clear()
    tasks = [worker.fetch("applications", [1], partition=number) for number in range(5)]
    await asyncio.wait(tasks, timeout=0.05)
    assert worker.service.most_at_once == 2
    worker.service.go.set()
    await asyncio.gather(*tasks)
    assert len(worker.service.calls) == 5
    assert worker.service.most_at_once == 2


async def test_a_conflict_ends_its_batch_and_the_others_go_on() -> None:
    worker = Worker()
    worker.service.stored["reviews", 3] = 7
    await asyncio.gather(worker.fetch("applications", [1]), worker.fetch("reviews", [2]))
    assert worker.conflicts == ["prefix.reviews"]
    assert worker.service.calls == [[("applications", 3, 0, 1)]]
    assert worker.gate.outstanding() == {}


async def test_what_a_seek_made_worthless_is_not_begun() -> None:
    worker = Worker(at_once=1)
    worker.service.go.clear()
    first = worker.fetch("applications", [1], partition=1)
    await asyncio.wait([first], timeout=0.05)
    waiting = worker.fetch("applications", [1], partition=2)
    await asyncio.wait([waiting], timeout=0.05)
    worker.gate.clear()
    worker.service.go.set()
    await asyncio.gather(first, waiting)
    assert worker.service.calls == [[("applications", 1, 0, 1)]]


async def test_an_error_is_everybodys_whose_batch_went_along() -> None:
    worker = Worker()
    worker.service.error = ZeroDivisionError()
    tasks = [worker.fetch("applications", [1]), worker.fetch("reviews", [2])]
    outcomes = await asyncio.gather(*tasks, return_exceptions=True)
    assert [type(outcome) for outcome in outcomes] == [ZeroDivisionError] * 2


async def test_cancelled_it_takes_the_transaction_back() -> None:
    worker = Worker()
    worker.service.go.clear()
    task = worker.fetch("applications", [1])
    await asyncio.wait([task], timeout=0.05)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert worker.service.at_once[3] == 0
    await worker.gate.idle()

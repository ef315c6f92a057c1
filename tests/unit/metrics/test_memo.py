"""What is the same for everybody is computed once at a time."""

import asyncio

import pytest

from qos_metrics.memo import Memo


class Stopwatch:
    def __init__(self) -> None:
        self.at = 0.0

    def __call__(self) -> float:
        return self.at


async def test_a_value_lives_for_a_while() -> None:
    watch = Stopwatch()
    memo: Memo[int] = Memo(lives_seconds=5, limit=10, monotonic=watch)
    answers = iter(range(10))

    async def compute() -> int:
        return next(answers)

    assert await memo.get("a", compute) == 0
    watch.at = 4.9
    assert await memo.get("a", compute) == 0
    watch.at = 5.1
    assert await memo.get("a", compute) == 1


async def test_what_took_long_lives_ten_times_as_long() -> None:
    watch = Stopwatch()
    memo: Memo[float] = Memo(lives_seconds=5, limit=10, monotonic=watch)

    async def compute() -> float:
        watch.at += 3
        return watch.at

    assert await memo.get("a", compute) == 3
    watch.at = 32
    assert await memo.get("a", compute) == 3
    watch.at = 34
    assert await memo.get("a", compute) == 37


async def test_readers_at_once_wait_for_one_computation_even_if_one_of_them_leaves() -> None:
    memo: Memo[str] = Memo(lives_seconds=5, limit=10, monotonic=Stopwatch())
    gate, runs = asyncio.Event(), 0

    async def compute() -> str:
        nonlocal runs
        runs += 1
        await gate.wait()
        return "done"

    first, second = (asyncio.ensure_future(memo.get("a", compute)) for _ in range(2))
    await asyncio.sleep(0)
    first.cancel()
    gate.set()
    assert await second == "done"
    assert runs == 1


async def test_a_failure_is_kept_for_nobody() -> None:
    memo: Memo[int] = Memo(lives_seconds=5, limit=10, monotonic=Stopwatch())

    async def fails() -> int:
        raise RuntimeError("away")

    async def works() -> int:
        return 1

    with pytest.raises(RuntimeError, match="away"):
        await memo.get("a", fails)
    assert await memo.get("a", works) == 1


async def test_there_is_room_for_so_many() -> None:
    memo: Memo[int] = Memo(lives_seconds=5, limit=2, monotonic=Stopwatch())
    runs: list[str] = []

    async def ask(key: str) -> None:
        async def compute() -> int:
            runs.append(key)
            return 0

        await memo.get(key, compute)

    for key in ("a", "b", "c", "b", "a"):
        await ask(key)
    assert runs == ["a", "b", "c", "a"]

"""Answers that are the same for every reader for a short while, computed once at a time."""

import asyncio
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Hashable
from typing import Generic, TypeVar

V = TypeVar("V")

# What took long to compute lives longer, so that computing it anew takes a tenth of the time at most.
_LIVES_PER_SECOND_OF_WORK = 10


class Memo(Generic[V]):
    """Keeps a value for `lives_seconds`, or for ten times what it took to compute, whichever is longer.

    Readers that ask for the same key at once wait for one computation. A computation that fails is kept for nobody.
    """

    def __init__(self, *, lives_seconds: float, limit: int, monotonic: Callable[[], float]) -> None:
        self._lives_seconds = lives_seconds
        self._limit = limit
        self._monotonic = monotonic
        self._values: OrderedDict[Hashable, tuple[float, V]] = OrderedDict()
        self._running: dict[Hashable, asyncio.Task[V]] = {}

    async def get(self, key: Hashable, compute: Callable[[], Awaitable[V]]) -> V:
        """The value of `key`; raises what `compute` raises."""
        known = self._values.get(key)
        if known is not None and self._monotonic() < known[0]:
            return known[1]
        task = self._running.get(key)
        if task is None:
            task = asyncio.create_task(self._compute(key, compute))
            self._running[key] = task
            task.add_done_callback(lambda _: self._running.pop(key, None))
        # A reader that goes away must not take the computation from the others.
        return await asyncio.shield(task)

    async def _compute(self, key: Hashable, compute: Callable[[], Awaitable[V]]) -> V:
        began = self._monotonic()
        value = await compute()
        ended = self._monotonic()
        lives = max(self._lives_seconds, _LIVES_PER_SECOND_OF_WORK * (ended - began))
        self._values[key] = (ended + lives, value)
        self._values.move_to_end(key)
        while len(self._values) > self._limit:
            self._values.popitem(last=False)
        return value

"""Wait for something to become true by asking again until a deadline; never by sleeping a guessed time."""

import asyncio
import inspect
from collections.abc import Awaitable, Callable
from time import monotonic, sleep
from typing import TypeVar, overload

T = TypeVar("T")

EVERY_SECONDS = 0.05


@overload
async def eventually(probe: Callable[[], Awaitable[T]], *, within: float = ...) -> T: ...
@overload
async def eventually(probe: Callable[[], T], *, within: float = ...) -> T: ...
async def eventually(probe: Callable[[], T | Awaitable[T]], *, within: float = 60.0) -> T:
    """What `probe` returns, as soon as it returns without AssertionError and something true.

    `probe` may be a plain or an async function. After `within` seconds its last AssertionError is raised, or one that
    tells what it returned last.
    """
    deadline = monotonic() + within
    while True:
        try:
            found = probe()
            value: T = await found if inspect.isawaitable(found) else found
            if value:
                return value
            failure = AssertionError(f"still {value!r} after {within} seconds")
        except AssertionError as error:
            failure = error
        if monotonic() >= deadline:
            raise failure
        await asyncio.sleep(EVERY_SECONDS)


def eventually_sync(probe: Callable[[], T], *, within: float = 60.0) -> T:
    """`eventually` for tests without an event loop."""
    deadline = monotonic() + within
    while True:
        try:
            value = probe()
            if value:
                return value
            failure = AssertionError(f"still {value!r} after {within} seconds")
        except AssertionError as error:
            failure = error
        if monotonic() >= deadline:
            raise failure
        sleep(EVERY_SECONDS)

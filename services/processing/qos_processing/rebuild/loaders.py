"""The processes that load shares for a rebuild: started, given a share whenever they are free, and ended with it."""

import asyncio
import os
import signal
import sys
from asyncio.subprocess import PIPE
from collections import deque
from collections.abc import Iterator, Sequence
from contextlib import suppress

from qos_processing.log_shares import Share
from qos_processing.rebuild import loader
from qos_processing.rebuild.loading import Target
from qos_processing.rebuild.refusals import RebuildFailed
from qos_runtime.settings import RuntimeSettings

_LAST_WORDS_BYTES = 4_096
_LAST_WORDS_LINES = 5


async def load_shares(settings: RuntimeSettings, target: Target, shares: Sequence[Share], *, processes: int) -> None:
    """Load them all, in this order, with so many processes. They are gone when this returns, raises or is cancelled.

    Raises RebuildFailed for the first process that could not load its share, or was ended from outside.
    """
    left = iter(shares)
    environment = {**os.environ, **settings.as_environment()}
    at_work = [
        asyncio.ensure_future(_keep_loading(environment, target, left)) for _ in range(min(processes, len(shares)))
    ]
    try:
        await asyncio.gather(*at_work)
    finally:
        for one in at_work:
            one.cancel()
        await asyncio.gather(*at_work, return_exceptions=True)


async def _keep_loading(environment: dict[str, str], target: Target, shares: Iterator[Share]) -> None:
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", loader.__name__),
        env=environment,
        stdin=PIPE,
        stdout=PIPE,
        stderr=PIPE,
        start_new_session=True,  # Ctrl-C is for the rebuild: it ends them
    )
    assert process.stdin is not None  # noqa: S101 - they are pipes
    assert process.stdout is not None  # noqa: S101
    assert process.stderr is not None  # noqa: S101
    words = asyncio.ensure_future(_last_words(process.stderr))
    try:
        for share in shares:
            process.stdin.write(loader.encode_order(loader.Order(target, share)))
            if await process.stdout.readline() != loader.DONE:
                raise RebuildFailed(_told(share, await process.wait(), await words))
    finally:
        # What it has answered is committed; what it has not is dropped.
        with suppress(ProcessLookupError):
            process.kill()
        await process.wait()
        await words


async def _last_words(errors: asyncio.StreamReader) -> str:
    words = b""
    while more := await errors.read(_LAST_WORDS_BYTES):
        words = (words + more)[-_LAST_WORDS_BYTES:]
    return " / ".join(deque(words.decode(errors="replace").split("\n"), maxlen=_LAST_WORDS_LINES)).strip(" /")


def _told(share: Share, exit_code: int, words: str) -> str:
    what = f"the process that loaded partition number {share.partition} (part {share.part + 1} of {share.parts})"
    if exit_code < 0:
        return (
            f"{what} was ended from outside by {signal.Signals(-exit_code).name}, as when memory runs out: hold fewer"
            f" records in memory, or run fewer processes{words and f'. It said: {words}'}"
        )
    return f"{what} ended with exit code {exit_code}: {words or 'it said nothing'}"

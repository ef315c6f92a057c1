"""Events a second on a backlog: the worker's, committed in PostgreSQL, beside plain aiokafka's and stock Faust's."""

import asyncio
import json
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from time import monotonic
from typing import TypeAlias

import asyncpg

from bench.ground import database, environment, running, worker
from qos_local.demo.services import Services
from qos_runtime.settings import RuntimeSettings

Committed: TypeAlias = Callable[[int], None]
"""Is told how many events are committed so far."""

_LOOK_EVERY_SECONDS = 0.1
_ROOT = Path(__file__).parents[1]


@dataclass(frozen=True, slots=True)
class Rate:
    """How many events in how many seconds, from the first result on."""

    name: str
    events: int
    seconds: float

    @property
    def per_second(self) -> float:
        return self.events / self.seconds


async def peers(topics: RuntimeSettings, seconds: float, *, say: Callable[[str], None]) -> list[Rate]:
    """Each peer alone on the machine, for `seconds` of reading or to the end of the backlog."""
    rates = []
    for name, module, arguments in (
        ("plain aiokafka getmany (decode only)", "plain", ()),
        ("stock Faust (decode only)", "stock_faust", ("decode",)),
        ("stock Faust (same fold, same transaction)", "stock_faust", ("fold",)),
    ):
        say(name)
        async with database(topics) as settings:
            rates.append(await peer(name, settings, f"bench.peers.{module}", *arguments, "--seconds", f"{seconds}"))
    return rates


async def peer(name: str, settings: RuntimeSettings, module: str, *arguments: str) -> Rate:
    """One peer, a program of its own."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", module, *arguments),
        env=environment(settings),
        cwd=_ROOT,
        stdout=asyncio.subprocess.PIPE,
    )
    try:
        out, _ = await process.communicate()
    except asyncio.CancelledError:
        process.kill()
        raise
    if process.returncode:
        raise RuntimeError(f"{module} ended with {process.returncode}")
    found = json.loads(out.splitlines()[-1])
    return Rate(name, found["events"], found["seconds"])


async def workers(topics: RuntimeSettings, backlog: int, count: int, *, progress: Committed) -> Rate:
    """`count` real workers on the whole backlog, into an empty database. `progress` is told what is committed so far.

    The clock starts with the first committed batch, as it does for the peers with their first event.
    """
    async with database(topics) as settings:
        return await work_off(settings, backlog, count, progress=progress)


async def work_off(settings: RuntimeSettings, backlog: int, count: int, *, progress: Committed) -> Rate:
    """The same, into the database of these settings."""
    connection = await asyncpg.connect(settings.database_url)
    try:
        processes = [worker(settings, number) for number in range(count)]
        async with running(processes) as services:
            return await _watch(connection, services, count, backlog, progress)
    finally:
        await connection.close()


async def _watch(
    connection: "asyncpg.Connection[asyncpg.Record]",
    services: Services,
    count: int,
    backlog: int,
    progress: Committed,
) -> Rate:
    began, before = 0.0, 0
    while True:
        committed = int(await connection.fetchval("SELECT coalesce(sum(next_offset), 0) FROM partition_offsets"))
        progress(committed)
        if committed and not began:
            began, before = monotonic(), committed
        if committed >= backlog:
            return Rate(f"the worker ({count})", committed - before, monotonic() - began)
        services.check()
        await asyncio.sleep(_LOOK_EVERY_SECONDS)

"""What a worker holds in memory, far behind: `python -m bench.memory [--backlogs N N N] [--large N] [--partitions N]`.

Fills a log for each backlog and lets one worker with its usual settings work it off: once with the database as it is,
once with one that stands still for longer than the group waits for a silent member (a session holds all locks). Prints
the most that the worker's process ever had in memory. `--large`: records of 1 MB that can't be compressed, dead letters
all of them.
"""

import argparse
import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path
from random import Random
from time import monotonic
from typing import Literal, TypeAlias

import asyncpg
import psutil
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from bench.backlog import events as backlog_events
from bench.backlog import fill
from bench.ground import addresses, database, running, topics, worker
from qos_domain.events import INPUT_TOPICS
from qos_local.demo.services import Services
from qos_local.stack.stack import Addresses
from qos_runtime.kafka import producer
from qos_runtime.settings import RuntimeSettings

Database: TypeAlias = Literal["as it is", "stands still for 20 s"]
Filled: TypeAlias = Callable[[RuntimeSettings, Callable[[int], None]], Awaitable[None]]

console = Console(soft_wrap=True, highlight=False, width=120)

_STILL_SECONDS = 20
_LOOK_EVERY_SECONDS = 0.1
_LARGE_BYTES = 1_000_000


@dataclass(frozen=True, slots=True)
class Backlog:
    """So many records, and how a log gets them."""

    name: str
    records: int
    fill: Filled


@dataclass(frozen=True, slots=True)
class Held:
    """The most that a worker held in memory, in megabytes, and how long it took to work the backlog off."""

    backlog: Backlog
    database: Database
    megabytes: float
    seconds: float


def small(records: int) -> Backlog:
    async def filled(settings: RuntimeSettings, progress: Callable[[int], None]) -> None:
        await fill(settings, backlog_events(records), progress=progress)

    return Backlog(f"{records:,} events", records, filled)


def large(records: int) -> Backlog:
    async def filled(settings: RuntimeSettings, progress: Callable[[int], None]) -> None:
        random, sender = Random(1), producer(settings, client_id="bench")  # noqa: S311 - not for secrets
        await sender.start()
        try:
            for number in range(records):
                topic = settings.topic(INPUT_TOPICS[number % len(INPUT_TOPICS)])
                await sender.send_and_wait(topic, random.randbytes(_LARGE_BYTES), key=f"large-{number}".encode())
                progress(1)
        finally:
            await sender.stop()

    return Backlog(f"{records:,} records of 1 MB", records, filled)


async def measure(
    settings: RuntimeSettings, backlog: Backlog, state: Database, progress: Callable[[int], None]
) -> Held:
    """Work the backlog off into an empty database. Raises StackFailed when the worker ends."""
    async with database(settings) as own:
        session = await asyncpg.connect(own.database_url)
        try:
            async with running([worker(own)]) as services:
                began = monotonic()
                await _until(session, services, 1, progress)
                still = state != "as it is"
                async with session.transaction() if still else nullcontext():
                    if still:
                        await session.execute("LOCK TABLE partition_state IN EXCLUSIVE MODE")
                        await asyncio.sleep(_STILL_SECONDS)
                await _until(session, services, backlog.records, progress)
                return Held(backlog, state, _peak_megabytes(), monotonic() - began)
        finally:
            await session.close()


async def _until(
    session: "asyncpg.Connection[asyncpg.Record]", services: Services, records: int, progress: Callable[[int], None]
) -> None:
    committed = 0
    while committed < records:
        services.check()
        committed = int(await session.fetchval("SELECT coalesce(sum(next_offset), 0) FROM partition_offsets"))
        progress(committed)
        await asyncio.sleep(_LOOK_EVERY_SECONDS)


def _peak_megabytes() -> float:
    [own] = [child for child in psutil.Process().children() if "qos_processing" in child.cmdline()]
    lines = Path(f"/proc/{own.pid}/status").read_text(encoding="utf-8").splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmHWM")) * 1024 / 1e6


async def _run(given: Addresses, backlogs: Sequence[Backlog], partitions: int) -> list[Held]:
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    found = []
    with Progress(*columns, console=console, transient=True) as bars:
        for backlog in backlogs:
            async with topics(given, partitions=partitions) as settings:
                filling = bars.add_task(f"filling the log: {backlog.name}", total=backlog.records)
                await backlog.fill(settings, lambda more, bar=filling: bars.advance(bar, more))
                for state in ("as it is", "stands still for 20 s"):
                    bar = bars.add_task(f"{backlog.name}, the database {state}", total=backlog.records)
                    found.append(
                        await measure(settings, backlog, state, lambda done, bar=bar: bars.update(bar, completed=done))
                    )
    return found


def _show(found: Sequence[Held], partitions: int) -> None:
    table = Table(title=f"One worker, {5 * partitions} partitions", title_justify="left")
    for column in ("backlog", "the database"):
        table.add_column(column)
    for column in ("most in memory, MB", "seconds"):
        table.add_column(column, justify="right")
    for each in found:
        table.add_row(each.backlog.name, each.database, f"{each.megabytes:,.0f}", f"{each.seconds:,.0f}")
    console.print(table)


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench.memory", description=__doc__)
    parser.add_argument("--backlogs", type=int, nargs="*", default=[50_000, 200_000, 800_000], help="events of each")
    parser.add_argument("--large", type=int, nargs="*", default=[100, 400], help="records of 1 MB, at most 900")
    parser.add_argument("--partitions", type=int, default=8, help="of each of the five topics (default: 8)")
    wanted = parser.parse_args()
    backlogs = [*map(small, wanted.backlogs), *map(large, wanted.large)]
    logging.getLogger("aiokafka").setLevel(logging.CRITICAL)  # new topics have no leader for a moment
    with addresses() as given:
        found = asyncio.run(_run(given, backlogs, wanted.partitions))
    _show(found, wanted.partitions)


if __name__ == "__main__":
    main()

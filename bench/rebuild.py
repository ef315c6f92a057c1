"""How fast a rebuild is: `python -m bench.rebuild [--events N] [--processes N]`.

Fills a log, lets plain aiokafka read and decode it, lets workers fold it into a database as they do live, then builds
that database's results anew beside them, and last recovers them in another, empty database as after a loss. Prints
events a second of each, what an event takes of the cores, and how long the steps of the two took.
"""

import argparse
import asyncio
import logging
import resource
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import pairwise
from time import monotonic
from typing import NamedTuple
from urllib.parse import urlsplit

import psutil
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from bench import throughput
from bench.backlog import events as backlog_events
from bench.backlog import fill
from bench.ground import addresses, database, topics
from bench.throughput import Rate
from qos_domain.calendar import Calendar
from qos_local.stack.stack import Addresses
from qos_processing.rebuild.filling import Options
from qos_processing.rebuild.rebuilding import Rebuild
from qos_processing.recover.recovering import Recovery
from qos_runtime.clock import SystemClock
from qos_runtime.settings import RuntimeSettings

console = Console(soft_wrap=True, highlight=False, width=120)


class CoreSeconds(NamedTuple):
    """What was used so far by this process with all that it started and that has ended, and by the database server.

    On a machine that has other work to do, seconds say more of that work than of this.
    """

    programs: float
    database: float

    @classmethod
    def used(cls, database_url: str) -> "CoreSeconds":
        usages = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
        port = urlsplit(database_url).port or 5432
        listening = {each.pid for each in psutil.net_connections("tcp") if each.laddr.port == port and not each.raddr}
        servers = [psutil.Process(pid) for pid in listening if pid is not None]
        processes = {each for server in servers for each in (server, *server.children(recursive=True))}
        return cls(sum(u.ru_utime + u.ru_stime for u in usages), sum(sum(each.cpu_times()[:4]) for each in processes))

    def since(self, before: "CoreSeconds") -> "CoreSeconds":
        return CoreSeconds(self.programs - before.programs, self.database - before.database)


class Steps:
    """When each step began, and a bar for it."""

    def __init__(self, bars: Progress) -> None:
        self._bars = bars
        self._bar = bars.add_task("...", total=None)
        self.began: dict[str, float] = {}

    def __call__(self, step: str, done: int, total: int) -> None:
        self.began.setdefault(step, monotonic())
        self._bars.update(self._bar, description=step, completed=done, total=total)

    def seconds(self, ended: float) -> Iterator[tuple[str, float]]:
        """Each step with how long it was until the next one began."""
        moments = [*self.began.values(), ended]
        for (step, began), after in zip(self.began.items(), moments[1:], strict=True):
            yield step, after - began


async def measure(settings: RuntimeSettings, events: int, workers: int, processes: int) -> None:
    with _bars() as bars:
        filling = bars.add_task("filling the log", total=events)
        await fill(settings, backlog_events(events), progress=lambda more: bars.advance(filling, more))
        async with database(settings) as own:
            plain = await throughput.peer(
                "plain aiokafka getmany (decode only)", own, "bench.peers.plain", "--seconds", "60"
            )
            used = [CoreSeconds.used(own.database_url)]
            live = bars.add_task(f"the live path ({workers} workers)", total=events)
            lived = await throughput.work_off(
                own, events, workers, progress=lambda committed: bars.update(live, completed=committed)
            )
            used.append(CoreSeconds.used(own.database_url))
            steps, began = Steps(bars), monotonic()
            await Rebuild(
                own,
                calendar=Calendar.load(),
                clock=SystemClock(),
                options=Options(processes=processes, room_is_there=True),
                progress=steps,
            ).run()
            ended = monotonic()
            used.append(CoreSeconds.used(own.database_url))
        async with database(settings) as empty:
            recovering, lost_at = Steps(bars), monotonic()
            await Recovery(
                empty,
                calendar=Calendar.load(),
                clock=SystemClock(),
                options=Options(processes=processes),
                progress=recovering,
            ).run()
            recovered_at = monotonic()
            used.append(CoreSeconds.used(empty.database_url))
    recovered = Rate(f"a recovery ({processes} processes), verified and live", events, recovered_at - lost_at)
    rebuilt = Rate(f"a rebuild ({processes} processes), verified and live", events, ended - began)
    lived = Rate(f"the live path ({workers} workers)", lived.events, lived.seconds)
    costs = [None, *(after.since(before) for before, after in pairwise(used))]
    _show(events, list(zip([plain, lived, rebuilt, recovered], costs, strict=True)))
    for what, taken in (("rebuild", steps.seconds(ended)), ("recovery", recovering.seconds(recovered_at))):
        console.print(f"The {what}'s steps: " + ", ".join(f"{step} {seconds:.1f} s" for step, seconds in taken))


def _show(events: int, rates: list[tuple[Rate, CoreSeconds | None]]) -> None:
    table = Table(title="Folding the whole log", title_justify="left")
    table.add_column("reader")
    for column in ("events/s", "events", "seconds", "µs of a core an event", "and of the database"):
        table.add_column(column, justify="right")
    for rate, cost in rates:
        used = ["", ""] if cost is None else [f"{1e6 * seconds / events:,.0f}" for seconds in cost]
        table.add_row(rate.name, f"{rate.per_second:,.0f}", f"{rate.events:,}", f"{rate.seconds:,.1f}", *used)
    console.print(table)


@contextmanager
def _bars() -> Iterator[Progress]:
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=console, transient=True) as bars:
        yield bars


async def _run(given: Addresses, wanted: argparse.Namespace) -> None:
    async with topics(given) as settings:
        await measure(settings, wanted.events, wanted.workers, wanted.processes)


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench.rebuild", description=__doc__)
    parser.add_argument("--events", type=int, default=200_000, help="size of the log (default: 200,000)")
    parser.add_argument("--workers", type=int, default=2, help="workers of the live path (default: 2)")
    parser.add_argument("--processes", type=int, default=2, help="processes of the rebuild (default: 2)")
    wanted = parser.parse_args()
    if wanted.events < 10_000:
        parser.error("--events: at least 10000, or the time is that of starting")
    logging.getLogger("aiokafka").setLevel(logging.CRITICAL)  # new topics have no leader for a moment
    with addresses() as given:
        asyncio.run(_run(given, wanted))


if __name__ == "__main__":
    main()

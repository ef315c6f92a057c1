"""How fast a rebuild is: `python -m bench.rebuild [--events N] [--processes N]`.

Fills a log, lets plain aiokafka read and decode it, lets workers fold it into a database as they do live, and then
builds that database's results anew beside them. Prints events a second of each, and how long the rebuild's steps took.
"""

import argparse
import asyncio
import logging
from collections.abc import Iterator
from contextlib import contextmanager
from time import monotonic

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from bench import throughput
from bench.backlog import events as backlog_events
from bench.backlog import fill
from bench.ground import addresses, database, topics
from bench.throughput import Rate
from qos_domain.calendar import Calendar
from qos_processing.rebuild.rebuilding import Options, Rebuild
from qos_runtime.clock import SystemClock
from qos_runtime.settings import RuntimeSettings

console = Console(soft_wrap=True, highlight=False)


class Steps:
    """When each step of a rebuild began, and a bar for it."""

    def __init__(self, bars: Progress) -> None:
        self._bars = bars
        self._bar = bars.add_task("rebuilding", total=None)
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
            live = bars.add_task(f"the live path ({workers} workers)", total=events)
            lived = await throughput.work_off(
                own, events, workers, progress=lambda committed: bars.update(live, completed=committed)
            )
            steps, began = Steps(bars), monotonic()
            await Rebuild(
                own,
                calendar=Calendar.load(),
                clock=SystemClock(),
                options=Options(processes=processes, room_is_there=True),
                progress=steps,
            ).run()
            ended = monotonic()
    rebuilt = Rate(f"a rebuild ({processes} processes), verified and live", events, ended - began)
    rates = [plain, Rate(f"the live path ({workers} workers)", lived.events, lived.seconds), rebuilt]
    _show(rates, list(steps.seconds(ended)))


def _show(rates: list[Rate], steps: list[tuple[str, float]]) -> None:
    table = Table(title="Folding the whole log", title_justify="left")
    table.add_column("reader")
    for column in ("events/s", "events", "seconds"):
        table.add_column(column, justify="right")
    for rate in rates:
        table.add_row(rate.name, f"{rate.per_second:,.0f}", f"{rate.events:,}", f"{rate.seconds:,.1f}")
    console.print(table)
    console.print("The rebuild's steps: " + ", ".join(f"{step} {seconds:.1f} s" for step, seconds in steps))


@contextmanager
def _bars() -> Iterator[Progress]:
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=console, transient=True) as bars:
        yield bars


async def _run(wanted: argparse.Namespace) -> None:
    with addresses() as given:
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
    asyncio.run(_run(wanted))


if __name__ == "__main__":
    main()

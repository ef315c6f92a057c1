"""`python -m bench`: throughput beside its peers, the delay from a POST to the metrics API, decoding."""

import argparse
import asyncio
import json
import logging
import os
import platform
import sys
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeElapsedColumn
from rich.table import Table

from bench import codec, delay, throughput
from bench.backlog import events as backlog_events
from bench.backlog import fill
from bench.codec import Decoding
from bench.delay import Delays
from bench.ground import addresses, database, topics
from bench.throughput import Rate
from qos_local.stack.stack import Addresses

GOAL_TIMES_STOCK_FAUST = 5
GOAL_DELAY_SECONDS = 0.5

console = Console(soft_wrap=True, highlight=False)


@dataclass(frozen=True, slots=True)
class Options:
    what: str
    events: int
    workers: Sequence[int]
    peer_seconds: float
    rate: int
    seconds: float
    post_events: int
    output: Path | None


def options(arguments: Sequence[str] | None = None) -> Options:
    parser = argparse.ArgumentParser(
        prog="python -m bench",
        description="Measures the system on this machine and prints events a second and delays. Uses the broker and the"
        " database that KAFKA_BOOTSTRAP_SERVERS and DATABASE_URL name, with topics and databases of its own that are"
        " deleted afterwards; else it starts a stack of its own.",
        epilog="Examples: `python -m bench`; `python -m bench throughput --events 200000 --workers 1`;"
        " `python -m bench delay --rate 500 --seconds 30`. With make: `make bench ARGS='delay --rate 500'`.",
    )
    parser.add_argument("what", nargs="?", choices=["all", "throughput", "delay", "codec"], default="all")
    parser.add_argument("--events", type=int, default=1_000_000, help="size of the backlog (default: 1,000,000)")
    parser.add_argument(
        "--workers", type=int, nargs="+", default=[1, 2], help="numbers of worker processes (default: 1 2)"
    )
    parser.add_argument("--peer-seconds", type=float, default=20.0, help="how long each peer reads (default: 20)")
    parser.add_argument("--rate", type=int, default=1_000, help="events a second for the delay (default: 1000)")
    parser.add_argument("--seconds", type=float, default=60.0, help="for how long, after a warm-up (default: 60)")
    parser.add_argument("--post-events", type=int, default=10, help="events in one POST (default: 10)")
    parser.add_argument("--output", type=Path, help="also write what was measured to this file, as JSON")
    given = parser.parse_args(arguments)
    if given.events < 10_000:
        parser.error("--events: at least 10000, or the time is that of starting")
    return Options(**vars(given))


async def measure_throughput(given: Addresses, wanted: Options) -> list[Rate]:
    async with topics(given) as settings:
        with _bars() as bars:
            filling = bars.add_task("filling the log", total=wanted.events)
            await fill(settings, backlog_events(wanted.events), progress=lambda more: bars.advance(filling, more))
            reading = bars.add_task("peers", total=3)

            def say(name: str) -> None:
                bars.update(reading, description=name)
                bars.advance(reading)

            rates = await throughput.peers(settings, wanted.peer_seconds, say=say)
            for count in wanted.workers:
                working = bars.add_task(f"the worker ({count})", total=wanted.events)
                rates.append(await throughput.workers(settings, wanted.events, count, progress=_sets(bars, working)))
    return rates


async def measure_delay(given: Addresses, wanted: Options) -> Delays:
    async with topics(given) as settings, database(settings) as own:
        with _bars() as bars:
            sending = bars.add_task(f"{wanted.rate} events/s", total=int(delay.WARM_UP_SECONDS + wanted.seconds))
            return await delay.measure(
                own,
                rate=wanted.rate,
                seconds=wanted.seconds,
                batch=wanted.post_events,
                progress=lambda after: bars.update(sending, completed=int(after)),
            )


def show_rates(rates: Sequence[Rate]) -> None:
    """Each rate, and how many times it is that of each stock Faust agent."""
    stock = {rate.name: rate.per_second for rate in rates if rate.name.startswith("stock Faust")}
    table = Table(title="Backlog: events a second", title_justify="left")
    table.add_column("reader")
    for column in ("events/s", "events", "seconds", *(f"times {name}" for name in stock)):
        table.add_column(column, justify="right")
    for rate in rates:
        times = [f"{rate.per_second / of:,.1f}" for of in stock.values()]
        table.add_row(rate.name, f"{rate.per_second:,.0f}", f"{rate.events:,}", f"{rate.seconds:,.1f}", *times)
    console.print(table)
    console.print(f"Goal: at least {GOAL_TIMES_STOCK_FAUST} times a stock Faust agent that does the same.")


def show_delays(delays: Delays, wanted: Options) -> None:
    table = Table(title=f"{wanted.rate:,} events a second, {wanted.post_events} in a POST", title_justify="left")
    table.add_column("milliseconds")
    for column in ("p50", "p90", "p99", "max", "measured"):
        table.add_column(column, justify="right")
    for name, values in (("POST due to counted by the API", delays.seen), ("POST due to its answer", delays.posted)):
        ranks = [f"{1_000 * delays.percentile(values, percent):,.0f}" for percent in (50, 90, 99, 100)]
        table.add_row(name, *ranks, f"{len(values):,}")
    console.print(table)
    console.print(f"Goal: p99 under {1_000 * GOAL_DELAY_SECONDS:.0f} ms.")


def write(path: Path, wanted: Options, rates: Sequence[Rate], delays: Delays | None) -> None:
    machine = {"cores": os.cpu_count(), "machine": platform.machine(), "python": platform.python_version()}
    document = {
        "machine": machine,
        "options": {**asdict(wanted), "output": None},
        "throughput": [{**asdict(rate), "per_second": round(rate.per_second)} for rate in rates],
        "delay": None if delays is None else {"seen": delays.seen, "posted": delays.posted},
    }
    path.write_text(json.dumps(document, indent=1) + "\n", encoding="utf-8")


def _bars() -> Progress:
    return Progress(
        TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn(), console=console
    )


def _sets(bars: Progress, task: TaskID) -> throughput.Committed:
    return lambda committed: bars.update(task, completed=committed)


def show_codec(decodings: Sequence[Decoding]) -> None:
    table = Table(title="Decoding one event", title_justify="left")
    table.add_column("decoder")
    table.add_column("microseconds of a core", justify="right")
    for decoding in decodings:
        table.add_row(decoding.name, f"{decoding.microseconds:.1f}")
    console.print(table)


def main() -> int:
    wanted = options()
    if wanted.what == "codec":
        show_codec(codec.measure())
        return 0
    logging.getLogger("aiokafka").setLevel(logging.CRITICAL)  # new topics have no leader for a moment
    rates: list[Rate] = []
    delays: Delays | None = None
    with addresses() as given:
        if wanted.what in ("all", "throughput"):
            rates = asyncio.run(measure_throughput(given, wanted))
            show_rates(rates)
        if wanted.what in ("all", "delay"):
            delays = asyncio.run(measure_delay(given, wanted))
            show_delays(delays, wanted)
    if wanted.output is not None:
        write(wanted.output, wanted, rates, delays)
    return 0


if __name__ == "__main__":
    sys.exit(main())

"""`python -m bench.capacity`: what an event costs, measured here, and what a bureau, Tokyo and the nation need."""

import argparse
import csv
import gzip
import io
import json
import logging
import sys
from asyncio import run
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from datetime import date
from pathlib import Path

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeElapsedColumn
from rich.table import Table

from bench.capacity.costs import Costs, measure
from bench.capacity.model import Assumptions, Place, Size, catch_up, curve, size, zipf
from bench.ground import own_stack
from qos_domain.calendar import Calendar
from qos_domain.replay import Replay
from qos_domain.rows import Row
from qos_local.simulation.simulate import DAYS, simulate

NATION_CASES, NATION_PROCEDURES = 4_307_176_937, 75_071
_CURVE_CASES = (300, 3_000, 30_000, 100_000)
_PAUSE_FROM_HOUR, _PAUSE_MINUTES = 10, 60

console = Console(soft_wrap=True, highlight=False)


def bucket_points() -> tuple[list[tuple[float, float]], list[tuple[float, float]]]:
    """Cases a year, and the day buckets that they make in a year: of a procedure, and of all ten together.

    The simulation, folded.
    """
    calendar = Calendar.load()
    points, everything = [], []
    for cases in _CURVE_CASES:
        simulation = simulate(seed=1, today=date(2026, 4, 1), cases=cases, calendar=calendar)
        replay = Replay(calendar)
        replay.add_all([*simulation.procedures, *simulation.events])
        counts = Counter(procedure_id for procedure_id, _ in replay.cases)
        together: set[Row] = set()
        for procedure_id, rows in replay.buckets().items():
            points.append((counts[procedure_id] * 365 / DAYS, len(rows) * 365 / DAYS))
            together.update(row._replace(organisation_id="") for row in rows)
        everything.append((cases * 365 / DAYS, len(together) * 365 / DAYS))
    return points, everything


def places(volumes: Path | None) -> list[Place]:
    nation = _volumes(volumes) if volumes else zipf(NATION_PROCEDURES, NATION_CASES)
    return [
        Place("a bureau", zipf(300, 400_000), 8),
        Place("Tokyo", zipf(28_000, 10_000_000), 64),
        Place("the nation", nation, 256),
    ]


def _volumes(path: Path) -> list[int]:
    """The column `total` of a CSV, plain or gzipped: cases a year of each procedure."""
    raw = path.read_bytes()
    text = (gzip.decompress(raw) if path.suffix == ".gz" else raw).decode()
    return [int(row["total"] or 0) for row in csv.DictReader(io.StringIO(text))]


def show_costs(costs: Costs) -> None:
    table = Table("cost", "measured", title="What it costs here", title_justify="left")
    for name, value in asdict(costs).items():
        table.add_row(name.replace("_", " "), f"{value:,.2f}" if value >= 0.1 else f"{value * 1e6:,.2f} millionths")
    console.print(table)


def show_sizes(sizes: Mapping[str, Size], assumed: Assumptions) -> None:
    title = f"A year, and its peak ({assumed.peak:.1f} times the mean hour; cores {assumed.busy:.0%} busy)"
    table = Table("", *sizes, title=title, title_justify="left")
    rows: dict[str, Callable[[Size], str]] = {
        "cases a year": lambda s: f"{s.cases:,}",
        "events a second, mean": lambda s: f"{s.mean_events:,.1f}",
        "events a second, peak": lambda s: f"{s.peak_events:,.0f}",
        "workers (cores) at the peak": lambda s: f"{s.workers}",
        "hottest partition: share of events": lambda s: f"{s.hottest_partition:.1%}",
        "hottest partition: of one worker, at the peak": lambda s: f"{s.workers_by_hottest:.1%}",
        "database cores at the peak": lambda s: f"{s.database_cores:,.1f}",
        "WAL at the peak, MB/s": lambda s: f"{s.wal_bytes_per_second / 1e6:,.1f}",
        f"Kafka, GB a year ({assumed.replicas} replicas)": lambda s: f"{s.log_bytes / 1e9:,.0f}",
        "cases, GB a year": lambda s: f"{s.case_bytes / 1e9:,.1f}",
        "day buckets, million rows a year": lambda s: f"{s.bucket_rows / 1e6:,.1f}",
        "day buckets, GB a year": lambda s: f"{s.bucket_bytes / 1e9:,.1f}",
        "rows behind an answer over everything, thousand": lambda s: f"{s.everything_rows / 1e3:,.0f}",
        "open cases, thousand": lambda s: f"{s.open_cases / 1e3:,.0f}",
        "an answer over everything, seconds": lambda s: f"{s.read_seconds:,.1f}",
    }
    for name, value in rows.items():
        table.add_row(name, *(value(each) for each in sizes.values()))
    console.print(table)


def show_catch_up(sizes: Mapping[str, Size], costs: Costs, assumed: Assumptions) -> None:
    title = f"The workers stand still for {_PAUSE_MINUTES} minutes from {_PAUSE_FROM_HOUR}:00 on the busiest day"
    table = Table("", "workers", "most events waiting", "oldest, minutes", "caught up after, minutes", title=title)
    table.title_justify = "left"
    for name, each in sizes.items():
        for workers in sorted({each.workers, 2 * each.workers}):
            capacity = workers / costs.worker_core_seconds_per_event
            on_day = each.events_a_year / 365 * assumed.busiest_day
            found = catch_up(on_day, capacity, assumed, from_hour=_PAUSE_FROM_HOUR, minutes=_PAUSE_MINUTES)
            after = "not on that day" if found.minutes is None else f"{found.minutes:,.0f}"
            table.add_row(name, str(workers), f"{found.most_waiting:,.0f}", f"{found.most_lag_minutes:,.0f}", after)
    console.print(table)


def measured(count: int) -> Costs:
    logging.getLogger("aiokafka").setLevel(logging.CRITICAL)  # new topics have no leader for a moment
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with own_stack() as (home, given), Progress(*columns, console=console) as bars:
        tasks: dict[str, TaskID] = {}

        def progress(name: str, more: int) -> None:
            if name not in tasks:
                tasks[name] = bars.add_task(name, total=count)
            bars.advance(tasks[name], more)

        return run(measure(home, given, count, progress=progress))


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(
        prog="python -m bench.capacity",
        description="Measures what an event, a case and a day bucket cost on this machine, with a stack of its own, and"
        " computes what a bureau, Tokyo and the nation need.",
        epilog="Examples: `python -m bench.capacity`;"
        " `python -m bench.capacity --volumes catalogue.csv.gz --output c.json`;"
        " `python -m bench.capacity --costs c.json --busiest-day 6`.",
    )
    parser.add_argument("--events", type=int, default=200_000, help="events to measure with (default: 200,000)")
    parser.add_argument("--volumes", type=Path, help="CSV of the nation's procedures, with their cases in `total`")
    parser.add_argument("--costs", type=Path, help="costs that were measured before: nothing is started")
    parser.add_argument("--busiest-day", type=float, default=4.0, help="multiple of the mean day (default: 4)")
    parser.add_argument("--output", type=Path, help="also write the costs to this file, for --costs")
    given = parser.parse_args(arguments)
    if given.events < 50_000 and given.costs is None:
        parser.error("--events: at least 50000, or the tables are too small to tell a row's size")
    costs = Costs(**json.loads(given.costs.read_text("utf-8"))) if given.costs else measured(given.events)
    if given.output:
        given.output.write_text(json.dumps(asdict(costs), indent=1) + "\n", encoding="utf-8")
    assumed = Assumptions(busiest_day=given.busiest_day)
    with console.status("Folding the simulation, for the curve of day buckets"):
        rows, everything_rows = map(curve, bucket_points())
    sizes = {place.name: size(place, costs, rows, everything_rows, assumed) for place in places(given.volumes)}
    show_costs(costs)
    show_sizes(sizes, assumed)
    show_catch_up(sizes, costs, assumed)
    return 0


if __name__ == "__main__":
    sys.exit(main())

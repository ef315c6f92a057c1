"""`qos simulate`: ten procedures of Tokyo as events, to a file or to standard output."""

import sys
from contextlib import nullcontext
from datetime import datetime
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import Progress

from qos_domain.acceptance import DEFAULT_TYPE_PREFIX, AcceptanceRules, encode_cloudevent
from qos_domain.calendar import Calendar
from qos_local.simulation.simulate import simulate


def register(app: typer.Typer) -> None:
    app.command("simulate")(write_simulation)


def write_simulation(
    today: Annotated[datetime, typer.Option(formats=["%Y-%m-%d"], help="The day after the last simulated one.")],
    seed: Annotated[int, typer.Option(help="Another seed, other applications.")] = 1,
    cases: Annotated[int, typer.Option(min=10, help="How many applications.")] = 20_000,
    output: Annotated[Path | None, typer.Option("--output", "-o", help="A file instead of standard output.")] = None,
    event_type_prefix: Annotated[
        str, typer.Option(envvar="QOS_EVENT_TYPE_PREFIX", help="What precedes the type of every event.")
    ] = DEFAULT_TYPE_PREFIX,
) -> None:
    """Write CloudEvents of ten procedures over the 400 days before a day, one a line.

    The registrations come first, then the events in the order in which the systems send them: some late, twice, or
    out of order. The same arguments give the same bytes.

    Example: qos simulate --seed 1 --today 2025-11-22 --cases 20000 > events.ndjson
    """
    rules = AcceptanceRules(type_prefix=event_type_prefix)
    with Progress(console=Console(stderr=True), transient=True) as progress:
        task = progress.add_task("Simulating applications", total=cases)
        simulation = simulate(
            seed=seed,
            today=today.date(),
            cases=cases,
            calendar=Calendar.load(),
            progress=lambda count: progress.advance(task, count),
        )
    opened = nullcontext(sys.stdout.buffer) if output is None else output.open("wb")
    with opened as out:
        for event in (*simulation.procedures, *simulation.events):
            out.write(encode_cloudevent(event, rules) + b"\n")

"""`qos traffic`: the simulation as load for a system that runs already, wherever it is."""

import asyncio
import tomllib
from collections.abc import Mapping
from datetime import date, datetime
from pathlib import Path
from typing import Annotated

import httpx
import typer
from rich.console import Console

from qos_domain.calendar import Calendar
from qos_local.demo.feeding import Feeder
from qos_local.demo.interrupting import until_interrupted
from qos_local.importing.sending import IntakeAway, IntakeRefused
from qos_local.simulation.live import LiveTraffic, waiting_in
from qos_local.simulation.simulate import Simulation, simulate
from qos_local.simulation.sources import SOURCES
from qos_local.stack.errors import StackFailed
from qos_local.stack.home import write_atomically
from qos_runtime.clock import Clock, SystemClock


def register(app: typer.Typer) -> None:
    app.command("traffic")(traffic)


def traffic(
    keys: Annotated[Path, typer.Option(envvar="QOS_TRAFFIC_KEYS_FILE", help="TOML: each source's API key.")],
    url: Annotated[str, typer.Option(envvar="QOS_INTAKE_URL", help="Where intake is.")] = "http://127.0.0.1:8081",
    today: Annotated[
        datetime | None, typer.Option(formats=["%Y-%m-%d"], help="The day after the last simulated one.")
    ] = None,
    day_file: Annotated[
        Path | None, typer.Option(help="Keeps that day: a later start tells the same story, not another of those ids.")
    ] = None,
    seed: Annotated[int, typer.Option(help="Another seed, other applications.")] = 1,
    cases: Annotated[int, typer.Option(min=10, help="How many applications.")] = 2_000,
    rate: Annotated[float, typer.Option(min=0.1, max=200, help="Live happenings a second, afterwards.")] = 1.0,
    once: Annotated[bool, typer.Option("--once", help="End when the simulated year is sent.")] = False,
) -> None:
    """Send a simulated year of ten procedures to a running intake, then live traffic until Ctrl-C.

    Intake must let the simulated sources in, with `max_age_days = "unlimited"`: tokyo/e-application,
    tokyo/office-system, tokyo/call-centre, tokyo/procedure-registry. A start that is repeated for the same day sends
    the same events, which changes nothing. Exit code 1 when intake refuses, or stays away for two minutes.

    Example: qos traffic --keys keys.toml --url http://127.0.0.1:8081 --cases 2000 --day-file day
    """
    clock, calendar = SystemClock(), Calendar.load()
    if today is not None and day_file is not None:
        raise typer.BadParameter("give --today or --day-file, not both")
    day = today.date() if today is not None else first_day(day_file, calendar.local_date(clock.now()))
    credentials = _read_keys(keys)
    story = simulate(seed=seed, today=day, cases=cases, calendar=calendar)
    try:
        asyncio.run(until_interrupted(_send(story, url, credentials, clock, rate=None if once else rate)))
    except (IntakeAway, IntakeRefused) as failure:
        raise StackFailed(service="intake", problem=str(failure), remedy="check --url and --keys") from failure


async def _send(story: Simulation, url: str, keys: Mapping[str, str], clock: Clock, *, rate: float | None) -> None:
    console = Console(soft_wrap=True, highlight=False)
    async with httpx.AsyncClient(timeout=60.0) as http:
        feeder = Feeder(http, url=url, keys=keys)
        sent = await feeder.send(story.procedures) + await feeder.send(story.events)
        console.print(f"{sent:,} events of the year up to {story.last_day} are sent.")
        if rate is not None:
            console.print(f"Live traffic: {rate:g} happenings a second, until Ctrl-C.")
            run = f"{int(clock.now().timestamp()):x}"
            live = LiveTraffic(seed=1, run=run, waiting=waiting_in(story.events))
            await feeder.send_live(live, clock, rate=rate)


def first_day(path: Path | None, today: date) -> date:
    """The day in the file; where there is none yet, today, which is put there."""
    if path is None:
        return today
    try:
        return date.fromisoformat(path.read_text(encoding="utf-8").strip())
    except FileNotFoundError:
        write_atomically(path, f"{today}\n")
        return today
    except ValueError as error:
        raise typer.BadParameter(f"{path}: not a day such as 2026-11-20", param_hint="--day-file") from error


def _read_keys(path: Path) -> Mapping[str, str]:
    try:
        keys = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise typer.BadParameter(f"{path}: can't be read as TOML ({error})", param_hint="--keys") from error
    for source in SOURCES:
        if not isinstance(keys.get(source), str):
            raise typer.BadParameter(f'{path}: no line \'"{source}" = "<its key>"\'', param_hint="--keys")
    return keys

"""`qos rebuild`: all results anew from the log, beside the live ones."""

import asyncio
import os
from typing import Annotated

import typer
from rich.console import Console

from qos_domain.calendar import Calendar, UnknownCalendar
from qos_domain.errors import BrokenInvariant, TransientFailure
from qos_local.results.ground import settings_in_use
from qos_local.results.steps import Steps
from qos_local.stack.errors import StackFailed
from qos_processing.log_shares import RECORDS_AT_ONCE
from qos_processing.rebuild.__main__ import EXIT_FAILED, EXIT_REFUSED
from qos_processing.rebuild.filling import Options
from qos_processing.rebuild.rebuilding import Rebuild, Rebuilt, drop_old
from qos_processing.rebuild.refusals import RebuildFailed, RebuildRefused
from qos_runtime.clock import SystemClock
from qos_runtime.errors import NotConfigured
from qos_runtime.settings import RuntimeSettings


def register(app: typer.Typer) -> None:
    app.command("rebuild")(rebuild_results)


def rebuild_results(
    processes: Annotated[int, typer.Option(min=1, help="Processes that load at a time.")] = os.cpu_count() or 1,
    records_in_memory: Annotated[
        int, typer.Option(min=1, help="So many records each of them holds, 0.6 kB each.")
    ] = RECORDS_AT_ONCE,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="There is room on the database's disk: don't look.")] = False,
    drop: Annotated[bool, typer.Option("--drop-old", help="Drop what was live before, and do nothing else.")] = False,
) -> None:
    """Fold the whole log anew into tables beside the live ones, and let them take over in one transaction.

    Workers and readers go on meanwhile. What was live before is kept until it is dropped with --drop-old. A rebuild
    that was killed leaves nothing behind that matters: the next one begins afresh.

    Exit code 0: done. 1: it failed, the live results are as they were. 2: it can't be begun as things are.

    Examples:

        qos rebuild

        qos rebuild --processes 4 --yes

        qos verify --everything && qos rebuild --drop-old
    """
    console = Console(stderr=True, soft_wrap=True, highlight=False)
    try:
        settings = settings_in_use()
        if drop:
            dropped = asyncio.run(drop_old(settings))
            console.print(f"Dropped: {', '.join(map(str, dropped)) or 'there is no former generation'}.")
            return
        rebuilt = _rebuild(settings, Options(processes, records_in_memory, room_is_there=yes), console)
    except (NotConfigured, UnknownCalendar, StackFailed, RebuildRefused) as error:
        console.print(f"Not begun: {error}", markup=False, style="bold red")
        raise typer.Exit(EXIT_REFUSED) from error
    except (RebuildFailed, BrokenInvariant, TransientFailure) as error:
        console.print(f"Failed, and the live results are as they were: {error}", markup=False, style="bold red")
        raise typer.Exit(EXIT_FAILED) from error
    console.print(
        f"Generation {rebuilt.generation} is live: {rebuilt.records:,} records of the log, of which {rebuilt.refused:,}"
        f" can't be accepted. Generation {rebuilt.former} is kept: drop it with `qos rebuild --drop-old`."
    )


def _rebuild(settings: RuntimeSettings, options: Options, console: Console) -> Rebuilt:
    calendar = Calendar.load(settings.calendar, settings.time_zone)
    with Steps(console) as steps:
        rebuild = Rebuild(settings, calendar=calendar, clock=SystemClock(), options=options, progress=steps.show)
        return asyncio.run(rebuild.run())

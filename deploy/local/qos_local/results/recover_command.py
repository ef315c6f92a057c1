"""`qos recover`: an empty database gets what the lost one had."""

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
from qos_processing.rebuild.filling import Options
from qos_processing.rebuild.refusals import RebuildFailed, RebuildRefused
from qos_processing.recover.__main__ import AGAIN, EXIT_FAILED, EXIT_REFUSED
from qos_processing.recover.after_backup import read_back
from qos_processing.recover.recovering import Recovery
from qos_processing.recover.refusals import RecoveryRefused
from qos_runtime.clock import SystemClock
from qos_runtime.errors import NotConfigured, TopicsNotReady

_EXIT_INTERRUPTED = 130


def register(app: typer.Typer) -> None:
    app.command("recover")(recover_results)


def recover_results(
    processes: Annotated[int, typer.Option(min=1, help="Processes that load at a time.")] = os.cpu_count() or 1,
    records_in_memory: Annotated[
        int, typer.Option(min=1, help="So many records each of them holds, 0.6 kB each.")
    ] = RECORDS_AT_ONCE,
    after_backup: Annotated[
        bool, typer.Option("--after-backup", help="The database was restored: only read back what was said since.")
    ] = False,
) -> None:
    """Fill an empty database after PostgreSQL was lost whole: from the log, and from what went out.

    Cases, figures and the registry are folded from the input topics. What was announced comes from `sla-events`, levels
    from `qos-levels`, dead letters from `dead-letters` and `dead-letter-decisions`, publications from `publications`:
    nothing is told a second time.
    The database must be new and migrated, and no worker may run. Interrupted or killed: run it again.

    With --after-backup the database is one that was restored from a backup: workers will go on from its offsets, and
    only what was announced since is read back, so that it isn't announced again. No worker may run.

    Exit code 0: done, start the workers. 1: it failed. 2: it can't be begun as things are; nothing was changed.

    Examples:

        python -m qos_processing.migrate && qos recover

        qos recover --processes 4

        qos recover --after-backup
    """
    console = Console(stderr=True, soft_wrap=True, highlight=False)
    try:
        lines = _recover(Options(processes, records_in_memory), console, after_backup=after_backup)
    except (NotConfigured, TopicsNotReady, UnknownCalendar, StackFailed, RebuildRefused, RecoveryRefused) as error:
        console.print(f"Not begun: {error}", markup=False, style="bold red")
        raise typer.Exit(EXIT_REFUSED) from error
    except (RebuildFailed, BrokenInvariant, TransientFailure) as error:
        console.print(f"Failed: {error}. {AGAIN}.", markup=False, style="bold red")
        raise typer.Exit(EXIT_FAILED) from error
    except KeyboardInterrupt:
        console.print(f"Interrupted. {AGAIN}.", markup=False, style="bold red")
        raise typer.Exit(_EXIT_INTERRUPTED) from None
    for line in lines:
        console.print(line, markup=False)


def _recover(options: Options, console: Console, *, after_backup: bool) -> list[str]:
    settings = settings_in_use()
    calendar = Calendar.load(settings.calendar, settings.time_zone)
    with Steps(console) as steps:
        if after_backup:
            return asyncio.run(read_back(settings, calendar=calendar, progress=steps.show)).lines()
        recovery = Recovery(settings, calendar=calendar, clock=SystemClock(), options=options, progress=steps.show)
        return asyncio.run(recovery.run()).lines()

"""`qos restore-log`: when the tail of a topic partition is lost."""

import asyncio
import sys
from typing import Annotated

import typer
from rich.console import Console

from qos_domain.errors import BrokenInvariant, TransientFailure
from qos_local.results.ground import settings_in_use
from qos_local.results.steps import Steps
from qos_local.stack.errors import StackFailed
from qos_processing.restore_log.report import EXIT_BROKEN_OFF, EXIT_REFUSED, as_text
from qos_processing.restore_log.restoring import Request, UnknownPosition, position_of, restore
from qos_runtime.clock import SystemClock
from qos_runtime.errors import NotConfigured, TopicsNotReady


def register(app: typer.Typer) -> None:
    app.command("restore-log")(restore_log)


def restore_log(
    partitions: Annotated[
        list[str] | None,
        typer.Argument(help="Only these, as applications-3; else those whose log isn't what was processed at its end."),
    ] = None,
    everything: Annotated[
        bool, typer.Option("--everything", help="Compare all partitions, from the beginning.")
    ] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what would be done, and change nothing.")] = False,
) -> None:
    """Put back into the log what the results still tell of it, and let workers go on where both agree.

    For when the tail of a topic partition is lost (an unclean election, a disk restored from a copy) and the workers
    end with LogMismatch. Results hold whole events: those that the log lacks are appended again, with their own ids.
    Then the stored offset moves back to the first record that the results don't hold. What was lost before it was
    processed can't be known: the time in which sources must send again is told.

    May be ended at any moment and run again. Exit code 0: done, or nothing to do. 1: broken off, run it again. 2: it
    can't be begun as things are.

    Examples:

        qos restore-log --dry-run

        qos restore-log

        qos restore-log applications-3 reviews-3
    """
    console = Console(stderr=True, soft_wrap=True, highlight=False)
    try:
        settings = settings_in_use()
        request = Request([position_of(each, settings) for each in partitions or ()], everything, dry_run)
        with Steps(console) as steps:
            findings = asyncio.run(restore(settings, request, clock=SystemClock(), progress=steps.show))
    except (NotConfigured, TopicsNotReady, UnknownPosition, BrokenInvariant, StackFailed) as error:
        console.print(f"Not begun: {error}", markup=False, style="bold red")
        raise typer.Exit(EXIT_REFUSED) from error
    except TransientFailure as error:
        console.print(f"Broken off, run it again: {error}", markup=False, style="bold red")
        raise typer.Exit(EXIT_BROKEN_OFF) from error
    sys.stdout.write(f"{as_text(findings, dry_run=dry_run)}\n")

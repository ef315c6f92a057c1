"""`qos restate`: what the present data says of published months, and what another calendar or criteria would say."""

import asyncio
import sys
from typing import Annotated

import typer
from rich.console import Console

from qos_domain.calendar import UnknownCalendar
from qos_domain.errors import BrokenInvariant, TransientFailure
from qos_domain.periods import InvalidWindow, Month
from qos_local.results.ground import settings_in_use
from qos_local.results.preview_command import PreviewFormat, show_preview
from qos_local.results.steps import Steps
from qos_local.stack.errors import StackFailed
from qos_processing.preview.report import TOP
from qos_processing.publish.__main__ import rules
from qos_processing.publish.refusals import PublicationRefused
from qos_processing.publish.report import EXIT_FAILED, EXIT_REFUSED
from qos_processing.restate.report import as_json, as_text
from qos_processing.restate.restating import Restating
from qos_runtime.clock import SystemClock
from qos_runtime.errors import NotConfigured
from qos_runtime.logging import configure_logging


def register(app: typer.Typer) -> None:
    app.command("restate")(restate_months)


def restate_months(
    period: Annotated[
        str | None, typer.Argument(help="The month, such as 2026-10; else all that were published.", show_default=False)
    ] = None,
    output: Annotated[
        PreviewFormat, typer.Option("--format", help="How to write the result; csv with --dry-run only.")
    ] = PreviewFormat.TEXT,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Say what --calendar or --criteria would change, and change nothing.")
    ] = False,
    calendar: Annotated[
        str | None, typer.Option(help="With --dry-run: another calendar, a version or a file.", show_default=False)
    ] = None,
    criteria: Annotated[
        str | None, typer.Option(help="With --dry-run: other criteria, a version or a file.", show_default=False)
    ] = None,
    only: Annotated[str | None, typer.Option("--period", help="The month, as an option.", show_default=False)] = None,
    top: Annotated[int, typer.Option(min=1, help="With --dry-run: list so many of the largest changes.")] = TOP,
) -> None:
    """Say what the present data says of published months: the difference to what was published, and its causes.

    What was published stays as it is. Where figures or levels differ today, the restated ones are recorded beside it
    and told on the topic `publications`: because of late events, a changed registry, another calendar, other criteria
    or other logic, each with its part of the difference. Run again it records only what is new.

    With --dry-run and --calendar or --criteria: what these would change if they were in force, in the month, else at
    present and in all published months. Nothing is written. To bring them into force: `qos rebuild --calendar ...`, or
    QOS_CRITERIA and a restart.

    Exit code 0: done. 1: it failed, run it again. 2: it can't be begun as things are.

    Examples:

        qos restate

        qos restate 2026-10

        qos restate 2026-10 --format json | jq '.[].causes'

        qos restate --dry-run --calendar calendar-tokyo-2.json

        qos restate --dry-run --criteria criteria-2.toml --period 2026-10

        qos restate --dry-run --calendar calendar-tokyo-2.json --format csv > changes.csv
    """
    if period is not None and only is not None:
        raise typer.BadParameter("name the month once", param_hint="--period")
    period = period or only
    if dry_run:
        show_preview(calendar=calendar, criteria=criteria, period=period, top=top, output=output)
        return
    if calendar is not None or criteria is not None:
        raise typer.BadParameter(
            "they say what would change: add --dry-run. A calendar comes into force by `qos rebuild --calendar ...`,"
            " criteria by QOS_CRITERIA and a restart",
            param_hint="--calendar, --criteria",
        )
    if output is PreviewFormat.CSV:
        raise typer.BadParameter("csv is a format of --dry-run: use text or json", param_hint="--format")
    configure_logging(service="qos-restate", level="WARNING", log_format="console")
    console = Console(stderr=True, soft_wrap=True, highlight=False)
    try:
        month = None if period is None else Month.named(period)
        settings = settings_in_use()
        with Steps(console) as steps:
            restating = Restating(settings, rules(settings), SystemClock(), steps.show)
            restated = asyncio.run(restating.run(month))
    except (InvalidWindow, PublicationRefused, NotConfigured, UnknownCalendar, StackFailed) as error:
        console.print(f"Not restated: {error}", markup=False, style="bold red")
        raise typer.Exit(EXIT_REFUSED) from error
    except (BrokenInvariant, TransientFailure) as error:
        console.print(f"Failed: {error}", markup=False, style="bold red")
        raise typer.Exit(EXIT_FAILED) from error
    sys.stdout.write(f"{as_json(restated) if output is PreviewFormat.JSON else as_text(restated)}\n")

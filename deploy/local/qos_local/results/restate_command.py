"""`qos restate`: what the present data says of published months, beside what was published."""

import asyncio
import sys
from enum import StrEnum
from typing import Annotated

import typer
from rich.console import Console

from qos_domain.calendar import UnknownCalendar
from qos_domain.errors import BrokenInvariant, TransientFailure
from qos_domain.periods import InvalidWindow, Month
from qos_local.results.ground import settings_in_use
from qos_local.results.steps import Steps
from qos_local.stack.errors import StackFailed
from qos_processing.publish.__main__ import rules
from qos_processing.publish.refusals import PublicationRefused
from qos_processing.publish.report import EXIT_FAILED, EXIT_REFUSED
from qos_processing.restate.report import as_json, as_text
from qos_processing.restate.restating import Restating
from qos_runtime.clock import SystemClock
from qos_runtime.errors import NotConfigured
from qos_runtime.logging import configure_logging


class Format(StrEnum):
    TEXT = "text"
    JSON = "json"


def register(app: typer.Typer) -> None:
    app.command("restate")(restate_months)


def restate_months(
    period: Annotated[
        str | None, typer.Argument(help="The month, such as 2026-10; else all that were published.", show_default=False)
    ] = None,
    output: Annotated[Format, typer.Option("--format", help="How to write the result.")] = Format.TEXT,
) -> None:
    """Say what the present data says of published months: the difference to what was published, and its causes.

    What was published stays as it is. Where figures or levels differ today, the restated ones are recorded beside it
    and told on the topic `publications`: because of late events, a changed registry, another calendar, other criteria
    or other logic, each with its part of the difference. Run again it records only what is new.

    Exit code 0: done. 1: it failed, run it again. 2: it can't be begun as things are.

    Examples:

        qos restate

        qos restate 2026-10

        qos restate 2026-10 --format json | jq '.[].causes'
    """
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
    sys.stdout.write(f"{as_json(restated) if output is Format.JSON else as_text(restated)}\n")

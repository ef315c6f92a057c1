"""`qos verify`: the live tables against a fresh fold."""

import asyncio
import sys
from enum import StrEnum
from typing import Annotated

import typer
from rich.console import Console

from qos_domain.calendar import Calendar, UnknownCalendar
from qos_domain.errors import BrokenInvariant, TransientFailure
from qos_local.results.ground import settings_in_use
from qos_local.results.steps import Steps
from qos_local.stack.errors import StackFailed
from qos_processing.verify.report import EXIT_NOT_VERIFIED, as_json, as_text, exit_code
from qos_processing.verify.verification import SAMPLE, Scope, verify
from qos_runtime.clock import SystemClock
from qos_runtime.errors import NotConfigured


class Format(StrEnum):
    TEXT = "text"
    JSON = "json"


def register(app: typer.Typer) -> None:
    app.command("verify")(verify_results)


def verify_results(
    procedures: Annotated[list[str] | None, typer.Argument(help="Only these procedures; else a sample of all.")] = None,
    sample: Annotated[int, typer.Option(min=1, help="About so many cases, drawn at random.")] = SAMPLE,
    seed: Annotated[int, typer.Option(min=0, help="Which sample: the same seed draws the same.")] = 0,
    everything: Annotated[bool, typer.Option("--everything", help="All cases and procedures, no sample.")] = False,
    log: Annotated[bool, typer.Option("--log", help="Compare with the log in Kafka, too: reads all of it.")] = False,
    output: Annotated[Format, typer.Option("--format", help="How to write the result.")] = Format.TEXT,
) -> None:
    """Compare the live tables with a fresh fold of the facts in them, while workers go on.

    Cases are folded anew, day buckets are compared with what their cases contribute, and the totals of organisations
    and of everything with the day buckets: all as of one moment. The result is kept, and exported as a metric.

    Exit code 0: all is as it should be. 1: something is not; each mismatch is listed. 2: it could not be verified.

    Examples:

        qos verify

        qos verify --everything --log

        qos verify road-occupation --format json | jq .mismatches
    """
    scope = Scope(tuple(procedures or ()), None if everything or procedures else sample, seed, log)
    console = Console(stderr=True, soft_wrap=True, highlight=False)
    try:
        settings = settings_in_use()
        calendar = Calendar.load(settings.calendar, settings.time_zone)
        with Steps(console) as steps:
            verified = asyncio.run(verify(settings, scope, calendar=calendar, clock=SystemClock(), progress=steps.show))
    except (NotConfigured, UnknownCalendar, BrokenInvariant, TransientFailure, StackFailed) as error:
        console.print(f"Not verified: {error}", markup=False, style="bold red")
        raise typer.Exit(EXIT_NOT_VERIFIED) from error
    sys.stdout.write(f"{as_json(verified) if output is Format.JSON else as_text(verified)}\n")
    raise typer.Exit(exit_code(verified))

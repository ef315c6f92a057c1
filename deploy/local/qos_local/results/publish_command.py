"""`qos publish`: a month's figures and levels, published for ever."""

import asyncio
import sys
from enum import StrEnum
from typing import Annotated

import typer
from rich.console import Console

from qos_domain.calendar import UnknownCalendar
from qos_domain.errors import BrokenInvariant, TransientFailure
from qos_domain.periods import InvalidWindow, Month
from qos_domain.publication import MonthRefused
from qos_local.results.ground import settings_in_use
from qos_local.results.steps import Steps
from qos_local.stack.errors import StackFailed
from qos_processing.publish.__main__ import rules
from qos_processing.publish.publishing import Publishing
from qos_processing.publish.refusals import PublicationFailed, PublicationRefused
from qos_processing.publish.report import EXIT_FAILED, EXIT_REFUSED, as_json, as_text
from qos_runtime.clock import SystemClock
from qos_runtime.errors import NotConfigured
from qos_runtime.logging import configure_logging


class Format(StrEnum):
    TEXT = "text"
    JSON = "json"


def register(app: typer.Typer) -> None:
    app.command("publish")(publish_month)


def publish_month(
    period: Annotated[
        str | None, typer.Argument(help="The month, such as 2026-10; else the last complete one.", show_default=False)
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what would be published, and write nothing.")] = False,
    output: Annotated[Format, typer.Option("--format", help="How to write the result.")] = Format.TEXT,
) -> None:
    """Publish a month: the figures of every procedure, every organisation and everything, with levels and lineage.

    All of it is of one moment. It is kept for ever and told on the topic `publications`; publishing it again changes
    nothing. What later facts would say is told beside it: see `qos restate`.

    Exit code 0: the month is published, by this run or before. 1: it failed, and nothing of it counts. 2: it can't be
    published as things are.

    Examples:

        qos publish

        qos publish 2026-10 --dry-run

        qos publish 2026-10 --format json | jq .publication.digest
    """
    configure_logging(service="qos-publish", level="WARNING", log_format="console")
    console = Console(stderr=True, soft_wrap=True, highlight=False)
    try:
        month = None if period is None else Month.named(period)
        settings = settings_in_use()
        with Steps(console) as steps:
            publishing = Publishing(settings, rules(settings), SystemClock(), steps.show)
            published = asyncio.run(publishing.run(month, dry_run=dry_run))
    except (InvalidWindow, MonthRefused, PublicationRefused, NotConfigured, UnknownCalendar, StackFailed) as error:
        console.print(f"Not published: {error}", markup=False, style="bold red")
        raise typer.Exit(EXIT_REFUSED) from error
    except (PublicationFailed, BrokenInvariant, TransientFailure) as error:
        console.print(f"Failed, and nothing of it counts: {error}", markup=False, style="bold red")
        raise typer.Exit(EXIT_FAILED) from error
    sys.stdout.write(f"{as_json(published) if output is Format.JSON else as_text(published)}\n")

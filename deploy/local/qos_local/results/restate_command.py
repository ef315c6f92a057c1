"""`qos restate`: what another calendar or other criteria would change, before they are in force."""

from typing import Annotated

import typer

from qos_local.results.preview_command import PreviewFormat, show_preview
from qos_processing.preview.report import TOP


def register(app: typer.Typer) -> None:
    app.command("restate")(restate)


def restate(
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what would change, and change nothing.")] = False,
    calendar: Annotated[
        str | None, typer.Option(help="With this calendar: a version, or a file.", show_default=False)
    ] = None,
    criteria: Annotated[
        str | None, typer.Option(help="With these criteria: a version, or a file.", show_default=False)
    ] = None,
    period: Annotated[
        str | None,
        typer.Option(help="Only this published month, such as 2026-10; else the present and all of them."),
    ] = None,
    top: Annotated[int, typer.Option(min=1, help="List so many of the largest changes (text only).")] = TOP,
    output: Annotated[PreviewFormat, typer.Option("--format", help="How to write the result.")] = PreviewFormat.TEXT,
) -> None:
    """Say what another calendar, or other criteria, would change: cases, figures and levels, the largest changes first.

    All of it is of one moment, and nothing is written. To do it: `qos rebuild --calendar ...` for a calendar;
    QOS_CRITERIA and a restart of workers and of the metrics service for criteria.

    Exit code 0: it is said. 1: it failed. 2: it can't be said as things are.

    Examples:

        qos restate --dry-run --calendar calendar-tokyo-2.json

        qos restate --dry-run --criteria criteria-2.toml --period 2026-10

        qos restate --dry-run --calendar calendar-tokyo-2.json --format csv > changes.csv
    """
    if not dry_run:
        raise typer.BadParameter(
            "say what would change first: `qos rebuild --calendar ...` changes a calendar", param_hint="--dry-run"
        )
    show_preview(calendar=calendar, criteria=criteria, period=period, top=top, output=output)

"""`qos fold`: recompute every figure from exported events."""

import gzip
import sys
from datetime import datetime
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import msgspec
import typer
from rich.console import Console
from rich.progress import Progress

from qos_domain import criteria as criteria_files
from qos_domain.acceptance import DEFAULT_TYPE_PREFIX, AcceptanceRules
from qos_domain.calendar import DEFAULT_TIME_ZONE, DEFAULT_VERSION, Calendar, UnknownCalendar
from qos_domain.periods import DEFAULT_WINDOW, InvalidWindow, window
from qos_domain.replay import Replay
from qos_local.offline.fold import Fold, fold
from qos_local.offline.output import as_json, as_table, write_csv
from qos_local.offline.reading import RefusedLine, read_events
from qos_local.offline.summary import console_of_summaries

_REFUSALS_SHOWN = 20


class Format(StrEnum):
    TABLE = "table"
    JSON = "json"
    CSV = "csv"


def register(app: typer.Typer) -> None:
    app.command("fold")(fold_files)


def fold_files(  # noqa: PLR0913, PLR0917 - one argument an option
    files: Annotated[list[Path], typer.Argument(help="NDJSON files of CloudEvents, also .gz.", exists=True)],
    as_of: Annotated[datetime, typer.Option(formats=["%Y-%m-%d"], help="The day that the figures are of.")],
    procedures: Annotated[
        list[Path] | None,
        typer.Option(help="NDJSON of procedure events, where they are in a file of their own.", exists=True),
    ] = None,
    window_name: Annotated[str, typer.Option("--window", help="Such as 28d, fiscal_year, 2025-04.")] = DEFAULT_WINDOW,
    output: Annotated[Format, typer.Option("--format", help="What to write.")] = Format.TABLE,
    time_zone: Annotated[str, typer.Option(envvar="QOS_TIME_ZONE", help="Whose dates count.")] = DEFAULT_TIME_ZONE,
    calendar: Annotated[str, typer.Option(envvar="QOS_CALENDAR", help="A version, or a file.")] = DEFAULT_VERSION,
    criteria: Annotated[
        str, typer.Option(envvar="QOS_CRITERIA", help="Level criteria: a version, or a file.")
    ] = criteria_files.DEFAULT_VERSION,
    event_type_prefix: Annotated[
        str, typer.Option(envvar="QOS_EVENT_TYPE_PREFIX", help="What precedes the type of every event.")
    ] = DEFAULT_TYPE_PREFIX,
) -> None:
    """Recompute all indicators and levels from exported events, without Kafka and PostgreSQL.

    The result goes to standard output; refused lines and progress go to standard error. Exit code 1 when no line at
    all could be used.

    Examples:

        qos fold events.ndjson --procedures procedures.ndjson --as-of 2025-11-21

        qos fold events.ndjson.gz --as-of 2025-11-21 --window fiscal_year --format json | jq .all.total.compliance
    """
    day = as_of.date()
    try:
        span = window(window_name, day)
        chosen_calendar = Calendar.load(calendar, time_zone)
        chosen_criteria = criteria_files.load(criteria)
    except (InvalidWindow, UnknownCalendar, criteria_files.InvalidCriteria, KeyError, msgspec.DecodeError) as error:
        raise typer.BadParameter(str(error)) from error
    console = Console(stderr=True)
    refusals = Refusals(console)
    replay = Replay(chosen_calendar)
    paths = [*(procedures or ()), *files]
    with Progress(console=console, transient=True) as progress:
        reading = progress.add_task("Reading events", total=sum(path.stat().st_size for path in paths))
        accepted = 0
        for path in paths:
            events = read_events(
                path,
                rules=AcceptanceRules(type_prefix=event_type_prefix),
                refused=refusals.add,
                progress=lambda count: progress.advance(reading, count),
            )
            try:
                for event in events:
                    replay.add(event)
                    accepted += 1
            except (OSError, EOFError, gzip.BadGzipFile) as error:
                raise typer.BadParameter(f"{path}: {error}") from error
        folding = progress.add_task("Folding cases", total=len(replay.cases))
        result = fold(
            replay,
            as_of=day,
            window=span,
            criteria=chosen_criteria,
            progress=lambda count: progress.advance(folding, count),
        )
    refusals.summarise(accepted)
    _write(result, output)
    if not accepted:
        raise typer.Exit(1)


def _write(result: Fold, output: Format) -> None:
    match output:
        case Format.TABLE:
            console_of_summaries().print(as_table(result))
        case Format.JSON:
            sys.stdout.write(msgspec.json.format(msgspec.json.encode(as_json(result)), indent=2).decode() + "\n")
        case Format.CSV:
            write_csv(result, sys.stdout)


class Refusals:
    """Says of the first refused lines where and why, and counts the rest."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self.count = 0

    def add(self, refused: RefusedLine) -> None:
        self.count += 1
        if self.count <= _REFUSALS_SHOWN:
            reason = refused.reason
            self._console.print(
                f"{refused.path}:{refused.line}: {reason.field}: {reason.rule} ({reason.reason})",
                markup=False,
                highlight=False,
                soft_wrap=True,
            )

    def summarise(self, accepted: int) -> None:
        more = f", {self.count - _REFUSALS_SHOWN} of them not shown" if self.count > _REFUSALS_SHOWN else ""
        self._console.print(f"{accepted:,} events taken, {self.count:,} lines refused{more}.")

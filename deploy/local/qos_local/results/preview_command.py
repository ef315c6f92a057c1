"""What another calendar or other criteria would change, for `qos restate --dry-run`."""

import asyncio
import sys
from enum import StrEnum

import msgspec
import typer
from rich.console import Console

from qos_domain import criteria as criteria_files
from qos_domain.calendar import UnknownCalendar
from qos_domain.criteria import InvalidCriteria
from qos_domain.errors import BrokenInvariant, TransientFailure
from qos_domain.periods import InvalidWindow, Month
from qos_local.results.ground import settings_in_use
from qos_local.results.steps import Steps
from qos_local.stack.errors import StackFailed
from qos_processing.preview.effects import Preview
from qos_processing.preview.previewing import Previewing
from qos_processing.preview.refusals import PreviewRefused
from qos_processing.preview.report import as_csv, as_json, as_text
from qos_processing.publish.refusals import PublicationRefused
from qos_runtime.clock import SystemClock
from qos_runtime.errors import NotConfigured

EXIT_FAILED = 1
EXIT_REFUSED = 2


class PreviewFormat(StrEnum):
    TEXT = "text"
    JSON = "json"
    CSV = "csv"


def show_preview(
    *, calendar: str | None, criteria: str | None, period: str | None, top: int, output: PreviewFormat
) -> None:
    """Write what the one or the other would change to standard output. Raises BadParameter and Exit."""
    console = Console(stderr=True, soft_wrap=True, highlight=False)
    if (calendar is None) == (criteria is None):
        raise typer.BadParameter(
            "name one of them: a version, or the path of a file", param_hint="--calendar, --criteria"
        )
    try:
        month = None if period is None else Month.named(period)
        with Steps(console) as steps:
            previewing = Previewing(settings_in_use(), clock=SystemClock(), progress=steps.show)
            preview = asyncio.run(_preview(previewing, calendar, criteria, month))
    except (
        InvalidCriteria,
        InvalidWindow,
        msgspec.DecodeError,
        NotConfigured,
        OSError,
        PreviewRefused,
        PublicationRefused,
        StackFailed,
        UnknownCalendar,
    ) as error:
        console.print(f"Not compared: {error}", markup=False, style="bold red")
        raise typer.Exit(EXIT_REFUSED) from error
    except (BrokenInvariant, TransientFailure) as error:
        console.print(f"Failed, and nothing was changed: {error}", markup=False, style="bold red")
        raise typer.Exit(EXIT_FAILED) from error
    match output:
        case PreviewFormat.TEXT:
            sys.stdout.write(f"{as_text(preview, top)}\n")
        case PreviewFormat.JSON:
            sys.stdout.write(f"{as_json(preview)}\n")
        case PreviewFormat.CSV:
            sys.stdout.write(as_csv(preview))


async def _preview(previewing: Previewing, calendar: str | None, criteria: str | None, month: Month | None) -> Preview:
    if calendar is not None:
        return await previewing.calendar(calendar, month)
    return await previewing.criteria(criteria_files.load(criteria or ""), month)

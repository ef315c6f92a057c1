"""`qos calendar`: make the data of a calendar once, so that no upgrade of a library can ever move a due date."""

import re
from importlib.metadata import version as package_version
from pathlib import Path
from typing import Annotated

import holidays
import msgspec
import typer
from rich.console import Console

from qos_domain.calendar import (
    DEFAULT_VERSION,
    CalendarData,
    Holiday,
    bundled_versions,
)

app = typer.Typer(help="Business-day calendars: versioned data files, made once.", no_args_is_help=True)

TOKYO_CLOSED_DAYS = ("12-29", "12-30", "12-31", "01-01", "01-02", "01-03")


def calendar_data(
    *, version: str, country: str, first_year: int, last_year: int, closed_days: tuple[str, ...]
) -> CalendarData:
    """A calendar's data from the `holidays` library. Raises NotImplementedError for an unknown country."""
    years = range(first_year, last_year + 1)
    local = holidays.country_holidays(country, years=years)
    local = holidays.country_holidays(country, years=years, language=local.default_language)
    supported = local.supported_languages
    english = holidays.country_holidays(
        country, years=years, language="en_US" if "en_US" in supported else local.default_language
    )
    return CalendarData(
        version=version,
        country=country,
        made_with=f"holidays {package_version('holidays')}",
        first_year=first_year,
        last_year=last_year,
        closed_days=closed_days,
        holidays=tuple(Holiday(day, name, english[day]) for day, name in sorted(local.items())),
    )


def encode(data: CalendarData) -> bytes:
    """The file's content: JSON, one holiday a line, so that two versions can be compared line by line."""
    text = msgspec.json.format(msgspec.json.encode(data), indent=1).decode()
    return re.sub(r"\[\s+(\"\d{4}-[^\]]*?)\s+\]", _one_line, text).encode() + b"\n"


def _one_line(match: re.Match[str]) -> str:
    return "[" + re.sub(r"\s*\n\s*", " ", match.group(1)) + "]"


@app.command()
def make(
    output: Annotated[Path, typer.Argument(help="The file to write; it must not exist yet.")],
    version: Annotated[str, typer.Option(help="The version's name: a new one for new content.")],
    country: Annotated[str, typer.Option(help="ISO 3166 code of the country whose holidays count.")] = "JP",
    years: Annotated[str, typer.Option(help="First and last year.")] = "2000..2050",
    closed_day: Annotated[
        list[str] | None, typer.Option(help="The office's own closed day, MM-DD of every year; repeat it.")
    ] = None,
    no_closed_days: Annotated[bool, typer.Option("--no-closed-days", help="The office has none of its own.")] = False,
) -> None:
    """Write a calendar file: national holidays from the holidays library, and the office's own closed days.

    The closed days are 29 December to 3 January (Tokyo's) unless others are given.

    Example: qos calendar make calendar-osaka-1.json --version osaka-1 --closed-day 12-29 --closed-day 12-30
    """
    if version in bundled_versions() or output.exists():
        raise typer.BadParameter(
            f"{version} or {output} exists: a calendar never changes under its name", param_hint="--version"
        )
    span = re.fullmatch(r"(\d{4})\.\.(\d{4})", years)
    if span is None or not 1 <= int(span[1]) <= int(span[2]):
        raise typer.BadParameter("write the first and the last year, such as 2000..2050", param_hint="--years")
    closed = () if no_closed_days else tuple(closed_day or TOKYO_CLOSED_DAYS)
    try:
        data = calendar_data(
            version=version, country=country, first_year=int(span[1]), last_year=int(span[2]), closed_days=closed
        )
    except NotImplementedError as error:
        raise typer.BadParameter(str(error), param_hint="--country") from error
    raw = encode(data)
    try:
        msgspec.json.decode(raw, type=CalendarData)
    except msgspec.ValidationError as error:
        raise typer.BadParameter(str(error), param_hint="--closed-day, --version") from error
    output.write_bytes(raw)
    Console().print(
        f"{output}: calendar {version}, {len(data.holidays)} holidays, {data.first_year} to {data.last_year}"
    )


@app.command()
def versions() -> None:
    """List the calendars that come with this release."""
    for version in bundled_versions():
        Console().print(f"{version}{' (default)' if version == DEFAULT_VERSION else ''}")

"""One line a procedure, from the JSON of its report and its assessment, wherever that came from."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

# JSON as decoded.
Json = Any

_UNITS: Mapping[str, str] = {
    "business_days": "bd",
    "calendar_days": "cd",
    "weeks": "wk",
    "months": "mo",
    "years": "yr",
    "hours": "h",
}
_LEGEND = "bd, cd: business, calendar days. Levels: declared > evidenced; ?: perhaps more; !: evidence contradicts."
_UNFOLDED_COLUMNS = 130
_PRINCIPLES = ("faster", "simpler", "easier")


@dataclass(frozen=True, slots=True)
class Line:
    """`indicators` are those of all channels of a procedure; `principles` None where it isn't assessed."""

    name: str
    procedure: Mapping[str, Json]
    indicators: Mapping[str, Json]
    principles: Mapping[str, Json] | None


def summary(lines: Iterable[Line], *, title: str) -> Table:
    """Procedure, applications, online and cashless share, days against the period, compliance, overdue, levels."""
    table = Table(
        title=title, title_justify="left", caption=_LEGEND, caption_justify="left", box=box.SIMPLE_HEAD, pad_edge=False
    )
    table.add_column("Procedure", min_width=16)
    table.add_column("Appli-\ncations", justify="right")
    table.add_column("Online", justify="right")
    table.add_column("Cash-\nless", justify="right")
    table.add_column("p50/p90\n(cd)", justify="right")
    table.add_column("Period,\nonline | other", justify="right")
    table.add_column("Within\nperiod", justify="right")
    table.add_column("Overdue\nnow", justify="right")
    for principle in _PRINCIPLES:
        table.add_column(f"{principle.title()}\nd > e", justify="center")
    for line in lines:
        indicators = line.indicators
        days = indicators["processing_time"]["calendar_days"]
        table.add_row(
            line.name,
            f"{indicators['volume']['applications']:,}",
            percent(indicators["online"]["applications"]),
            percent(indicators["cashless"]["payments"]),
            "-" if days is None else f"{days['p50']}/{days['p90']}",
            f"{_period(line.procedure, 'online_standard_period')} | {_period(line.procedure, 'standard_period')}",
            _compliance(indicators["compliance"]["within_period"], line.procedure),
            _overdue(indicators["standing"]),
            *(_level(line.principles, principle) for principle in _PRINCIPLES),
        )
    return table


def console_of_summaries() -> Console:
    """The terminal at its own width; into a file or a pipe, wide enough that no cell of the summary is folded."""
    console = Console()
    return console if console.is_terminal else Console(width=max(console.width, _UNFOLDED_COLUMNS))


def percent(share: Mapping[str, Json]) -> str:
    """A share in percent; a dash where there is nothing to take a share of."""
    value = share["share"]
    return "-" if value is None else f"{value:.0%}"


def _period(procedure: Mapping[str, Json], name: str) -> str:
    period = procedure.get(name)
    if period is None:
        return "-"
    least = period.get("minimum")
    return f"{'' if least is None else f'{least}-'}{period['maximum']} {_UNITS[period['unit']]}"


def _compliance(share: Mapping[str, Json], procedure: Mapping[str, Json]) -> Text:
    value, objective = share["share"], procedure.get("objective", 0.95)
    return Text(percent(share), style="bold red" if value is not None and value < objective else "")


def _overdue(standing: Mapping[str, Json]) -> Text:
    overdue, opened = standing["overdue"], standing["open"]
    return Text(f"{overdue} of {opened}", style="bold red" if opened and overdue > opened / 4 else "")


def _level(principles: Mapping[str, Json] | None, name: str) -> Text:
    """Declared > evidenced; `?` where more is possible than is sure, `!` where evidence contradicts."""
    if principles is None:
        return Text("-")
    principle = principles[name]
    declared, evidenced = principle["declared"], principle["evidenced"]
    text = f"{declared['level']}{_more(declared)} > {evidenced['level']}{_more(evidenced)}"
    return Text(f"{text} !", style="bold red") if principle["contradictions"] else Text(text)


def _more(reading: Mapping[str, Json]) -> str:
    return "?" if reading["possible_level"] > reading["level"] else ""

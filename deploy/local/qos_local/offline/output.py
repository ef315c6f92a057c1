"""A fold as JSON, CSV or a table. The JSON of a scope is that of the metrics API, so that both can be compared."""

import csv
from collections.abc import Iterator, Mapping
from typing import Any, TextIO

import msgspec
from rich.table import Table

from qos_domain.indicators import Report
from qos_local.offline.fold import Fold, ProcedureFold
from qos_local.offline.summary import Line, summary


def as_json(fold: Fold) -> dict[str, Any]:
    """Everything: each scope's report, each procedure's version and assessment."""
    return {
        "as_of": fold.as_of.isoformat(),
        "window": msgspec.to_builtins(fold.window),
        "all": _report(fold.total),
        "organisations": {name: _report(each) for name, each in fold.organisations.items()},
        "procedures": {name: _procedure(each) for name, each in fold.procedures.items()},
    }


def _procedure(each: ProcedureFold) -> dict[str, Any]:
    return {
        "procedure": msgspec.to_builtins(each.procedure),
        "retired": each.retired,
        "report": _report(each.report),
        "assessment": None if each.assessment is None else msgspec.to_builtins(each.assessment),
    }


def _report(report: Report) -> dict[str, Any]:
    built: dict[str, Any] = msgspec.to_builtins(report)
    return built


def as_table(fold: Fold) -> Table:
    """The figures that matter most, one line a procedure."""
    document = as_json(fold)
    lines = [
        Line(
            name=each["procedure"]["name"].get("en") or each["procedure"]["name"]["ja"],
            procedure=each["procedure"],
            indicators=each["report"]["total"],
            principles=None if each["assessment"] is None else each["assessment"]["principles"],
        )
        for each in document["procedures"].values()
    ]
    window = fold.window
    return summary(lines, title=f"{window.name}: {window.start} to {window.end}, as of {fold.as_of}")


def write_csv(fold: Fold, out: TextIO) -> None:
    """One line a figure: scope, its id, channel (empty: all), indicator, value."""
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(("scope", "id", "channel", "indicator", "value"))
    document = as_json(fold)
    writer.writerows(_scope("all", "", document["all"]))
    for name, report in document["organisations"].items():
        writer.writerows(_scope("organisation", name, report))
    for name, each in document["procedures"].items():
        writer.writerows(_scope("procedure", name, each["report"]))
        for principle, reading in ((each["assessment"] or {}).get("principles") or {}).items():
            for side in ("declared", "evidenced"):
                for figure, value in reading[side].items():
                    writer.writerow(("procedure", name, "", f"{principle}.{side}.{figure}", value))


def _scope(scope: str, name: str, report: Mapping[str, Any]) -> Iterator[tuple[str, str, str, str, object]]:
    for channel, indicators in (("", report["total"]), *report["channels"].items()):
        for path, value in figures(indicators):
            yield scope, name, channel, path, value


def figures(node: object, path: str = "") -> Iterator[tuple[str, object]]:
    """The leaves of a JSON document with their paths: `volume.applications`, `satisfaction.ratings.0`."""
    if isinstance(node, Mapping):
        for name, each in node.items():
            yield from figures(each, f"{path}.{name}" if path else str(name))
    elif isinstance(node, list | tuple):
        for index, each in enumerate(node):
            yield from figures(each, f"{path}.{index}")
    else:
        yield path, node

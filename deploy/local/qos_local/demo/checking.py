"""Compares what the metrics API says with what `qos fold` makes of the same events, figure by figure.

What only a running system knows is left out on both sides: how fresh its data is, and which of the breaches that it
announced were taken back.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

from qos_local.demo.api import ProcedureAnswer
from qos_local.offline.output import figures

Json = Any
_RETRACTED = "compliance.retracted"


@dataclass(frozen=True, slots=True)
class Difference:
    """`path` is the scope and the figure; None stands for a figure that one side does not give."""

    path: str
    of_services: object
    of_fold: object

    def __str__(self) -> str:
        return f"{self.path}: the services say {self.of_services}, the fold says {self.of_fold}"


# How many figures were compared, and those that differ.
Comparison: TypeAlias = tuple[int, list[Difference]]


def compare(path: str, of_services: Json, of_fold: Json) -> Comparison:
    """How many figures were compared, and those that differ."""
    services, fold = _comparable(of_services), _comparable(of_fold)
    differences = [
        Difference(f"{path}.{name}", services.get(name), fold.get(name))
        for name in dict.fromkeys([*services, *fold])
        if services.get(name) != fold.get(name)
    ]
    return len(services.keys() | fold.keys()), differences


def compare_procedure(procedure_id: str, answer: ProcedureAnswer, of_fold: Json) -> Comparison:
    """All figures of a procedure, of every channel, and its levels with all that they rest on."""
    figures = {"indicators": answer.indicators, "channels": answer.channels}
    levels = (_without_freshness(answer.assessment), _without_freshness(of_fold["assessment"]))
    return _added(compare_scope(procedure_id, figures, of_fold["report"]), compare(f"{procedure_id}.levels", *levels))


def compare_scope(name: str, answer: Mapping[str, Json], report: Json) -> Comparison:
    """All figures of a scope, of all channels together and of every channel."""
    return _added(
        compare(name, answer["indicators"], report["total"]),
        compare(f"{name}.channels", answer["channels"], report["channels"]),
    )


def _added(*parts: Comparison) -> Comparison:
    return sum(count for count, _ in parts), [each for _, differences in parts for each in differences]


def _comparable(document: Json) -> dict[str, object]:
    return {path: value for path, value in figures(document) if not path.endswith(_RETRACTED)}


def _without_freshness(assessment: Mapping[str, Json]) -> dict[str, Json]:
    lineage = {name: value for name, value in assessment["lineage"].items() if name != "freshness"}
    return {**assessment, "lineage": lineage}

"""A criterion, judged: met, not met, unknown or not applicable, with the figure that says so (docs/levels.md)."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, TypeAlias, assert_never

from qos_domain.cells import Tally
from qos_domain.criteria import (
    Comparison,
    Criteria,
    DeclaredCriterion,
    EvidenceCriterion,
    ExistenceCriterion,
    Level,
    MeasuredCriterion,
    TrendCriterion,
    month_name,
    trailing_name,
)
from qos_domain.evidence import EXISTENCES, MEASUREMENTS, TRENDS, Evidence, Kind
from qos_domain.periods import Span, Window
from qos_domain.procedures import Procedure

Basis: TypeAlias = Literal["declared", "measured", "existence", "trend"]
Status: TypeAlias = Literal["met", "not_met", "unknown", "not_applicable"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Figure:
    """`value` is numerator / denominator for a share, a mean and a median ratio (median time over standard period);
    the number of hits among `denominator` cases for a count; the mean of the window (numerator) less that of the
    earlier month (denominator) for a difference of means. `cases` are those behind it, in `window`. Numbers are None
    only where they are withheld from the public."""

    kind: Kind
    value: float | None
    numerator: float | None
    denominator: float | None
    cases: int
    window: Window


@dataclass(frozen=True, slots=True, kw_only=True)
class CriterionResult:
    """`comparison` and `threshold` are None where nothing is measured against a number; `figure` where there are too
    few cases. `gap` says how far a figure that fails is from the threshold, in the figure's own unit; `cases_missing`
    how many cases more would make an unknown criterion known."""

    criterion: str
    level: Level
    basis: Basis
    status: Status
    comparison: Comparison | None = None
    threshold: float | None = None
    figure: Figure | None = None
    gap: float | None = None
    cases_missing: int | None = None


class Tallies:
    """The evidence of a procedure, each of its spans made ready to be asked when it is first asked for."""

    __slots__ = ("_evidence", "_spans", "_tallies")

    def __init__(self, evidence: Evidence, spans: Mapping[str, Span]) -> None:
        self._evidence = evidence
        self._spans = spans
        self._tallies: dict[str, Tally] = {}

    def __getitem__(self, name: str) -> Tally:
        tally = self._tallies.get(name)
        if tally is None:
            tally = self._tallies[name] = Tally(self._evidence.get(name, {}))
        return tally

    def window(self, name: str) -> Window:
        span = self._spans[name]
        return Window(name, span.start, span.end)

    def any_payment(self) -> bool:
        return any(self[name].count("payments") > 0 for name in self._evidence)


def judge_declared(criterion: DeclaredCriterion, answer: bool | None) -> CriterionResult:
    """A declared criterion is met when the registry says yes, not met when it says no, else unknown."""
    status: Status = "unknown" if answer is None else "met" if answer else "not_met"
    return CriterionResult(criterion=criterion.id, level=criterion.level, basis="declared", status=status)


def judge_evidence(
    criteria: Criteria, criterion: EvidenceCriterion, procedure: Procedure, tallies: Tallies
) -> CriterionResult:
    least_cases = criteria.least_cases_of(criterion)
    match criterion:
        case MeasuredCriterion():
            return _measured(criterion, criteria.windows_of(criterion), least_cases, procedure, tallies)
        case ExistenceCriterion():
            return _existence(criterion, least_cases, tallies)
        case TrendCriterion():
            return _trend(criterion, least_cases, procedure, tallies)
        case _:
            assert_never(criterion)


def _measured(
    criterion: MeasuredCriterion, windows: tuple[int, ...], least_cases: int, procedure: Procedure, tallies: Tallies
) -> CriterionResult:
    """By the shortest window with enough cases."""
    measurement = MEASUREMENTS[criterion.indicator]
    cases_missing: int | None = None
    for days in windows:
        name = trailing_name(days)
        ratio = measurement.read(tallies[name], procedure)
        if ratio is None:
            break
        cases_missing = least_cases - ratio.cases
        if cases_missing > 0 or not ratio.denominator:
            continue
        value = ratio.numerator / ratio.denominator
        at_least = criterion.comparison == "at_least"
        met = value >= criterion.threshold if at_least else value <= criterion.threshold
        return CriterionResult(
            criterion=criterion.id,
            level=criterion.level,
            basis="measured",
            status="met" if met else "not_met",
            comparison=criterion.comparison,
            threshold=criterion.threshold,
            figure=Figure(
                kind=measurement.kind,
                value=value,
                numerator=ratio.numerator,
                denominator=ratio.denominator,
                cases=ratio.cases,
                window=tallies.window(name),
            ),
            gap=None if met else abs(criterion.threshold - value),
        )
    return CriterionResult(
        criterion=criterion.id,
        level=criterion.level,
        basis="measured",
        status="unknown",
        comparison=criterion.comparison,
        threshold=criterion.threshold,
        cases_missing=cases_missing,
    )


def _existence(criterion: ExistenceCriterion, least_cases: int, tallies: Tallies) -> CriterionResult:
    """One hit is enough. None is not met only among enough cases, else it is unknown."""
    existence, name = EXISTENCES[criterion.indicator], trailing_name(criterion.days)
    tally = tallies[name]
    hits, cases = existence.hits(tally), existence.cases(tally)
    status: Status = "met" if hits > 0 else "not_met" if cases >= least_cases else "unknown"
    figure = Figure(
        kind="count", value=hits, numerator=hits, denominator=cases, cases=cases, window=tallies.window(name)
    )
    return CriterionResult(
        criterion=criterion.id,
        level=criterion.level,
        basis="existence",
        status=status,
        comparison="at_least",
        threshold=1,
        figure=None if status == "unknown" else figure,
        gap=1 if status == "not_met" else None,
        cases_missing=least_cases - cases if status == "unknown" else None,
    )


def _trend(criterion: TrendCriterion, least_cases: int, procedure: Procedure, tallies: Tallies) -> CriterionResult:
    """The mean of the last complete month is not below that of the earlier one, both with enough cases."""
    measurement, name = TRENDS[criterion.indicator], month_name(0)
    last = measurement.read(tallies[name], procedure)
    before = measurement.read(tallies[month_name(criterion.months)], procedure)
    cases = 0 if last is None or before is None else min(last.cases, before.cases)
    if last is None or before is None or cases < least_cases:
        return CriterionResult(
            criterion=criterion.id,
            level=criterion.level,
            basis="trend",
            status="unknown",
            comparison="at_least",
            threshold=0,
            # Past months stay as they are: the next one can make it known, not the next case.
        )
    last_mean, mean_before = last.numerator / last.denominator, before.numerator / before.denominator
    met = last_mean >= mean_before
    return CriterionResult(
        criterion=criterion.id,
        level=criterion.level,
        basis="trend",
        status="met" if met else "not_met",
        comparison="at_least",
        threshold=0,
        figure=Figure(
            kind="difference_of_means",
            value=last_mean - mean_before,
            numerator=last_mean,
            denominator=mean_before,
            cases=cases,
            window=tallies.window(name),
        ),
        gap=None if met else mean_before - last_mean,
    )

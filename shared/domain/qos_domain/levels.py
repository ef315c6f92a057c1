"""The level of each principle, twice: as declared, and as declared and measured (docs/levels.md).

Three-valued throughout: what isn't known is unknown, so a level is given as what is sure and what is possible.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import date
from typing import TypeAlias

from qos_domain.criteria import LEVELS, PRINCIPLES, Criteria, Criterion, DeclaredCriterion, Level, Principle
from qos_domain.declarations import DECLARATIONS, fee_due
from qos_domain.evidence import NO_EVIDENCE, Evidence
from qos_domain.findings import CriterionResult, Tallies, judge_declared, judge_evidence
from qos_domain.periods import Span
from qos_domain.procedures import Procedure


@dataclass(frozen=True, slots=True)
class LevelReading:
    """`level` is sure; `possible_level` takes unknown criteria as met, so it is never below."""

    level: int
    possible_level: int


@dataclass(frozen=True, slots=True, kw_only=True)
class NextLevel:
    """The level after the sure one, and the criteria of it that are not met or not known."""

    level: Level
    lacking: tuple[CriterionResult, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class PrincipleAssessment:
    """Both readings of a principle. `declared` rests on declared criteria alone, and a level that has none can't be
    declared; `evidenced` rests on all criteria.

    `criteria` are all of the principle, by level. `contradictions` are measurements that a declared level, or one
    below it, fails. `next_level` is None at level 3.
    """

    declared: LevelReading
    evidenced: LevelReading
    criteria: tuple[CriterionResult, ...]
    contradictions: tuple[CriterionResult, ...]
    next_level: NextLevel | None


Readings: TypeAlias = Mapping[Principle, PrincipleAssessment]
_Said: TypeAlias = tuple[bool | None, ...]


class Assessor:
    """Reads the levels of procedures by one set of criteria.

    Most procedures have no evidence, and what they declare repeats. What comes of it is kept, so that such a procedure
    costs microseconds.
    """

    def __init__(self, criteria: Criteria) -> None:
        self.criteria = criteria
        self._by_principle = {principle: tuple(criteria.of(principle)) for principle in PRINCIPLES}
        self._attributes = tuple(sorted({c.attribute for c in criteria.criteria if isinstance(c, DeclaredCriterion)}))
        self._unmeasured: dict[_Said, Readings] = {}
        self._spans: tuple[date, Mapping[str, Span]] = (date.min, {})

    def readings(self, procedure: Procedure, evidence: Evidence, as_of: date) -> Readings:
        """Both readings of the three principles. `evidence` was summed over `criteria.spans(as_of)`."""
        said: _Said = (
            fee_due(procedure),
            procedure.standard_period is not None,
            *[DECLARATIONS[attribute](procedure) for attribute in self._attributes],
        )
        if any(evidence.values()):
            return self._read(procedure, said, Tallies(evidence, self._spans_of(as_of)))
        readings = self._unmeasured.get(said)
        if readings is None:
            # Nothing is measured, so no date and nothing else of the procedure has a part in it.
            readings = self._read(procedure, said, Tallies(NO_EVIDENCE, self._spans_of(as_of)))
            self._unmeasured[said] = readings
        return readings

    def _spans_of(self, as_of: date) -> Mapping[str, Span]:
        if self._spans[0] != as_of:
            self._spans = (as_of, self.criteria.spans(as_of))
        return self._spans[1]

    def _read(self, procedure: Procedure, said: _Said, tallies: Tallies) -> Readings:
        due, answers = said[0], dict(zip(self._attributes, said[2:], strict=True))
        if due is None and tallies.any_payment():
            due = True  # who pays owes
        readings: dict[Principle, PrincipleAssessment] = {}
        for principle, criteria in self._by_principle.items():
            results = []
            for criterion in criteria:
                if isinstance(criterion, DeclaredCriterion):
                    result = judge_declared(criterion, answers[criterion.attribute])
                else:
                    result = judge_evidence(self.criteria, criterion, procedure, tallies)
                results.append(_where_it_applies(criterion, result, due))
            readings[principle] = _principle(tuple(results))
        return readings


def _where_it_applies(criterion: Criterion, result: CriterionResult, due: bool | None) -> CriterionResult:
    """A criterion for procedures with a fee isn't applicable without one; while nobody says whether there is one,
    failing it isn't known to matter."""
    if criterion.applies == "always" or due is True:
        return result
    if due is False:
        return CriterionResult(
            criterion=result.criterion, level=result.level, basis=result.basis, status="not_applicable"
        )
    return replace(result, status="unknown", gap=None) if result.status == "not_met" else result


def _principle(results: tuple[CriterionResult, ...]) -> PrincipleAssessment:
    declared = read_level(result for result in results if result.basis == "declared")
    evidenced = read_level(results)
    return PrincipleAssessment(
        declared=declared,
        evidenced=evidenced,
        criteria=results,
        contradictions=tuple(
            result
            for result in results
            if result.status == "not_met" and result.basis != "declared" and result.level <= declared.level
        ),
        next_level=_next_level(evidenced.level, results),
    )


def read_level(results: Iterable[CriterionResult]) -> LevelReading:
    """The highest level all criteria of which, and of the levels below, hold; not applicable holds. A level without
    criteria isn't reached."""
    of_level: dict[int, list[CriterionResult]] = {}
    for result in results:
        of_level.setdefault(result.level, []).append(result)
    level = possible_level = 0
    for candidate in LEVELS:
        statuses = {result.status for result in of_level.get(candidate, [])}
        if not statuses or "not_met" in statuses:
            break
        possible_level = candidate
        if "unknown" not in statuses and level == candidate - 1:
            level = candidate
    return LevelReading(level, possible_level)


def _next_level(level: int, results: tuple[CriterionResult, ...]) -> NextLevel | None:
    for candidate in LEVELS:
        if candidate > level:
            lacking = (r for r in results if r.level == candidate and r.status in {"not_met", "unknown"})
            return NextLevel(level=candidate, lacking=tuple(lacking))
    return None

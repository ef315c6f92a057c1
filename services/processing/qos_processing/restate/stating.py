"""The statements that lead from what was published to what the present data says."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from qos_domain.attribution import FOLDED_CAUSES, FoldedCause, Shifts, buckets_without, evidence_without
from qos_domain.cells import Buckets
from qos_domain.contributions import LOGIC_VERSION
from qos_domain.criteria import Criteria
from qos_domain.levels import Assessor
from qos_domain.periods import Month
from qos_domain.publication import (
    ProcedureInputs,
    Statement,
    procedure_statement,
    scope_statement,
    with_settled_of,
)
from qos_domain.publication_events import PublicationIssued
from qos_domain.registry import History, Version
from qos_domain.restatement import Cause, Step, steps
from qos_domain.rows import Row


@dataclass(frozen=True, slots=True, kw_only=True)
class ProcedureThenAndNow:
    """All that the steps of a procedure are made of: what was said, the present inputs, those by the criteria of then
    (whose evidence has other spans), what each cause shifted, and the versions of then."""

    published: PublicationIssued
    inputs: ProcedureInputs
    inputs_by_criteria_then: ProcedureInputs
    shifts: Shifts
    history_then: History


class Stating:
    """Makes chains of statements for one publication, by the criteria of then and of now."""

    def __init__(self, month: Month, *, criteria_then: Criteria, criteria: Criteria) -> None:
        self._month = month
        self._as_of = month.span.end
        self._criteria_then = criteria_then
        self._assessor_then = Assessor(criteria_then)
        self._assessor = Assessor(criteria)

    def procedure(self, of: ProcedureThenAndNow) -> tuple[Step, ...]:
        """The steps of a procedure."""
        then = replace(of.inputs_by_criteria_then, version=of.history_then.at(self._as_of))
        chain: list[tuple[Cause, Statement]] = []
        of_last: tuple[Version | None, Mapping[Row, int]] | None = None
        # `late_events` and all before it rest on the registry of then, `registry` and `calendar` on the present one.
        for cause, shifted in _undone(of.shifts):
            inputs = then if cause in {None, "late_events"} else of.inputs_by_criteria_then
            statement = chain[-1][1] if chain else None
            if statement is None or of_last != (inputs.version, shifted):
                statement = self._by_criteria_then(inputs, shifted)
            of_last = (inputs.version, shifted)
            chain.append((_rest(of.published) if cause is None else cause, statement))
        if self._assessor.criteria != self._criteria_then:
            chain.append(("criteria", procedure_statement(of.inputs, assessor=self._assessor, month=self._month)))
        said = of.published.statement
        return steps(said, [(cause, with_settled_of(statement, said)) for cause, statement in chain])

    def _by_criteria_then(self, inputs: ProcedureInputs, shifted: Mapping[Row, int]) -> Statement:
        inputs = replace(
            inputs,
            buckets=buckets_without(inputs.buckets, shifted, self._month),
            evidence=evidence_without(inputs.evidence, shifted, self._criteria_then, self._as_of),
        )
        return procedure_statement(inputs, assessor=self._assessor_then, month=self._month)

    def scope(self, published: PublicationIssued, buckets: Buckets, shifts: Shifts) -> tuple[Step, ...]:
        """The steps of an organisation or of everything."""
        chain: list[tuple[Cause, Statement]] = [
            (
                _rest(published) if cause is None else cause,
                scope_statement(buckets_without(buckets, shifted, self._month)),
            )
            for cause, shifted in _undone(shifts)
        ]
        return steps(published.statement, chain)


def _undone(shifts: Shifts) -> Sequence[tuple[FoldedCause | None, Mapping[Row, int]]]:
    """For none of the causes, then for each with those before it: what the causes after it shifted."""
    undone: list[tuple[FoldedCause | None, Mapping[Row, int]]] = []
    later: Counter[Row] = Counter()
    for cause in reversed(FOLDED_CAUSES):
        undone.append((cause, dict(later)))
        for row, count in shifts.by_cause[cause].items():
            later[row] += count
    undone.append((None, dict(later)))
    return undone[::-1]


def _rest(published: PublicationIssued) -> Cause:
    """What none of the causes explains that can be folded away: other logic, if it is another one."""
    return "logic" if published.lineage.logic_version != LOGIC_VERSION else "unexplained"

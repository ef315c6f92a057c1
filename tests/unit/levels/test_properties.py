"""What holds of levels whatever is declared and measured."""

from dataclasses import replace
from typing import Any

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from qos_domain.assessment import Assessment
from qos_domain.criteria import LEVELS
from qos_domain.disclosure import DisclosureRules, public_assessment
from qos_domain.evidence import NO_EVIDENCE, Evidence
from qos_domain.findings import CriterionResult
from qos_domain.levels import Assessor, read_level
from qos_domain.procedures import DeclaredAttributes, Fee, Period, Procedure
from support.evidence import CRITERIA, a_procedure, assessed
from support.sums import AS_OF, sums_strategy

said = st.sampled_from([None, True, False])
periods = st.none() | st.builds(
    Period, unit=st.sampled_from(["business_days", "weeks", "months", "hours"]), maximum=st.integers(0, 60)
)


@st.composite
def procedures(draw: st.DrawFn) -> Procedure:
    names = [name for name in DeclaredAttributes.__struct_fields__ if name != "batch_group"]
    attributes: dict[str, Any] = {name: draw(said) for name in names}
    due = draw(said)
    return a_procedure(
        standard_period=draw(periods),
        online_standard_period=draw(periods),
        fee=None if due is None else Fee(due=due),
        attributes=DeclaredAttributes(**attributes, batch_group=draw(st.sampled_from([None, "moving"]))),
    )


evidence_strategy: st.SearchStrategy[Evidence] = st.fixed_dictionaries(
    {span: sums_strategy(12) for span in CRITERIA.spans(AS_OF)}
)
statuses = st.sampled_from(["met", "not_met", "unknown", "not_applicable"])
results_strategy = st.lists(
    st.builds(
        CriterionResult,
        criterion=st.just("c"),
        level=st.sampled_from(LEVELS),
        basis=st.just("measured"),
        status=statuses,
    ),
    max_size=9,
)


@given(procedures(), evidence_strategy)
def test_the_possible_level_is_never_below_the_sure_one(procedure: Procedure, evidence: Evidence) -> None:
    for principle in assessed(procedure, evidence).principles.values():
        for reading in (principle.declared, principle.evidenced):
            assert 0 <= reading.level <= reading.possible_level <= 3
        statuses_of = {(result.level, result.status) for result in principle.criteria}
        if not any(status == "unknown" for _, status in statuses_of):
            assert principle.evidenced.level == principle.evidenced.possible_level


@given(results_strategy, st.data())
def test_unknown_never_raises_the_sure_level_and_never_lowers_the_possible_one(
    results: list[CriterionResult], data: st.DataObject
) -> None:
    before = read_level(results)
    forgotten = [replace(result, status="unknown") if data.draw(st.booleans()) else result for result in results]
    after = read_level(forgotten)
    assert after.level <= before.level
    assert after.possible_level >= before.possible_level


@given(results_strategy, st.data())
def test_the_level_is_monotone_in_what_is_met(results: list[CriterionResult], data: st.DataObject) -> None:
    better = [replace(result, status="met") if data.draw(st.booleans()) else result for result in results]
    before, after = read_level(results), read_level(better)
    assert after.level >= before.level
    assert after.possible_level >= before.possible_level


@given(procedures(), evidence_strategy)
def test_what_becomes_known_lies_between_sure_and_possible(procedure: Procedure, evidence: Evidence) -> None:
    """Evidence can only make a procedure's reading more precise, within what was possible without it."""
    without = assessed(procedure, NO_EVIDENCE).principles
    for principle, found in assessed(procedure, evidence).principles.items():
        assert without[principle].evidenced.level <= found.evidenced.level
        assert found.evidenced.possible_level <= without[principle].evidenced.possible_level
        assert found.declared.level >= without[principle].declared.level


@given(procedures(), evidence_strategy)
def test_contradictions_and_distances_name_what_fails(procedure: Procedure, evidence: Evidence) -> None:
    for principle in assessed(procedure, evidence).principles.values():
        for contradiction in principle.contradictions:
            assert contradiction.status == "not_met"
            assert contradiction.level <= principle.declared.level
            assert contradiction.figure is not None
            assert contradiction.gap is not None
            assert contradiction.gap > 0
        assert bool(principle.contradictions) <= (principle.evidenced.level < principle.declared.level)
        if principle.next_level is None:
            assert principle.evidenced.level == 3
        else:
            assert principle.next_level.level == principle.evidenced.level + 1
            assert principle.next_level.lacking


@given(procedures(), evidence_strategy)
def test_an_assessor_with_a_memory_says_what_one_without_says(procedure: Procedure, evidence: Evidence) -> None:
    for given_evidence in (NO_EVIDENCE, evidence):
        found = assessed(procedure, given_evidence).principles
        assert found == Assessor(CRITERIA).readings(procedure, given_evidence, AS_OF)


@given(procedures(), evidence_strategy)
def test_an_assessment_survives_json(procedure: Procedure, evidence: Evidence) -> None:
    found = assessed(procedure, evidence)
    assert msgspec.json.decode(msgspec.json.encode(found), type=Assessment) == found


@given(procedures(), evidence_strategy)
def test_the_public_sees_levels_and_statuses_and_no_small_count(procedure: Procedure, evidence: Evidence) -> None:
    rules = DisclosureRules()
    exact = assessed(procedure, evidence)
    for principle, shown in public_assessment(exact, rules).principles.items():
        assert shown.evidenced == exact.principles[principle].evidenced
        assert len(shown.contradictions) == len(exact.principles[principle].contradictions)
        for result, of_it in zip(shown.criteria, exact.principles[principle].criteria, strict=True):
            assert result.status == of_it.status
            assert result.cases_missing is None
            if result.figure is not None and of_it.figure is not None:
                assert result.figure.cases % 5 == 0
                if of_it.figure.cases < rules.least_cases:
                    assert (result.figure.value, result.figure.numerator, result.gap) == (None, None, None)
                if of_it.figure.kind == "share" and result.figure.numerator is not None:
                    assert result.figure.numerator % 5 == 0

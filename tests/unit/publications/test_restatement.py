"""Differences between two statements, and the causes that lead from the one to the other."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from qos_domain.measures import Sums
from qos_domain.periods import Month
from qos_domain.publication import ProcedureInputs, Statement, procedure_statement, public_statement, scope_statement
from qos_domain.restatement import CAUSES, Cause, changes, restated, steps, values
from support.evidence import ASSESSOR, a_perfect_procedure, throughout, version
from support.sums import buckets, online, sums_strategy

JUNE = Month(2025, 6)


def of_sums(sums: Sums) -> Statement:
    return procedure_statement(
        ProcedureInputs(version=version(a_perfect_procedure()), buckets=buckets(sums), evidence=throughout(sums)),
        assessor=ASSESSOR,
        month=JUNE,
    )


def by_field(before: Statement, after: Statement) -> dict[str, tuple[object, object, int | None]]:
    return {each.field: (each.before, each.after, each.difference) for each in changes(before, after)}


def test_a_late_result_changes_what_it_counts_in_and_nothing_else() -> None:
    found = by_field(
        scope_statement(buckets(online(met=9, breached=1))), scope_statement(buckets(online(met=10, breached=1)))
    )
    assert found == {
        "indicators.compliance.within_period.numerator": (9, 10, 1),
        "indicators.compliance.within_period.denominator": (10, 11, 1),
        "indicators.compliance.stopped_within_period.numerator": (9, 10, 1),
        "indicators.compliance.stopped_within_period.denominator": (9, 10, 1),
    }


def test_times_are_compared_by_count_and_total() -> None:
    before, after = online(calendar_days={4: 3}), online(calendar_days={4: 3, 9: 1})
    found = by_field(scope_statement(buckets(before)), scope_statement(buckets(after)))
    name = "indicators.processing_time.calendar_days"
    assert found[f"{name}.n"] == (3, 4, 1)
    assert found[f"{name}.total"] == (12, 21, 9)
    assert found[f"{name}.p90"] == (4, 9, 5)
    assert f"{name}.p50" not in found


def test_no_values_at_all_are_none_of_them() -> None:
    found = by_field(scope_statement(buckets({})), scope_statement(buckets(online(calendar_days={4: 1}))))
    assert found["indicators.processing_time.calendar_days.n"] == (0, 1, 1)
    assert found["indicators.processing_time.calendar_days.p50"] == (None, 4, None)


def test_levels_and_criteria_are_compared_too() -> None:
    found = by_field(of_sums(online(met=20)), of_sums(online(met=10, breached=10)))
    assert found["criteria.faster-2-compliance"] == ("met", "not_met", None)
    assert found["levels.faster.evidenced.level"] == (2, 1, -1)


def test_the_same_says_nothing() -> None:
    said = of_sums(online(met=20, rating={5: 3}))
    assert changes(said, said) == ()
    assert steps(said, [("late_events", said), ("criteria", said)]) == ()
    assert restated(said, ()) == said


def test_causes_have_one_order() -> None:
    one, other = of_sums(online(met=1)), of_sums(online(met=2))
    with pytest.raises(ValueError, match="order of causes"):
        steps(one, [("calendar", other), ("late_events", one)])


@given(st.lists(sums_strategy(), min_size=1, max_size=len(CAUSES) + 1))
def test_the_steps_sum_to_the_whole_difference_in_every_field(chain: list[Sums]) -> None:
    published, *then = map(of_sums, chain)
    causes: list[Cause] = list(CAUSES)
    taken = steps(published, zip(causes, then, strict=False))
    now = restated(published, taken)
    assert now == (then[-1] if then else published)
    whole = {each.field: each for each in changes(published, now)}
    at = dict(values(published))
    sums: dict[str, int] = {}
    before = published
    for step in taken:
        for change in changes(before, step.statement):
            assert at.get(change.field) == change.before
            at[change.field] = change.after
            if change.difference is not None:
                sums[change.field] = sums.get(change.field, 0) + change.difference
        before = step.statement
    assert {name: value for name, value in at.items() if value is not None} == {
        name: value for name, value in values(now).items() if value is not None
    }
    for name, change in whole.items():
        # A percentile that is absent in between has no numbers to add there.
        if change.difference is not None and not name.endswith((".p50", ".p90", ".p95", ".max")):
            assert sums[name] == change.difference


@given(sums_strategy(), sums_strategy())
def test_every_difference_is_exact_and_complete(one: Sums, other: Sums) -> None:
    before, after = of_sums(one), of_sums(other)
    assert bool(changes(before, after)) == (values(before) != values(after))
    for change in changes(before, after):
        if change.difference is not None:
            assert isinstance(change.before, int)
            assert change.after == change.before + change.difference


@given(sums_strategy(), sums_strategy())
def test_public_differences_are_those_of_rounded_figures(one: Sums, other: Sums) -> None:
    before, after = public_statement(of_sums(one)), public_statement(of_sums(other))
    for change in changes(before, after):
        if change.field.startswith("indicators.") and change.difference is not None:
            name = change.field.rsplit(".", 1)[1]
            assert name in {"total", "p50", "p90", "p95"} or change.difference % 5 == 0 or "yen" in change.field


def test_what_is_not_a_number_has_no_difference() -> None:
    said = of_sums(online(met=20))
    silent = replace(said, levels={}, criteria={})
    found = by_field(said, silent)
    assert found["levels.faster.declared.level"] == (2, None, None)

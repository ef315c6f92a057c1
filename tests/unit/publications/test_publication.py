"""What a monthly publication says, and which months can be published."""

from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from qos_domain.assessment import Assessment, Settled, settle, settled_on
from qos_domain.cells import Buckets, DatedCell
from qos_domain.disclosure import public_indicators
from qos_domain.evidence import NO_EVIDENCE
from qos_domain.periods import InvalidWindow, Month
from qos_domain.publication import (
    MonthRefused,
    ProcedureInputs,
    month_to_publish,
    procedure_statement,
    public_statement,
    scope_statement,
)
from support.evidence import ASSESSOR, a_perfect_procedure, a_procedure, assessed, throughout, version
from support.sums import AS_OF, buckets, dated_strategy, online

JUNE = Month(2025, 6)
NOTHING = buckets({})


@pytest.mark.parametrize(
    ("asked", "today", "published"),
    [
        (None, date(2025, 7, 1), "2025-06"),
        (None, date(2025, 7, 31), "2025-06"),
        ("2025-05", date(2025, 7, 1), "2025-05"),
        ("2025-04", date(2025, 7, 1), "2025-04"),
        (None, date(2026, 1, 1), "2025-12"),
    ],
)
def test_the_last_complete_month_is_published_unless_another_is_asked_for(
    asked: str | None, today: date, published: str
) -> None:
    month = None if asked is None else Month.named(asked)
    assert month_to_publish(month, today=today, first_day=date(2025, 4, 20)).name == published


@pytest.mark.parametrize(
    ("asked", "first_day", "rule"),
    [
        ("2025-06", date(2025, 4, 20), "isn't over; the last complete one is 2025-05"),  # 30 June itself isn't over
        ("2025-07", date(2025, 4, 20), "isn't over"),
        ("2025-03", date(2025, 4, 20), "data begins on 2025-04-20: publish 2025-04 or a later month"),
        ("2025-05", None, "no data yet"),
    ],
)
def test_a_month_that_is_not_over_or_before_all_data_is_refused(asked: str, first_day: date | None, rule: str) -> None:
    with pytest.raises(MonthRefused) as refused:
        month_to_publish(Month.named(asked), today=date(2025, 6, 30), first_day=first_day)
    assert refused.value.period == asked
    assert rule in refused.value.rule


@pytest.mark.parametrize("name", ["", "2025", "2025-13", "2025-6", "0000-01", "june", "2025-06-01", "２０２５-06"])
def test_a_month_has_one_way_to_be_written(name: str) -> None:
    with pytest.raises(InvalidWindow):
        Month.named(name)


def test_the_name_of_a_month_is_read_back() -> None:
    assert Month.named("2025-06") == JUNE
    assert JUNE.name == "2025-06"
    assert JUNE.window.span == JUNE.span


def test_levels_are_those_of_the_last_day_beside_the_settled_ones() -> None:
    procedure = a_perfect_procedure()
    settled, _ = settle(None, assessed(a_procedure(), NO_EVIDENCE))
    inputs = ProcedureInputs(version=version(procedure), buckets=NOTHING, evidence=NO_EVIDENCE, settled=settled)
    faster = procedure_statement(inputs, assessor=ASSESSOR, month=JUNE).levels["faster"]
    assert (faster.declared.level, faster.declared.settled) == (2, 0)
    assert (faster.evidenced.level, faster.evidenced.possible_level, faster.evidenced.settled) == (1, 3, 0)


def test_criteria_are_told_with_their_status() -> None:
    evidence = throughout(online(met=1, breached=19))
    inputs = ProcedureInputs(version=version(a_perfect_procedure()), buckets=NOTHING, evidence=evidence)
    statement = procedure_statement(inputs, assessor=ASSESSOR, month=JUNE)
    assert statement.criteria["faster-2-compliance"] == "not_met"
    assert statement.criteria["easier-2-satisfaction"] == "unknown"
    assert len(statement.criteria) == len(ASSESSOR.criteria.criteria)


def test_a_procedure_without_a_version_has_figures_and_no_levels() -> None:
    statement = procedure_statement(
        ProcedureInputs(version=None, buckets=buckets(online(arrived=3)), evidence=NO_EVIDENCE),
        assessor=ASSESSOR,
        month=JUNE,
    )
    assert statement.indicators.volume.applications == 3
    assert statement.levels == {}
    assert statement.criteria == {}
    assert statement.indicators.error_budget is None


@given(dated_strategy(), dated_strategy())
def test_of_two_procedures_together_counts_are_added(one: list[DatedCell], other: list[DatedCell]) -> None:
    def said(rows: list[DatedCell]) -> tuple[int, ...]:
        found = scope_statement(Buckets.gather(rows, JUNE.window, AS_OF)).indicators
        return (
            found.volume.applications,
            found.compliance.within_period.numerator,
            found.compliance.within_period.denominator,
            found.online.applications.numerator,
            found.cashless.payments.numerator,
            found.satisfaction.rating.total,
            found.standing.open,
        )

    assert said(one + other) == tuple(map(sum, zip(said(one), said(other), strict=True)))


@given(dated_strategy())
def test_the_public_sees_the_same_with_rounded_figures(rows: list[DatedCell]) -> None:
    statement = scope_statement(Buckets.gather(rows, JUNE.window, AS_OF))
    shown = public_statement(statement)
    assert shown.indicators == public_indicators(statement.indicators)
    assert (shown.levels, shown.criteria) == (statement.levels, statement.criteria)


def days(first: date, levels: str) -> list[Assessment]:
    """Daily assessments, of which one that says the same as the day before isn't kept."""
    procedures = {"0": a_procedure(), "2": a_perfect_procedure()}
    found = []
    for number, (before, level) in enumerate(zip(" " + levels, levels, strict=False)):
        if level != before:
            day = date.fromordinal(first.toordinal() + number)
            found.append(assessed(procedures[level], NO_EVIDENCE, day))
    return found


@given(st.text("02", min_size=1, max_size=40), st.integers(0, 45))
def test_settled_levels_of_a_day_are_those_that_day_by_day_assessments_settled(levels: str, offset: int) -> None:
    first = date(2025, 5, 20)
    day = date.fromordinal(first.toordinal() + offset)
    by_day: Settled | None = None
    procedures = {"0": a_procedure(), "2": a_perfect_procedure()}
    for number in range(offset + 1):
        level = levels[min(number, len(levels) - 1)]
        today = date.fromordinal(first.toordinal() + number)
        by_day, _ = settle(by_day, assessed(procedures[level], NO_EVIDENCE, today))
    found = settled_on(days(first, levels), day)
    assert found is not None
    assert by_day is not None
    assert found.as_of == by_day.as_of == day
    assert {p: {r: s.level for r, s in readings.items()} for p, readings in found.levels.items()} == {
        p: {r: s.level for r, s in readings.items()} for p, readings in by_day.levels.items()
    }


def test_before_the_first_assessment_nothing_is_settled() -> None:
    assert settled_on(days(date(2025, 5, 20), "0"), date(2025, 5, 19)) is None
    assert settled_on([], AS_OF) is None

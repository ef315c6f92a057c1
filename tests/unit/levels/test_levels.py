"""The levels of a water supply contract, by what is declared and by what is measured."""

import pytest

from qos_domain.criteria import PRINCIPLES
from qos_domain.evidence import NO_EVIDENCE
from qos_domain.measures import add
from qos_domain.periods import window
from qos_domain.procedures import DeclaredAttributes, Fee, Period
from support.evidence import (
    ASSESSOR,
    EVERYTHING_DECLARED,
    FIVE_BUSINESS_DAYS,
    TEN_BUSINESS_DAYS,
    a_perfect_procedure,
    a_procedure,
    assessed,
    levels,
    result,
    throughout,
)
from support.sums import AS_OF, counter, online

EVERYTHING_GOOD = online(
    arrived=40,
    met=38,
    breached=2,
    calendar_days={4: 40},
    elapsed_business_days={3: 40},
    attachments_stated={0: 40},
    payments={1: 30, 0: 10},
    batched=3,
    device={1: 20, 0: 20},
    rating={5: 12, 4: 8},
    started=50,
    started_submitted=40,
    started_abandoned=10,
)


def test_everything_declared_and_everything_measured_is_level_three() -> None:
    found = assessed(a_perfect_procedure(), throughout(EVERYTHING_GOOD))
    assert levels(found, "faster") == ((2, 2), (3, 3))
    assert levels(found, "simpler") == ((3, 3), (3, 3))
    assert levels(found, "easier") == ((2, 2), (3, 3))
    assert not found.contradicted
    assert {principle.next_level for principle in found.principles.values()} == {None}


def test_nothing_said_and_nothing_measured_is_level_zero_and_possibly_three() -> None:
    found = assessed(a_procedure(), NO_EVIDENCE)
    for principle in PRINCIPLES:
        assert levels(found, principle)[1] == (0, 3)
    statuses = {result.status for principle in found.principles.values() for result in principle.criteria}
    assert statuses == {"unknown"}
    assert found.digital is None


def test_declared_and_not_measured_is_possible_and_not_sure() -> None:
    found = assessed(a_perfect_procedure(), NO_EVIDENCE)
    assert levels(found, "faster") == ((2, 2), (1, 3))
    assert levels(found, "simpler") == ((3, 3), (0, 3))
    assert levels(found, "easier") == ((2, 2), (0, 3))
    assert not found.contradicted


def test_a_level_without_declared_criteria_cannot_be_declared() -> None:
    """Faster 3 and Easier 3 are matters of measurement alone."""
    assert levels(assessed(a_perfect_procedure(), NO_EVIDENCE), "faster")[0] == (2, 2)
    assert levels(assessed(a_perfect_procedure(), NO_EVIDENCE), "easier")[0] == (2, 2)


def test_what_is_declared_not_to_be_so_bars_the_level() -> None:
    no_phone = DeclaredAttributes(smartphone_ready=False, feedback_enabled=True)
    found = assessed(a_procedure(attributes=no_phone), NO_EVIDENCE)
    assert levels(found, "easier") == ((0, 0), (0, 0))
    assert result(found, "easier-1-smartphone-ready").status == "not_met"


def test_evidence_contradicts_a_declaration() -> None:
    """The bureau declares level 2; of 60 online cases in four weeks, 21 were late."""
    late = throughout(online(met=39, breached=21))
    found = assessed(a_perfect_procedure(), late)
    assert levels(found, "faster") == ((2, 2), (1, 1))
    assert found.contradicted
    (contradiction,) = found.principles["faster"].contradictions
    assert contradiction.criterion == "faster-2-compliance"
    assert (contradiction.comparison, contradiction.threshold) == ("at_least", 0.9)
    assert contradiction.figure is not None
    assert (contradiction.figure.numerator, contradiction.figure.denominator) == (39, 60)
    assert contradiction.figure.value == 0.65
    assert contradiction.figure.window == window("28d", AS_OF)
    assert contradiction.gap == pytest.approx(0.25)


def test_what_nobody_declared_is_not_contradicted() -> None:
    found = assessed(a_procedure(standard_period=TEN_BUSINESS_DAYS), throughout(online(met=39, breached=21)))
    assert levels(found, "faster") == ((1, 2), (1, 1))
    assert not found.contradicted


def test_the_distance_to_the_next_level_names_criteria_and_amounts() -> None:
    procedure = a_perfect_procedure(
        attributes=DeclaredAttributes(smartphone_ready=True, feedback_enabled=True, form_assisted=True)
    )
    evidence = throughout(online(arrived=40, device={1: 1}, rating={3: 20}, started=4, started_submitted=4))
    following = assessed(procedure, evidence).principles["easier"].next_level
    assert following is not None
    assert following.level == 2
    lacking = {lack.criterion: (lack.status, lack.gap, lack.cases_missing) for lack in following.lacking}
    assert lacking == {
        "easier-2-feedback-acted-on": ("unknown", None, None),
        "easier-2-satisfaction": ("not_met", 0.5, None),
        "easier-2-abandonment": ("unknown", None, 6),
    }


def test_the_window_is_the_shortest_with_ten_cases() -> None:
    evidence = {
        "28d": online(met=9),
        "90d": online(met=9, breached=1),
        "365d": online(met=90, breached=60),
    }
    figure = result(assessed(a_perfect_procedure(), evidence), "faster-2-compliance").figure
    assert figure is not None
    assert (figure.window.name, figure.value, figure.cases) == ("90d", 0.9, 10)


def test_fewer_than_ten_cases_in_a_year_are_unknown() -> None:
    found = result(assessed(a_perfect_procedure(), throughout(online(met=4, breached=5))), "faster-2-compliance")
    assert (found.status, found.figure, found.cases_missing) == ("unknown", None, 1)


def test_only_online_cases_make_the_compliance() -> None:
    evidence = throughout(add([online(met=19, breached=1), counter(breached=80)]))
    found = result(assessed(a_perfect_procedure(), evidence), "faster-2-compliance")
    assert (found.status, found.figure and found.figure.denominator) == ("met", 20)


@pytest.mark.parametrize(
    ("criterion", "good", "bad"),
    [
        ("faster-2-compliance", online(met=18, breached=2), online(met=17, breached=3)),
        ("simpler-1-paper", online(attachments_stated={0: 19, 1: 1}), online(attachments_stated={0: 18, 1: 2})),
        ("simpler-2-cashless-share", online(payments={0: 5, 1: 5}), online(payments={0: 6, 1: 5})),
        ("easier-2-satisfaction", online(rating={3: 5, 4: 5}), online(rating={3: 6, 4: 5})),
        ("easier-2-abandonment", online(started=10, started_pending=2), online(started=10, started_abandoned=3)),
        ("easier-3-satisfaction", online(rating={4: 10}), online(rating={4: 10, 3: 1})),
    ],
)
def test_a_figure_on_its_threshold_meets_it(criterion: str, good: object, bad: object) -> None:
    for sums, expected in ((good, "met"), (bad, "not_met")):
        assert isinstance(sums, dict)
        assert result(assessed(a_perfect_procedure(), throughout(sums)), criterion).status == expected


def test_no_fee_no_cashless() -> None:
    """A procedure without a fee reaches Simpler 2 without cashless payment."""
    free = a_perfect_procedure(
        fee=Fee(due=False),
        attributes=DeclaredAttributes(attachments_as_data=True, attachments_minimal_by_linkage=True),
    )
    found = assessed(free, throughout(online(attachments_stated={0: 10})))
    assert result(found, "simpler-2-cashless-share").status == "not_applicable"
    assert result(found, "simpler-2-cashless-available").status == "not_applicable"
    assert levels(found, "simpler")[0][0] == 2
    assert levels(found, "simpler")[1][0] == 2


def test_while_nobody_says_whether_there_is_a_fee_no_cashless_is_unknown() -> None:
    said = a_procedure(attributes=DeclaredAttributes(cashless_available=False))
    assert result(assessed(said, NO_EVIDENCE), "simpler-2-cashless-available").status == "unknown"
    paid = throughout(online(payments={0: 10}))
    assert result(assessed(said, paid), "simpler-2-cashless-available").status == "not_met"
    assert result(assessed(said, paid), "simpler-2-cashless-share").status == "not_met"


def test_fee_methods_say_whether_cashless_is_available_where_nothing_else_does() -> None:
    by_card = a_procedure(fee=Fee(due=True, methods=("cash", "card")))
    in_cash = a_procedure(fee=Fee(due=True, methods=("cash", "revenue_stamp")))
    assert result(assessed(by_card, NO_EVIDENCE), "simpler-2-cashless-available").status == "met"
    assert result(assessed(in_cash, NO_EVIDENCE), "simpler-2-cashless-available").status == "not_met"


@pytest.mark.parametrize("criterion", ["easier-1-smartphone-application", "easier-1-feedback"])
def test_one_is_enough_and_none_among_many_is_not_met(criterion: str) -> None:
    one = throughout({}, d365=online(arrived=1, device={1: 1}, rating={1: 1}))
    few = throughout({}, d365=online(arrived=9, device={0: 9}))
    many = throughout({}, d365=online(arrived=10, device={0: 10}))
    statuses = [result(assessed(a_procedure(), evidence), criterion).status for evidence in (one, few, many)]
    assert statuses == ["met", "unknown", "not_met"]


def test_an_online_period_alone_is_a_standard_period_too() -> None:
    found = assessed(a_procedure(online_standard_period=FIVE_BUSINESS_DAYS), NO_EVIDENCE)
    assert result(found, "faster-1-standard-period").status == "met"
    assert result(found, "faster-3-online-median").status == "unknown"


@pytest.mark.parametrize(
    ("period", "cells", "status", "numerator", "denominator"),
    [
        # in the period's own counting
        (Period(unit="business_days", maximum=10), {"elapsed_business_days": {5: 10}}, "met", 5, 10),
        (Period(unit="business_days", maximum=10), {"elapsed_business_days": {6: 10}}, "not_met", 6, 10),
        (Period(unit="weeks", maximum=2), {"elapsed_calendar_days": {7: 10}}, "met", 7, 14),
        (Period(unit="months", maximum=2), {"elapsed_calendar_days": {31: 10}}, "not_met", 31, 60),
        (Period(unit="hours", maximum=48), {"elapsed_hours": {24: 10}}, "met", 24, 48),
        (Period(unit="business_days", minimum=5, maximum=10), {"elapsed_business_days": {5: 10}}, "met", 5, 10),
        # counted otherwise, or not all of them: in calendar days
        (Period(unit="business_days", maximum=10), {"elapsed_calendar_days": {5: 10}}, "met", 7, 14),
        (Period(unit="business_days", maximum=9), {"elapsed_hours": {5: 10}}, "not_met", 7, 12.6),
        (Period(unit="business_days", maximum=10), {"elapsed_business_days": {9: 9}}, "met", 7, 14),
        # done at once is half of nothing, too
        (Period(unit="calendar_days", maximum=0), {"elapsed_calendar_days": {0: 10}}, "met", 0, 1),
        (Period(unit="calendar_days", maximum=0), {"elapsed_calendar_days": {1: 10}}, "not_met", 1, 1),
    ],
)
def test_the_online_median_against_the_general_standard_period(
    period: Period, cells: dict[str, dict[int, int]], status: str, numerator: float, denominator: float
) -> None:
    evidence = throughout(online(calendar_days={7: 10}, **cells))
    found = result(assessed(a_perfect_procedure(standard_period=period), evidence), "faster-3-online-median")
    assert found.figure is not None
    assert (found.status, found.figure.numerator) == (status, numerator)
    assert found.figure.denominator == pytest.approx(denominator)


@pytest.mark.parametrize(
    ("last", "before", "status"),
    [
        ({4: 10}, {4: 10}, "met"),
        ({4: 11, 5: 1}, {4: 10}, "met"),
        ({4: 11, 3: 1}, {4: 10}, "not_met"),
        ({5: 9}, {4: 10}, "unknown"),
        ({5: 10}, {4: 9}, "unknown"),
    ],
)
def test_the_trend_compares_the_last_complete_month_with_that_of_three_months_before(
    last: dict[int, int], before: dict[int, int], status: str
) -> None:
    evidence = throughout({}, month=online(rating=last), month_3=online(rating=before))
    found = result(assessed(a_perfect_procedure(), evidence), "easier-3-trend")
    assert found.status == status
    if found.figure is not None:
        assert found.figure.window.start.isoformat() == "2025-06-01"


def test_assessing_again_gives_the_same() -> None:
    procedure = a_perfect_procedure(attributes=EVERYTHING_DECLARED)
    assert ASSESSOR.readings(procedure, NO_EVIDENCE, AS_OF) is ASSESSOR.readings(procedure, {"28d": {}}, AS_OF)
    evidence = throughout(EVERYTHING_GOOD)
    assert ASSESSOR.readings(procedure, evidence, AS_OF) == ASSESSOR.readings(procedure, evidence, AS_OF)

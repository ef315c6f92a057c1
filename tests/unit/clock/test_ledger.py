"""The ledger explains every day of a case by the rule or the event that says so."""

from datetime import date, timedelta

import pytest

from qos_domain.calendar import Calendar, CalendarRange
from qos_domain.ledger import ledger
from qos_domain.procedures import ClockRules
from support.clock_cases import case, period

TOKYO = Calendar.load()


def test_golden_week_with_a_correction_day_by_day() -> None:
    facts = case(
        "2025-05-02 23:50",
        suspended=(("s1", "2025-05-08", "correction"),),
        resumed=(("s1", "2025-05-12"),),
        notified=("2025-05-15",),
    )
    days = ledger(facts, ClockRules(), period("5 business_days"), TOKYO)
    assert [(day.date.day, day.reason, day.elapsed) for day in days] == [
        (2, "arrival_day", 0),
        (3, "holiday", 0),
        (4, "holiday", 0),
        (5, "holiday", 0),
        (6, "holiday", 0),
        (7, "counted", 1),
        (8, "counted", 2),
        (9, "suspended", 2),
        (10, "weekend", 2),
        (11, "weekend", 2),
        (12, "suspended", 2),
        (13, "counted", 3),
        (14, "counted", 4),
        (15, "counted", 5),
    ]
    assert days[1].detail == "憲法記念日 (Constitution Day)"
    assert days[7].detail == "s1 (correction)"
    assert days[6].events == ("suspended s1 (correction)",)
    assert days[13].events == ("result notified", "due date", "clock stops")


def test_an_open_case_is_explained_up_to_its_breach() -> None:
    days = ledger(case("2025-12-26"), ClockRules(), period("3 business_days"), TOKYO)
    assert days[-1].date == date(2026, 1, 8)
    assert days[-1].events == ("breach date",)
    assert [day.reason for day in days[3:9]] == [*["closed_day"] * 3, "holiday", "closed_day", "weekend"]


def test_or_up_to_any_date() -> None:
    days = ledger(case("2025-06-02"), ClockRules(), period("1 weeks"), TOKYO, date(2025, 6, 30))
    assert (len(days), days[-1].elapsed) == (29, 28)


def test_without_a_period_calendar_days_are_counted() -> None:
    days = ledger(case("2025-06-06", notified=("2025-06-09",)), ClockRules(), None, TOKYO)
    assert [day.counted for day in days] == [False, True, True, True]


def test_events_that_change_nothing_say_so() -> None:
    facts = case(
        "2025-06-02",
        suspended=(("s1", "2025-06-03", "forwarded"),),
        resumed=(("s2", "2025-06-04"),),
        extended=(("2025-06-05", "2025-06-10"), ("2025-06-11", "2025-06-20")),
        withdrawn="2025-06-12",
    )
    days = ledger(facts, ClockRules(), period("5 business_days"), TOKYO, date(2025, 6, 12))
    told = {day.date.day: day.events for day in days if day.events}
    assert told[3] == ("suspended s1 (forwarded): doesn't stop the clock here",)
    assert told[4] == ("resumed s2: left over, ignored",)
    assert told[5] == ("extended to 2025-06-10",)
    assert told[11] == ("extended to 2025-06-20: ignored", "breach date")
    assert told[12] == ("withdrawn: doesn't stop the clock",)


def test_hours_say_how_long_the_clock_ran_each_day() -> None:
    facts = case(
        "2025-06-02 18:00",
        suspended=(("s1", "2025-06-03 06:00", "awaiting_payment"),),
        resumed=(("s1", "2025-06-05 12:00"),),
        notified=("2025-06-05 13:30",),
    )
    days = ledger(facts, ClockRules(), period("24 hours"), TOKYO)
    assert [day.duration for day in days] == [
        timedelta(hours=6),
        timedelta(hours=6),
        timedelta(0),
        timedelta(hours=1, minutes=30),
    ]
    assert [day.elapsed for day in days] == [6, 12, 12, 13]
    assert [day.reason for day in days] == ["counted", "counted", "suspended", "counted"]


def test_an_inconsistent_case_has_no_days() -> None:
    assert ledger(case("2025-06-02", notified=("2025-06-01",)), ClockRules(), period("1 weeks"), TOKYO) == ()


def test_a_case_outside_the_calendar_is_refused() -> None:
    with pytest.raises(CalendarRange):
        ledger(case("1999-06-02"), ClockRules(), period("1 weeks"), TOKYO)

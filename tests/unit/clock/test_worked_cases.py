"""The seven worked cases of docs/clock.md, as dated stories."""

from datetime import date

from qos_domain.calendar import Calendar
from support.clock_cases import at, case, judged


class TestFridayNightBeforeTheHolidays:
    """1. Arrival on Friday 2 May 2025 at 23:50, five business days; 3 to 6 May are a weekend and holidays."""

    def test_day_1_is_wednesday_and_day_5_tuesday(self) -> None:
        judgement = judged(case("2025-05-02 23:50"), "5 business_days")
        assert judgement.due_date == date(2025, 5, 13)
        assert judgement.breach_date == date(2025, 5, 14)
        assert judgement.within is None

    def test_notified_on_the_due_date_at_five_is_within(self) -> None:
        judgement = judged(case("2025-05-02 23:50", notified=("2025-05-13 17:00",)), "5 business_days")
        assert (judgement.elapsed, judgement.within) == (5, True)

    def test_notified_the_day_after_is_a_breach(self) -> None:
        judgement = judged(case("2025-05-02 23:50", notified=("2025-05-14 09:00",)), "5 business_days")
        assert (judgement.elapsed, judgement.within) == (6, False)


def test_2_a_correction_from_thursday_to_monday_takes_out_friday_and_monday() -> None:
    waiting = case(
        "2025-05-02 23:50",
        suspended=(("s1", "2025-05-08 11:00", "correction"),),
        resumed=(("s1", "2025-05-12 15:00"),),
    )
    judgement = judged(waiting, "5 business_days")
    assert judgement.due_date == date(2025, 5, 15)
    assert judgement.suspended == ((date(2025, 5, 8), date(2025, 5, 12)),)


def test_3_the_closed_days_of_the_new_year_are_not_counted() -> None:
    assert judged(case("2025-12-26"), "3 business_days").due_date == date(2026, 1, 7)


def test_4_calendar_days_and_a_month_from_the_last_of_january() -> None:
    assert judged(case("2025-01-31"), "14 calendar_days").due_date == date(2025, 2, 14)
    assert judged(case("2025-01-31"), "1 months").due_date == date(2025, 2, 28)


def test_5_an_instant_in_utc_falls_on_the_next_day_in_tokyo() -> None:
    assert Calendar.load().local_date(at("2025-04-30T15:30:00Z")) == date(2025, 5, 1)
    assert judged(case("2025-04-30T15:30:00Z"), None).arrival_date == date(2025, 5, 1)


def test_6_ten_business_days_over_two_plain_weekends_are_fourteen_days() -> None:
    judgement = judged(case("2025-06-02"), "10 business_days")
    assert judgement.due_date == date(2025, 6, 16)
    assert (judgement.due_date - judgement.arrival_date).days == 14


def test_7_due_on_a_friday_and_notified_on_the_saturday_is_still_within() -> None:
    judgement = judged(case("2025-06-06", notified=("2025-06-14 10:00",)), "5 business_days")
    assert judgement.due_date == date(2025, 6, 13)
    assert judgement.breach_date == date(2025, 6, 16)
    assert judgement.within is True

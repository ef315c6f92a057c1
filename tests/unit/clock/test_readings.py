"""How docs/clock.md reads the rules where they could be read in two ways."""

from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from qos_domain.procedures import ClockRules
from support.clock_cases import at, case, judged

TOKYO = ZoneInfo("Asia/Tokyo")


class TestSuspensions:
    def test_a_reason_that_does_not_suspend_takes_out_nothing(self) -> None:
        forwarded = case("2025-06-02", suspended=(("s1", "2025-06-03", "forwarded"),), resumed=(("s1", "2025-06-10"),))
        judgement = judged(forwarded, "5 business_days")
        assert judgement.due_date == date(2025, 6, 9)
        assert judgement.suspended == ()
        assert judgement.flags == frozenset()
        other_office = ClockRules(suspending_reasons=("forwarded",))
        assert judged(forwarded, "5 business_days", other_office).due_date == date(2025, 6, 16)

    def test_a_suspension_has_the_reason_of_its_earliest_event(self) -> None:
        twice = case(
            "2025-06-02",
            suspended=(("s1", "2025-06-03", "forwarded"), ("s1", "2025-06-04", "correction")),
            resumed=(("s1", "2025-06-10"),),
        )
        judgement = judged(twice, "5 business_days")
        assert judgement.due_date == date(2025, 6, 9)
        assert judgement.flags == {"suspension_leftover"}

    def test_resumed_earlier_on_the_same_day_still_pairs_where_days_count(self) -> None:
        swapped = case(
            "2025-06-02",
            suspended=(("s1", "2025-06-03 15:00", "correction"),),
            resumed=(("s1", "2025-06-03 09:00"),),
        )
        judgement = judged(swapped, "5 business_days")
        assert judgement.due_date == date(2025, 6, 9)
        assert judgement.flags == frozenset()

    def test_but_not_where_hours_count(self) -> None:
        swapped = case(
            "2025-06-02 08:00",
            suspended=(("s1", "2025-06-02 15:00", "correction"),),
            resumed=(("s1", "2025-06-02 09:00"),),
        )
        judgement = judged(swapped, "10 hours")
        assert judgement.due_at is None
        assert judgement.flags == {"suspension_leftover"}

    def test_a_resumption_without_a_suspension_is_flagged_and_ignored(self) -> None:
        judgement = judged(case("2025-06-02", resumed=(("s9", "2025-06-04"),)), "5 business_days")
        assert judgement.due_date == date(2025, 6, 9)
        assert judgement.flags == {"suspension_leftover"}

    def test_a_decision_ends_a_suspension_though_a_notification_stops_the_clock(self) -> None:
        decided = case("2025-06-02", suspended=(("s1", "2025-06-03", "correction"),), decided=("2025-06-05",))
        judgement = judged(decided, "5 business_days")
        assert judgement.suspended == ((date(2025, 6, 3), date(2025, 6, 5)),)
        assert judgement.due_date == date(2025, 6, 11)

    def test_overlapping_suspensions_count_once(self) -> None:
        both = case(
            "2025-06-02",
            suspended=(("s1", "2025-06-03", "correction"), ("s2", "2025-06-04", "awaiting_payment")),
            resumed=(("s1", "2025-06-06"), ("s2", "2025-06-05")),
        )
        assert judged(both, "5 business_days").due_date == date(2025, 6, 12)

    def test_a_suspension_from_before_the_arrival_takes_out_only_counted_days(self) -> None:
        early = case("2025-06-02", suspended=(("s1", "2025-05-20", "correction"),), resumed=(("s1", "2025-06-03"),))
        judgement = judged(early, "5 business_days")
        assert judgement.due_date == date(2025, 6, 10)
        assert judgement.suspended == ((date(2025, 6, 2), date(2025, 6, 3)),)

    def test_while_one_is_open_nothing_after_it_is_reached(self) -> None:
        judgement = judged(case("2025-06-02", suspended=(("s1", "2025-06-05", "correction"),)), "5 business_days")
        assert (judgement.due_date, judgement.breach_date, judgement.due_soon_date) == (None, None, None)
        assert judgement.suspended == ((date(2025, 6, 5), None),)

    def test_a_due_date_reached_before_it_stands_without_a_breach(self) -> None:
        judgement = judged(case("2025-06-02", suspended=(("s1", "2025-06-09", "correction"),)), "5 business_days")
        assert judgement.due_date == date(2025, 6, 9)
        assert judgement.breach_date is None
        assert judgement.due_soon_date == date(2025, 6, 6)


class TestOwnDueDates:
    def test_the_day_after_is_the_breach_on_any_weekday_and_suspensions_do_not_matter(self) -> None:
        own = case("2025-06-02", due_date="2025-06-13", suspended=(("s1", "2025-06-03", "correction"),))
        judgement = judged(own, "5 business_days")
        assert judgement.due_date == date(2025, 6, 13)
        assert judgement.breach_date == date(2025, 6, 14)

    def test_without_a_period_it_is_judged_and_has_no_elapsed(self) -> None:
        judgement = judged(case("2025-06-02", due_date="2025-06-13", notified=("2025-06-13 23:59",)), None)
        assert (judgement.within, judgement.elapsed, judgement.unit) == (True, None, None)

    def test_an_extension_on_the_due_date_counts(self) -> None:
        judgement = judged(case("2025-06-02", extended=(("2025-06-09 23:00", "2025-06-20"),)), "5 business_days")
        assert judgement.due_date == date(2025, 6, 20)

    def test_an_extension_after_the_due_date_is_ignored(self) -> None:
        judgement = judged(case("2025-06-02", extended=(("2025-06-10 00:00", "2025-06-20"),)), "5 business_days")
        assert judgement.due_date == date(2025, 6, 9)
        assert judgement.flags == {"extension_ignored"}

    def test_each_extension_replaces_the_one_before(self) -> None:
        moves = (("2025-06-06", "2025-06-20"), ("2025-06-18", "2025-06-27"), ("2025-07-01", "2025-07-31"))
        judgement = judged(case("2025-06-02", extended=moves), "5 business_days")
        assert judgement.due_date == date(2025, 6, 27)
        assert judgement.flags == {"extension_ignored"}

    def test_a_due_date_that_is_not_reached_can_be_extended(self) -> None:
        open_case = case(
            "2025-06-02",
            suspended=(("s1", "2025-06-03", "correction"),),
            extended=(("2025-09-01", "2025-09-30"),),
        )
        assert judged(open_case, "5 business_days").due_date == date(2025, 9, 30)

    def test_without_a_period_and_a_due_date_there_is_nothing_to_extend(self) -> None:
        judgement = judged(case("2025-06-02", extended=(("2025-06-05", "2025-09-30"),)), None)
        assert judgement.due_date is None
        assert judgement.flags == {"extension_ignored"}

    def test_under_a_period_in_hours_an_own_due_date_is_a_date(self) -> None:
        judgement = judged(case("2025-06-02 08:00", due_date="2025-06-04", notified=("2025-06-04 22:00",)), "10 hours")
        assert (judgement.due_at, judgement.breach_date) == (None, date(2025, 6, 5))
        assert (judgement.within, judgement.elapsed) == (True, 62)


class TestPeriods:
    @pytest.mark.parametrize(
        ("arrival", "normal", "due"),
        [
            ("2025-01-31", "1 months", date(2025, 2, 28)),
            ("2025-02-28", "1 months", date(2025, 3, 31)),
            ("2025-01-27", "1 months", date(2025, 2, 27)),
            ("2024-01-30", "1 months", date(2024, 2, 29)),
            ("2024-02-28", "1 years", date(2025, 2, 28)),
            ("2024-02-29", "1 years", date(2025, 2, 28)),
            ("2025-06-02", "2 weeks", date(2025, 6, 16)),
            ("2025-06-07", "0 business_days", date(2025, 6, 7)),
            ("2025-06-07", "0 months", date(2025, 6, 7)),
        ],
    )
    def test_by_the_calendar(self, arrival: str, normal: str, due: date) -> None:
        assert judged(case(arrival), normal).due_date == due

    def test_counting_the_arrival_day_a_month_ends_one_day_sooner(self) -> None:
        first_day_counts = ClockRules(count_arrival_day=True)
        assert judged(case("2025-03-10"), "1 months", first_day_counts).due_date == date(2025, 4, 9)
        assert judged(case("2025-03-10"), "1 business_days", first_day_counts).due_date == date(2025, 3, 10)
        assert judged(case("2025-03-09"), "1 business_days", first_day_counts).due_date == date(2025, 3, 10)

    def test_rolling_moves_a_due_date_on_and_lets_elapsed_exceed_the_period(self) -> None:
        sunday = judged(case("2025-06-01", notified=("2025-06-16",)), "14 calendar_days")
        assert (sunday.due_date, sunday.within) == (date(2025, 6, 15), False)
        rolled = judged(
            case("2025-06-01", notified=("2025-06-16",)), "14 calendar_days", ClockRules(roll_to_business_day=True)
        )
        assert (rolled.due_date, rolled.breach_date) == (date(2025, 6, 16), date(2025, 6, 17))
        assert (rolled.elapsed, rolled.within) == (15, True)

    def test_no_period_has_no_due_date(self) -> None:
        judgement = judged(case("2025-06-02", notified=("2025-06-30",)), None)
        assert (judgement.due_date, judgement.within, judgement.elapsed) == (None, None, None)
        assert judgement.stop_date == date(2025, 6, 30)


class TestHours:
    def test_the_last_instant_is_within_and_the_next_is_not(self) -> None:
        on_time = judged(case("2025-06-02 08:30", notified=("2025-06-04 08:30",)), "48 hours")
        assert on_time.due_at == at("2025-06-04 08:30")
        assert (on_time.elapsed, on_time.within) == (48, True)
        late = judged(case("2025-06-02 08:30", notified=("2025-06-04 08:30:01",)), "48 hours")
        assert (late.elapsed, late.within) == (48, False)
        assert late.due_date == late.breach_date == date(2025, 6, 4)

    def test_due_soon_is_an_instant(self) -> None:
        judgement = judged(case("2025-06-02 08:30"), "48 hours")
        assert judgement.due_soon_at == at("2025-06-03 22:30")
        assert judgement.due_soon_date == date(2025, 6, 3)

    def test_hours_are_hours_over_a_clock_change(self) -> None:
        judgement = judged(case("2025-03-29T12:00:00+01:00"), "24 hours", time_zone="Europe/Amsterdam")
        assert judgement.due_at == datetime(2025, 3, 30, 13, tzinfo=ZoneInfo("Europe/Amsterdam"))

    def test_the_hour_that_the_wall_shows_twice_is_told_apart(self) -> None:
        amsterdam = ZoneInfo("Europe/Amsterdam")
        first = datetime(2025, 10, 26, 2, 50, tzinfo=amsterdam, fold=0)
        second = datetime(2025, 10, 26, 2, 10, tzinfo=amsterdam, fold=1)
        facts = case("2025-10-25T12:00:00Z", notified=())
        stopped = type(facts)(facts.arrival, results=(second, first))
        judgement = judged(stopped, "1 hours", time_zone="Europe/Amsterdam")
        assert judgement.stop_at is not None
        assert judgement.stop_at - facts.arrival == timedelta(hours=12, minutes=50)


class TestStops:
    def test_later_events_never_move_the_stop(self) -> None:
        judgement = judged(case("2025-06-02", notified=("2025-06-20", "2025-06-06")), "5 business_days")
        assert judgement.stop_at == at("2025-06-06")
        assert judgement.within is True

    def test_by_decision(self) -> None:
        facts = case("2025-06-02", decided=("2025-06-09",), notified=("2025-06-10",))
        assert judged(facts, "5 business_days", ClockRules(stop="decision")).within is True
        assert judged(facts, "5 business_days").within is False

    def test_a_stop_dated_before_the_arrival_is_inconsistent(self) -> None:
        judgement = judged(case("2025-06-02", notified=("2025-06-01",)), "5 business_days")
        assert judgement.inconsistent
        assert (judgement.due_date, judgement.breach_date, judgement.within) == (None, None, None)

    def test_a_stop_earlier_on_the_day_of_arrival_is_not(self) -> None:
        judgement = judged(case("2025-06-02 15:00", notified=("2025-06-02 09:00",)), "5 business_days")
        assert (judgement.inconsistent, judgement.elapsed, judgement.within) == (False, 0, True)
        by_the_hour = judged(case("2025-06-02 15:00", notified=("2025-06-02 09:00",)), "5 hours")
        assert (by_the_hour.inconsistent, by_the_hour.elapsed, by_the_hour.within) == (False, 0, True)


class TestDueSoon:
    def test_a_fifth_of_the_period_is_left_rounded_up(self) -> None:
        assert judged(case("2025-06-02"), "10 business_days").due_soon_date == date(2025, 6, 12)
        assert judged(case("2025-06-02"), "11 business_days").due_soon_date == date(2025, 6, 12)

    def test_a_period_of_a_day_is_due_soon_from_its_arrival(self) -> None:
        assert judged(case("2025-06-02"), "1 business_days").due_soon_date == date(2025, 6, 2)

    def test_of_an_own_due_date_a_fifth_of_the_counted_days_to_it(self) -> None:
        own = case("2025-06-02", due_date="2025-06-16")
        assert judged(own, "3 business_days").due_soon_date == date(2025, 6, 12)
        assert judged(own, None).due_soon_date == date(2025, 6, 13)


def test_a_time_without_an_offset_is_refused() -> None:
    facts = case("2025-06-02")
    naive = type(facts)(datetime(2025, 6, 2, 10))  # noqa: DTZ001 - the refusal is what is tested
    with pytest.raises(ValueError, match="offset"):
        judged(naive, "5 business_days")

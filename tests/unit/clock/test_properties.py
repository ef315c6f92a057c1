"""What holds of any case, however tangled its events are."""

from datetime import datetime, timedelta
from itertools import pairwise
from random import Random
from typing import get_args

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from msgspec import structs

from qos_domain.calendar import Calendar
from qos_domain.clock import ClockFacts, judge
from qos_domain.ledger import ledger
from qos_domain.procedures import ClockRules, Period
from qos_domain.vocabulary import Unit
from support.clock_cases import DAY_PERIODS, HOUR_PERIODS, facts, rules
from support.clock_walk import Walk, Walked

ZONES = st.sampled_from(["Asia/Tokyo", "Europe/Amsterdam"])
ANY_PERIOD = st.one_of(st.none(), DAY_PERIODS, HOUR_PERIODS)


def agree(case: ClockFacts, how: ClockRules, period: Period | None, zone: str) -> None:
    calendar = Calendar.load(time_zone=zone)
    judgement = judge(case, how, period, calendar)
    walk = Walk(case, how, period, calendar)
    said = {name: getattr(judgement, name) for name in Walked.__dataclass_fields__}
    assert said == walk.walk().__dict__
    for low, high in judgement.suspended:
        assert judgement.arrival_date <= low
        assert high is None or low < high
    for (_, high), (low, _) in pairwise(judgement.suspended):
        assert high is not None
        assert high < low


@given(facts(), rules(), st.one_of(st.none(), DAY_PERIODS), ZONES)
@settings(max_examples=400, deadline=None)
def test_a_day_by_day_walk_finds_the_same(case: ClockFacts, how: ClockRules, period: Period | None, zone: str) -> None:
    agree(case, how, period, zone)


@given(facts(days=12), rules(), HOUR_PERIODS, ZONES)
@settings(max_examples=40, deadline=None)
def test_a_minute_by_minute_walk_finds_the_same(case: ClockFacts, how: ClockRules, period: Period, zone: str) -> None:
    agree(case, how, period, zone)


@given(facts(), rules(), ANY_PERIOD, ZONES, st.randoms(use_true_random=False))
@settings(deadline=None)
def test_the_order_of_events_does_not_matter(
    case: ClockFacts, how: ClockRules, period: Period | None, zone: str, random: Random
) -> None:
    calendar = Calendar.load(time_zone=zone)
    shuffled = {}
    for name in ("suspended", "resumed", "decisions", "results", "extensions"):
        events = list(getattr(case, name))
        random.shuffle(events)
        shuffled[name] = tuple(events)
    assert judge(structs.replace(case, **shuffled), how, period, calendar) == judge(case, how, period, calendar)


@given(facts(), rules(), ANY_PERIOD, ZONES)
@settings(max_examples=200, deadline=None)
def test_the_ledger_adds_up_to_elapsed(case: ClockFacts, how: ClockRules, period: Period | None, zone: str) -> None:
    calendar = Calendar.load(time_zone=zone)
    judgement = judge(case, how, period, calendar)
    days = ledger(case, how, period, calendar)
    if judgement.inconsistent:
        assert days == ()
        return
    assert [day.date for day in days] == [days[0].date + timedelta(days=n) for n in range(len(days))]
    assert days[0].date == judgement.arrival_date
    if judgement.elapsed is None:
        return
    assert days[-1].date == judgement.stop_date
    assert days[-1].elapsed == judgement.elapsed
    if judgement.unit == "hours":
        ran = sum((day.duration for day in days if day.duration is not None), timedelta())
        assert ran // timedelta(hours=1) == judgement.elapsed
    else:
        assert sum(day.counted for day in days) == judgement.elapsed


@given(facts(), rules(), DAY_PERIODS)
@settings(max_examples=300, deadline=None)
def test_without_rolling_within_is_elapsed_at_most_the_period(
    case: ClockFacts, how: ClockRules, period: Period
) -> None:
    how = structs.replace(how, roll_to_business_day=False)
    case = structs.replace(case, due_date=None, extensions=())
    assume(not (period.maximum == 0 and how.count_arrival_day))  # due on arrival, though the arrival day counts
    judgement = judge(case, how, period, Calendar.load())
    assume(judgement.elapsed is not None)
    assert judgement.elapsed is not None
    assert judgement.stop_date is not None
    assert judgement.breach_date is not None
    days = Walk(case, how, period, Calendar.load()).period_in_days()
    assert judgement.within == (judgement.stop_date < judgement.breach_date) == (judgement.elapsed <= days)


@given(facts(), rules(), ANY_PERIOD)
@settings(deadline=None)
def test_a_withdrawal_never_ends_the_clock(case: ClockFacts, how: ClockRules, period: Period | None) -> None:
    withdrawn = structs.replace(case, withdrawn=case.arrival + timedelta(hours=3))
    assert judge(withdrawn, how, period, Calendar.load()) == judge(case, how, period, Calendar.load())


@pytest.mark.parametrize("zone", ["Asia/Tokyo", "America/New_York"])
@pytest.mark.parametrize("text", ["0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-14:00"])
@pytest.mark.parametrize("unit", get_args(Unit))
def test_instants_at_the_ends_of_time_break_nothing(zone: str, text: str, unit: Unit) -> None:
    end = datetime.fromisoformat(text)
    case = ClockFacts(end, suspended=(("s", end, "correction"),), decisions=(end,), results=(end,))
    judgement = judge(case, ClockRules(), Period(unit=unit, maximum=3), Calendar.load(time_zone=zone))
    assert judgement.flags == {"outside_calendar"}
    assert judgement.due_date is None
    assert judgement.within is None


@pytest.mark.parametrize("unit", get_args(Unit))
def test_a_period_longer_than_the_calendar_is_flagged(unit: Unit) -> None:
    arrival = datetime.fromisoformat("2050-12-30T10:00:00+09:00")
    judgement = judge(ClockFacts(arrival), ClockRules(), Period(unit=unit, maximum=100_000), Calendar.load())
    assert judgement.flags == {"outside_calendar"}
    assert judgement.due_date is None

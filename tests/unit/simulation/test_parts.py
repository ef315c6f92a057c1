"""The parts of the simulation, each by itself."""

from datetime import date

from hypothesis import given
from hypothesis import strategies as st

from qos_domain.calendar import Calendar
from qos_local.simulation.arrivals import share_out
from qos_local.simulation.backlog import served_on
from qos_local.simulation.dice import blend

CALENDAR = Calendar.load()


@given(
    st.integers(min_value=10, max_value=50_000),
    st.lists(st.integers(min_value=1, max_value=1_000_000), min_size=1, max_size=10),
)
def test_cases_are_shared_out_to_the_last_one(cases: int, yearly: list[int]) -> None:
    shares = share_out(cases, {str(number): volume for number, volume in enumerate(yearly)})
    assert min(shares.values()) >= 1
    assert cases <= sum(shares.values()) < cases + len(yearly)


def test_an_office_that_keeps_up_serves_within_days() -> None:
    # November 2025: 4 to 28 are weekdays but for Monday the 24th, a holiday.
    arrived = [date(2025, 11, day) for day in (4, 5, 6, 7, 10, 11, 12, 13, 14)]
    turns = served_on(
        arrived, calendar=CALENDAR, before=2, now=2, turns_on=date(2025, 12, 1), last_day=date(2025, 11, 28)
    )
    assert all(turn is not None and (turn - day).days <= 3 for day, turn in zip(arrived, turns, strict=True))


def test_an_office_at_half_speed_leaves_half_of_them_waiting() -> None:
    arrived = [day for day in _weekdays() for _ in range(2)]
    turns = served_on(
        arrived, calendar=CALENDAR, before=0.5, now=0.5, turns_on=date(2025, 12, 1), last_day=date(2025, 11, 28)
    )
    served = [turn for turn in turns if turn is not None]
    assert len(arrived) * 0.4 <= len(served) <= len(arrived) * 0.6
    assert served == sorted(served)
    assert all(turn is None for turn in turns[len(served) :])


def _weekdays() -> list[date]:
    days = [date(2025, 11, day) for day in range(4, 29)]
    return [day for day in days if CALENDAR.is_business_day(day)]


def test_a_mix_moves_from_one_to_the_other() -> None:
    assert blend({"counter": 1.0}, {"online": 1.0}, 0.25) == {"counter": 0.75, "online": 0.25}

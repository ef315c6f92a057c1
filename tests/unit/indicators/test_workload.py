"""Open, due soon, overdue and the forecast of single cases: a permit with ten business days in June 2025."""

from dataclasses import dataclass
from datetime import date, datetime

import pytest

from qos_domain.vocabulary import Channel
from qos_domain.workload import Workload, workload
from support.builders import tokyo

HORIZON_DAYS = 5


@dataclass(frozen=True)
class Permit:
    """Arrived Mon 2 June; due Mon 16 June, breached from the 17th; due soon from the 12th (two days left)."""

    channel: Channel | None = "online"
    arrival_date: date | None = date(2025, 6, 2)
    end_date: date | None = None
    breach_date: date | None = date(2025, 6, 17)
    due_at: datetime | None = None
    due_soon_date: date | None = date(2025, 6, 12)
    due_soon_at: datetime | None = None
    suspended: tuple[tuple[date, date | None], ...] = ()


def as_of(day: date, *cases: Permit, at: str = "23:59") -> Workload:
    return workload(
        cases, as_of=day, moment=tokyo(f"{day} {at}"), horizon=date.fromordinal(day.toordinal() + HORIZON_DAYS)
    )


@pytest.mark.parametrize(
    ("day", "expected"),
    [
        (date(2025, 6, 1), Workload()),
        (date(2025, 6, 2), Workload(open=1)),
        (date(2025, 6, 11), Workload(open=1)),
        (date(2025, 6, 12), Workload(open=1, due_soon=1, forecast=1)),
        (date(2025, 6, 16), Workload(open=1, due_soon=1, forecast=1)),
        (date(2025, 6, 17), Workload(open=1, overdue=1)),
        (date(2025, 7, 30), Workload(open=1, overdue=1)),
    ],
)
def test_the_days_of_an_open_case(day: date, expected: Workload) -> None:
    assert as_of(day, Permit()) == expected


def test_a_case_that_ended_is_open_until_the_day_before() -> None:
    ended = Permit(end_date=date(2025, 6, 13))
    assert as_of(date(2025, 6, 12), ended) == Workload(open=1, due_soon=1, forecast=1)
    assert as_of(date(2025, 6, 13), ended) == Workload()


def test_a_suspended_case_is_not_due_soon() -> None:
    asked = Permit(suspended=((date(2025, 6, 12), date(2025, 6, 14)),))
    assert as_of(date(2025, 6, 12), asked).suspended == 1
    assert as_of(date(2025, 6, 12), asked).due_soon == 0
    assert as_of(date(2025, 6, 14), asked).suspended == 0
    assert as_of(date(2025, 6, 14), asked).due_soon == 1


def test_an_open_suspension_takes_the_breach_away() -> None:
    waiting = Permit(breach_date=None, due_soon_date=None, suspended=((date(2025, 6, 5), None),))
    assert as_of(date(2025, 7, 30), waiting) == Workload(open=1, suspended=1)


def test_a_case_that_was_overdue_before_it_was_suspended_stays_overdue() -> None:
    late = Permit(suspended=((date(2025, 6, 20), None),))
    assert as_of(date(2025, 6, 23), late) == Workload(open=1, suspended=1, overdue=1)


def test_without_a_period_a_case_is_just_open() -> None:
    assert as_of(date(2025, 6, 30), Permit(breach_date=None, due_soon_date=None)) == Workload(open=1)


def test_a_period_in_hours_compares_instants() -> None:
    """48 hours, due on 4 June at 15:00, due soon from the 3rd at 05:24."""
    in_hours = Permit(
        breach_date=date(2025, 6, 4),
        due_at=tokyo("2025-06-04 15:00"),
        due_soon_date=date(2025, 6, 3),
        due_soon_at=tokyo("2025-06-03 05:24"),
    )
    assert as_of(date(2025, 6, 3), in_hours, at="05:00").due_soon == 0
    assert as_of(date(2025, 6, 3), in_hours, at="06:00").due_soon == 1
    assert as_of(date(2025, 6, 4), in_hours, at="15:00") == Workload(open=1, due_soon=1)
    assert as_of(date(2025, 6, 4), in_hours, at="15:01") == Workload(open=1, overdue=1)


def test_an_event_without_a_submission_is_no_case() -> None:
    assert as_of(date(2025, 6, 30), Permit(arrival_date=None, breach_date=None, due_soon_date=None)) == Workload()

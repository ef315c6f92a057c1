"""An office is open in Alertmanager exactly when the calendar says so, which due dates are counted with."""

from collections.abc import Mapping, Sequence
from datetime import date, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from qos_domain.calendar import Calendar
from qos_local.alerting.office_hours import CLOSED, OPEN, OfficeHours
from support.builders import tokyo

HOURS = OfficeHours("08:30", "17:15", Calendar.load())
INTERVALS = {each["name"]: each["time_intervals"] for each in HOURS.time_intervals(2026)}
WEEKDAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")


def within(intervals: Sequence[Mapping[str, Any]], instant: datetime) -> bool:
    """Alertmanager's rules for time intervals: one interval with all of its fields."""

    def holds(interval: Mapping[str, Any]) -> bool:
        local = instant.astimezone(ZoneInfo(interval["location"]))
        minute = f"{local:%H:%M}"
        return (
            any(each["start_time"] <= minute < each["end_time"] for each in interval["times"])
            if "times" in interval
            else True
        ) and all(
            any(covers(each, value) for each in interval[field])
            for field, value in (
                ("weekdays", WEEKDAYS[local.weekday()]),
                ("days_of_month", local.day),
                ("months", local.month),
                ("years", local.year),
            )
            if field in interval
        )

    return any(map(holds, intervals))


def covers(span: str, value: str | int) -> bool:
    if isinstance(value, str):
        return span == value
    first, _, last = span.partition(":")
    return int(first) <= value <= int(last or first)


def is_open(instant: datetime) -> bool:
    return within(INTERVALS[OPEN], instant) and not within(INTERVALS[CLOSED], instant)


def test_the_office_is_open_on_business_days_and_on_no_other_as_far_as_the_calendar_goes() -> None:
    calendar = HOURS.calendar
    day = date(2026, 1, 1)
    while day.year <= calendar.data.last_year:
        noon = datetime.combine(day, time(12), tzinfo=calendar.time_zone)
        assert is_open(noon) == calendar.is_business_day(day), day
        day += timedelta(days=1)


@pytest.mark.parametrize(
    ("moment", "opened"),
    [
        ("2026-11-24 08:29", False),
        ("2026-11-24 08:30", True),
        ("2026-11-24 17:14", True),
        ("2026-11-24 17:15", False),
        ("2026-11-23 10:00", False),  # Labour Thanksgiving Day
        ("2026-11-22 10:00", False),  # a Sunday
        ("2026-12-29 10:00", False),
        ("2027-01-03 10:00", False),
        ("2027-01-04 10:00", True),
        ("2026-05-06 10:00", False),  # a substitute holiday
    ],
)
def test_hours_and_holidays_are_those_of_tokyo(moment: str, opened: bool) -> None:
    assert is_open(tokyo(moment)) is opened

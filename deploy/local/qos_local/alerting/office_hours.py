"""When an office is open, as Alertmanager's time intervals, from the calendar that due dates are counted with."""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Any

from qos_domain.calendar import Calendar

OPEN, CLOSED = "office-hours", "closed-days"
_WEEKDAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")


@dataclass(frozen=True, slots=True)
class OfficeHours:
    """`start` and `end` are local times, HH:MM, on every weekday that is no weekend of the calendar; `end` may be
    24:00."""

    start: str
    end: str
    calendar: Calendar

    def time_intervals(self, first_year: int) -> list[dict[str, Any]]:
        """OPEN: the hours of the weekdays. CLOSED: holidays and the office's closed days, of `first_year` and later
        as far as the calendar goes. An office is open in OPEN outside CLOSED."""
        zone = self.calendar.time_zone.key
        weekdays = [name for day, name in enumerate(_WEEKDAYS) if day not in self.calendar.data.weekend]
        hours = {"times": [{"start_time": self.start, "end_time": self.end}], "weekdays": weekdays, "location": zone}
        closed = [*self._closed_days(), *self._holidays(first_year)]
        return [
            {"name": OPEN, "time_intervals": [hours]},
            {"name": CLOSED, "time_intervals": [{**days, "location": zone} for days in closed]},
        ]

    def _closed_days(self) -> Iterator[dict[str, Any]]:
        """The office's own closed days, a month an entry: the same in every year."""
        days = [tuple(map(int, month_day.split("-"))) for month_day in sorted(self.calendar.data.closed_days)]
        for month, of_month in groupby(days, key=lambda month_day: month_day[0]):
            yield {"months": [str(month)], "days_of_month": _ranges([day for _, day in of_month])}

    def _holidays(self, first_year: int) -> Iterator[dict[str, Any]]:
        """Days of one month that are holidays in the same years share an entry."""
        years: defaultdict[tuple[int, int], list[int]] = defaultdict(list)
        for holiday in self.calendar.data.holidays:
            day = holiday.date
            if day.year >= first_year:
                years[day.month, day.day].append(day.year)
        days: defaultdict[tuple[int, tuple[str, ...]], list[int]] = defaultdict(list)
        for (month, day_of_month), of_day in sorted(years.items()):
            days[month, tuple(_ranges(sorted(of_day)))].append(day_of_month)
        for (month, of_years), of_month in days.items():
            yield {"years": list(of_years), "months": [str(month)], "days_of_month": _ranges(of_month)}


def _ranges(numbers: Sequence[int]) -> list[str]:
    """Sorted numbers as Alertmanager's ranges: 1, 2, 3, 5 is `1:3`, `5`."""
    ranges: list[list[int]] = []
    for number in numbers:
        if ranges and number == ranges[-1][1] + 1:
            ranges[-1][1] = number
        else:
            ranges.append([number, number])
    return [str(first) if first == last else f"{first}:{last}" for first, last in ranges]

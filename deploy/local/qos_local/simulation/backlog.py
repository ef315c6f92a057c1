"""An office with a fixed capacity: first come, first served, and a queue when more come in than go out."""

from collections.abc import Sequence
from datetime import date

from qos_domain.calendar import Calendar


def served_on(
    arrived: Sequence[date], *, calendar: Calendar, before: float, now: float, turns_on: date, last_day: date
) -> list[date | None]:
    """The business day on which each of `arrived` (in order) has its turn; None: not until `last_day`.

    A business day serves `before` (from `turns_on`: `now`) times the mean number of arrivals of a business day.
    """
    if not arrived:
        return []
    business_days = max(1, calendar.business_days(arrived[0], last_day))
    mean = len(arrived) / business_days
    turns: list[date | None] = []
    credit = 0.0
    day = arrived[0]
    for arrival in arrived:
        if day < arrival:
            day, credit = arrival, 0.0
        while credit < 1 and day <= last_day:
            day = calendar.nth_business_day_after(day, 1)
            credit += mean * (before if day < turns_on else now)
        if credit < 1:
            turns.append(None)
            continue
        credit -= 1
        turns.append(day)
    return turns

"""Counting by arithmetic: which days count, what a suspension takes out, how long a period is in days.

A position is a day (an ordinal) or, for periods in hours, an instant (microseconds since 1970). Counting begins after
`start`: the arrival date, or the day before it where the arrival day counts (`count_arrival_day`). Spans are merged
and in order; one takes out what is in (low, high], and one whose high is None is open: nothing after low is reached.
"""

from collections.abc import Iterable, Sequence
from datetime import date
from typing import Protocol, TypeAlias

from qos_domain.procedures import Period

Span: TypeAlias = tuple[int, int | None]


class Counting(Protocol):
    """What counts: a running number, and its inverse."""

    def through(self, position: int, /) -> int:
        """The running number at the end of that position."""

    def nth(self, count: int, /) -> int:
        """The first position with that running number. Raises CalendarRange."""


def nth_free(counting: Counting, start: int, n: int, spans: Sequence[Span]) -> int | None:
    """The n-th (n >= 1) counted position after `start` that no span takes out; None if an open span comes first.

    Raises CalendarRange where the calendar ends before it.
    """
    count = counting.through(start) + n
    for low, high in spans:
        reached = counting.through(max(low, start))
        if count <= reached:
            break
        if high is None:
            return None
        if high > start:
            count += counting.through(high) - reached
    return counting.nth(count)


def free_count(counting: Counting, start: int, until: int, spans: Sequence[Span]) -> int:
    """How many positions in (start, until] count and are in no span. Raises CalendarRange."""
    count = counting.through(until) - counting.through(start)
    for low, high in spans:
        begin, end = max(low, start), until if high is None else min(high, until)
        if begin < end:
            count -= counting.through(end) - counting.through(begin)
    return max(0, count)


def merge(spans: Iterable[Span]) -> list[Span]:
    """Spans in order, those that overlap or touch made one. Empty ones (high <= low) are dropped."""
    merged: list[Span] = []
    for low, high in sorted(spans, key=lambda span: span[0]):
        if high is not None and high <= low:
            continue
        if not merged:
            merged.append((low, high))
            continue
        last_low, last_high = merged[-1]
        if last_high is None:
            break
        if low > last_high:
            merged.append((low, high))
        elif high is None or high > last_high:
            merged[-1] = (last_low, high)
    return merged


def period_days(period: Period, start: int) -> int:
    """A period of days, weeks, months or years as a number of days: calendar days from weeks upward.

    A range counts by its maximum. Months run as in the Civil Code (art. 143): from the first day, `start` + 1, to the
    day before the same-numbered day of the last month, or to that month's last day where it has no such day. Raises
    OverflowError beyond the year 9999.
    """
    if period.unit == "weeks":
        return 7 * period.maximum
    if period.unit == "months":
        return _days_of_months(start + 1, period.maximum)
    if period.unit == "years":
        return _days_of_months(start + 1, 12 * period.maximum)
    return period.maximum


def _days_of_months(first: int, months: int) -> int:
    day = date.fromordinal(first)
    years, month = divmod(day.month - 1 + months, 12)
    if day.year + years >= date.max.year:
        raise OverflowError(f"{months} months after {day} is beyond the years that can be written")
    following = date(day.year + years + (month == 11), (month + 1) % 12 + 1, 1).toordinal()
    same_numbered = date(day.year + years, month + 1, 1).toordinal() + day.day - 1
    return min(same_numbered, following) - first

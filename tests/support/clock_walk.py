"""The clock once more, as slowly and plainly as its rules are written: day by day, or minute by minute for hours.

It shares with the project the words (facts, rules, period) and the calendar's file, and no arithmetic.
"""

from calendar import monthrange
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from math import ceil
from zoneinfo import ZoneInfo

from qos_domain.calendar import Calendar
from qos_domain.clock import ClockFacts
from qos_domain.procedures import ClockRules, Period

DAY = timedelta(days=1)
MINUTE = timedelta(minutes=1)
FAR = 1500  # days: longer than any case of the tests


@dataclass
class Walked:
    arrival_date: date
    stop_date: date | None = None
    inconsistent: bool = False
    due_date: date | None = None
    breach_date: date | None = None
    due_at: datetime | None = None
    elapsed: int | None = None
    within: bool | None = None
    due_soon_date: date | None = None
    due_soon_at: datetime | None = None


class Walk:
    def __init__(self, facts: ClockFacts, rules: ClockRules, period: Period | None, calendar: Calendar) -> None:
        self.facts, self.rules, self.period = facts, rules, period
        self.zone: ZoneInfo = calendar.time_zone
        self.closed = {holiday.date for holiday in calendar.data.holidays}
        self.closed_each_year = set(calendar.data.closed_days)
        self.hours = period is not None and period.unit == "hours"
        stops = facts.results if rules.stop == "notification" else facts.decisions
        self.stop = min((stop.astimezone(UTC) for stop in stops), default=None)
        self.arrival_day = self.day(facts.arrival)
        self.stop_day = None if self.stop is None else self.day(self.stop)
        self.pairs = self._pairs()

    def day(self, instant: datetime) -> date:
        return instant.astimezone(self.zone).date()

    def is_business_day(self, day: date) -> bool:
        return day.weekday() < 5 and day not in self.closed and day.strftime("%m-%d") not in self.closed_each_year

    def _pairs(self) -> list[tuple[datetime, datetime | None]]:
        """Suspending pairs as (suspended, end), by the instant, or by the date of each where days count."""
        see: Callable[[datetime], float] = datetime.timestamp if self.hours else lambda at: self.day(at).toordinal()
        pairs = []
        for name in {name for name, _, _ in self.facts.suspended}:
            begin, reason = min((at.astimezone(UTC), why) for other, at, why in self.facts.suspended if other == name)
            if reason not in self.rules.suspending_reasons:
                continue
            resumed = [
                at.astimezone(UTC) for other, at in self.facts.resumed if other == name and see(at) >= see(begin)
            ]
            ends = [at.astimezone(UTC) for at in self.facts.decisions if see(at) >= see(begin)]
            ends += [min(resumed)] if resumed else []
            ends += [self.stop] if self.stop is not None else []
            pairs.append((begin, min(ends, default=None)))
        return pairs

    def is_suspended(self, day: date) -> bool:
        return any(self.day(low) < day and (high is None or day <= self.day(high)) for low, high in self.pairs)

    def standstill(self) -> date | None:
        return min((self.day(low) for low, high in self.pairs if high is None), default=None)

    def counts(self, day: date) -> bool:
        first = self.arrival_day if self.rules.count_arrival_day else self.arrival_day + DAY
        business = self.period is not None and self.period.unit == "business_days"
        return day >= first and (self.is_business_day(day) or not business)

    def period_in_days(self) -> int:
        assert self.period is not None
        number, unit = self.period.maximum, self.period.unit
        if unit == "weeks":
            return number * 7
        if unit not in {"months", "years"} or number == 0:
            return number
        first = self.arrival_day if self.rules.count_arrival_day else self.arrival_day + DAY
        year, month = first.year, first.month
        for _ in range(number * (12 if unit == "years" else 1)):
            year, month = (year + 1, 1) if month == 12 else (year, month + 1)
        length = monthrange(year, month)[1]
        last = date(year, month, first.day) - DAY if first.day <= length else date(year, month, length)
        return (last - first).days + 1

    def walk_days(self, days: int, *, suspensions: bool = True) -> tuple[date | None, date | None]:
        """The day after which `days` have been counted, and the first one near it."""
        soon_left = max(1, ceil(0.2 * days))
        counted, due, soon = 0, None, None
        for step in range(FAR):
            day = self.arrival_day + step * DAY
            if self.counts(day) and not (suspensions and self.is_suspended(day)):
                counted += 1
            if soon is None and days - counted <= soon_left:
                soon = day
            if due is None and days in {counted, 0}:
                due = day
        return due, soon

    def walk(self) -> Walked:
        result = Walked(self.arrival_day, self.stop_day)
        if self.stop_day is not None and self.stop_day < self.arrival_day:
            result.inconsistent = True
            return result
        if self.hours:
            self._walk_hours(result)
        elif self.period is not None:
            self._walk_period(result)
        self._replace(result)
        if self.stop is not None and result.due_at is not None:
            result.within = self.stop <= result.due_at
        elif self.stop_day is not None and result.breach_date is not None:
            result.within = self.stop_day < result.breach_date
        return result

    def _walk_period(self, result: Walked) -> None:
        if self.stop_day is not None:
            span = (self.stop_day - self.arrival_day).days + 1
            days = [self.arrival_day + step * DAY for step in range(span)]
            result.elapsed = sum(self.counts(day) and not self.is_suspended(day) for day in days)
        due, result.due_soon_date = self.walk_days(self.period_in_days())
        if due is None:
            return
        while self.rules.roll_to_business_day and not self.is_business_day(due):
            due += DAY
        standstill = self.standstill()
        if standstill is not None and due > max(standstill, self.arrival_day):
            return
        result.due_date = due
        later = (due + step * DAY for step in range(1, FAR))
        result.breach_date = next((day for day in later if self.counts(day) and not self.is_suspended(day)), None)

    def _walk_hours(self, result: Walked) -> None:
        assert self.period is not None
        minutes, soon_left = self.period.maximum * 60, max(1, ceil(0.2 * self.period.maximum)) * 60
        at, ran, ran_at_stop = self.facts.arrival.astimezone(UTC), 0, 0
        for _ in range(60 * 24 * 40):
            if result.due_soon_at is None and minutes - ran <= soon_left:
                result.due_soon_at = at
            if result.due_at is None and ran == minutes:
                result.due_at = at
            if not any(low <= at and (high is None or at < high) for low, high in self.pairs):
                ran += 1
                ran_at_stop += self.stop is not None and at < self.stop
            at += MINUTE
        result.elapsed = None if self.stop is None else ran_at_stop // 60
        result.due_date = result.breach_date = None if result.due_at is None else self.day(result.due_at)
        result.due_soon_date = None if result.due_soon_at is None else self.day(result.due_soon_at)

    def _replace(self, result: Walked) -> None:
        due, own = result.due_date, self.facts.due_date
        if own is not None:
            due = own
        for at, _, new in sorted((at.astimezone(UTC), name, new) for at, name, new in self.facts.extensions):
            nothing_to_replace = self.period is None and due is None
            if not nothing_to_replace and (due is None or self.day(at) <= due):
                due = own = new
        if own is None:
            return
        result.due_at = result.due_soon_at = None
        result.due_date, result.breach_date = own, own + DAY
        span = (own - self.arrival_day).days + 1
        days = sum(self.counts(self.arrival_day + step * DAY) for step in range(span))
        _, result.due_soon_date = self.walk_days(days, suspensions=False)

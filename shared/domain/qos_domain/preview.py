"""What another calendar would change, before it is in force: which cases it concerns, and what becomes of them. Pure.

A case looks at no day before its arrival, and at none after both its breach date and its end: a calendar that differs
on other days only judges it the same (docs/restatement.md).
"""

from bisect import bisect_left
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date

from qos_domain.calendar import Calendar
from qos_domain.cells import DatedCell
from qos_domain.measures import Cell
from qos_domain.rows import CaseResult, CaseRow, Contributions, Row

_JUDGED = frozenset({"open", "stopped", "withdrawn"})


@dataclass(frozen=True, slots=True)
class CalendarDifference:
    """Days, in their order, that are business days by the new calendar only (`opened`), or by the former only
    (`closed`). Both calendars cover the days from `first` to `last`.
    """

    opened: tuple[date, ...]
    closed: tuple[date, ...]
    first: date
    last: date

    @classmethod
    def of(cls, former: Calendar, new: Calendar) -> "CalendarDifference":
        first, last = max(former.first, new.first), min(former.last, new.last)
        opened: list[date] = []
        closed: list[date] = []
        for ordinal in range(first, last + 1):
            day = date.fromordinal(ordinal)
            by_former, by_new = former.is_business_day(day), new.is_business_day(day)
            if by_former != by_new:
                (opened if by_new else closed).append(day)
        return cls(tuple(opened), tuple(closed), date.fromordinal(first), date.fromordinal(last))

    @property
    def days(self) -> tuple[date, ...]:
        """All days that differ, in their order."""
        return tuple(sorted((*self.opened, *self.closed)))

    def concerns(self, case: CaseRow) -> bool:
        """Whether the new calendar may judge the case in another way. Without a breach date nobody can tell yet."""
        if case.status not in _JUDGED:
            return False
        if case.breach_date is None:
            return True
        until = case.breach_date if case.end_date is None else max(case.breach_date, case.end_date)
        if case.reference_date < self.first or until > self.last:
            return True
        days = self.days
        place = bisect_left(days, case.reference_date)
        return place < len(days) and days[place] <= until


@dataclass(slots=True)
class CaseEffects:
    """How many cases were folded anew, and how many of them change: the due date, the breach date, the result (what it
    was, what it becomes)."""

    refolded: int = 0
    due_dates: int = 0
    breach_dates: int = 0
    results: Counter[tuple[CaseResult | None, CaseResult | None]] = field(default_factory=Counter)

    def add(self, before: CaseRow, after: CaseRow) -> None:
        self.refolded += 1
        self.due_dates += before.due_date != after.due_date
        self.breach_dates += before.breach_date != after.breach_date
        if before.result != after.result:
            self.results[before.result, after.result] += 1


def shift(before: Contributions, after: Contributions) -> dict[Row, int]:
    """By how much the day buckets change; those of cases add up to those of their procedure."""
    rows = dict(after)
    for row, count in before.items():
        rows[row] = rows.get(row, 0) - count
    return {row: count for row, count in rows.items() if count}


def shifted(cells: list[DatedCell], by: Mapping[Row, int]) -> list[DatedCell]:
    """Dated buckets of one procedure, whatever the organisation, after a shift."""
    sums: dict[tuple[date, Cell], int] = {(day, cell): count for day, cell, count in cells}
    for row, count in by.items():
        name = date.fromordinal(row.day), (row.channel, row.online, row.measure, row.bin)
        sums[name] = sums.get(name, 0) + count
    return [(day, cell, count) for (day, cell), count in sums.items() if count]

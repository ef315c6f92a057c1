"""Windows of local dates: the days that an indicator is made of (docs/indicators.md, Windows).

A window is closed, [start, end], and ends with a day `as_of` unless it names days of its own. Pure calendar
arithmetic: what today is, the caller says.
"""

import re
from calendar import monthrange
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, timedelta

DEFAULT_WINDOW = "28d"
MOST_DAYS = 3660
FISCAL_YEAR_STARTS = 4

_RULE = (
    "today, a number of days such as 28d, month, quarter, fiscal_year, a month such as 2025-04, a quarter such as"
    " 2025-Q2, a fiscal year such as FY2025, or two dates such as 2025-04-01..2025-05-15"
)
_DAYS = re.compile(r"([1-9][0-9]{0,3})d", re.ASCII)
_MONTH = re.compile(r"([0-9]{4})-(0[1-9]|1[0-2])", re.ASCII)
_QUARTER = re.compile(r"([0-9]{4})-Q([1-4])", re.ASCII)
_FISCAL_YEAR = re.compile(r"FY([0-9]{4})", re.ASCII)
_FROM_TO = re.compile(r"([0-9]{4}-[0-9]{2}-[0-9]{2})\.\.([0-9]{4}-[0-9]{2}-[0-9]{2})", re.ASCII)


class InvalidWindow(ValueError):
    """A window that can't be read, or that holds no day up to as_of. `rule` says what would be accepted."""

    def __init__(self, *, window: str, rule: str) -> None:
        super().__init__(f"no window {window[:40]!r}: {rule}")
        self.window = window
        self.rule = rule


@dataclass(frozen=True, slots=True)
class Span:
    """The local dates from `start` to `end`, both included; none when start is after end."""

    start: date
    end: date

    def __contains__(self, day: date) -> bool:
        return self.start <= day <= self.end

    @property
    def days(self) -> int:
        return max(0, (self.end - self.start).days + 1)

    def until(self, day: date) -> "Span":
        """The part that is not after `day`."""
        return self if self.end <= day else Span(self.start, day)


@dataclass(frozen=True, slots=True)
class Window:
    """A named span: `name` is what `window()` reads."""

    name: str
    start: date
    end: date

    @property
    def span(self) -> Span:
        return Span(self.start, self.end)


@dataclass(frozen=True, slots=True, order=True)
class Month:
    year: int
    month: int

    @classmethod
    def of(cls, day: date) -> "Month":
        return cls(day.year, day.month)

    @classmethod
    def named(cls, name: str) -> "Month":
        """The month of a name such as 2026-10. Raises InvalidWindow."""
        found = _MONTH.fullmatch(name)
        if found is None or found[1] == "0000":
            raise InvalidWindow(window=name, rule="a month such as 2026-10")
        return cls(int(found[1]), int(found[2]))

    @property
    def name(self) -> str:
        return f"{self.year:04d}-{self.month:02d}"

    def before(self, months: int) -> "Month":
        """The month that lies so many months earlier."""
        index = self.year * 12 + self.month - 1 - months
        return Month(index // 12, index % 12 + 1)

    @property
    def span(self) -> Span:
        return Span(date(self.year, self.month, 1), date(self.year, self.month, monthrange(self.year, self.month)[1]))

    @property
    def window(self) -> Window:
        return Window(self.name, self.span.start, self.span.end)


def last_complete_month(as_of: date) -> Month:
    """The latest month of which as_of is not before the last day."""
    month = Month.of(as_of)
    return month if as_of == month.span.end else month.before(1)


@dataclass(frozen=True, slots=True, order=True)
class FiscalYear:
    """April to March, named after the year in which it starts: FY2025 is 2025-04-01 to 2026-03-31."""

    year: int

    @classmethod
    def of(cls, day: date) -> "FiscalYear":
        return cls(day.year if day.month >= FISCAL_YEAR_STARTS else day.year - 1)

    @property
    def name(self) -> str:
        return f"FY{self.year:04d}"

    @property
    def span(self) -> Span:
        return Span(date(self.year, FISCAL_YEAR_STARTS, 1), date(self.year + 1, FISCAL_YEAR_STARTS, 1) - timedelta(1))

    @property
    def previous(self) -> "FiscalYear":
        return FiscalYear(self.year - 1)


def trailing(as_of: date, days: int) -> Span:
    """The `days` days that end with as_of: 7 is [as_of - 6, as_of]."""
    return Span(as_of - timedelta(days - 1), as_of)


def quarter(day: date) -> Span:
    """The calendar quarter of a day; since the fiscal year starts in April, its quarters are the same ones."""
    first = Month(day.year, (day.month - 1) // 3 * 3 + 1)
    return Span(first.span.start, first.before(-2).span.end)


def window(name: str, as_of: date) -> Window:
    """The window of that name as of a day. Whatever it names, it ends with as_of at the latest.

    Raises InvalidWindow when the name can't be read, or when the window starts after as_of.
    """
    try:
        span = _span(name, as_of)
    except (ValueError, OverflowError) as error:  # a date that does not exist, or the year 0
        raise InvalidWindow(window=name, rule=_RULE) from error
    if span is None or span.start > span.end:
        raise InvalidWindow(window=name, rule=_RULE)
    if span.start > as_of:
        raise InvalidWindow(window=name, rule=f"it must not start after the day that the figures are of, {as_of}")
    span = span.until(as_of)
    return Window(name, span.start, span.end)


def _span(name: str, as_of: date) -> Span | None:
    relative: dict[str, Callable[[date], Span]] = {
        "today": lambda day: Span(day, day),
        "month": lambda day: Month.of(day).span,
        "quarter": quarter,
        "fiscal_year": lambda day: FiscalYear.of(day).span,
    }
    if name in relative:
        return relative[name](as_of)
    if found := _DAYS.fullmatch(name):
        return trailing(as_of, int(found[1])) if int(found[1]) <= MOST_DAYS else None
    if found := _MONTH.fullmatch(name):
        return Month(int(found[1]), int(found[2])).span
    if found := _QUARTER.fullmatch(name):
        return quarter(date(int(found[1]), int(found[2]) * 3, 1))
    if found := _FISCAL_YEAR.fullmatch(name):
        return FiscalYear(int(found[1])).span
    if found := _FROM_TO.fullmatch(name):
        return Span(date.fromisoformat(found[1]), date.fromisoformat(found[2]))
    return None

"""Which days are business days, and on which local date an instant falls (docs/clock.md, The calendar).

A calendar is data: made once (`qos calendar make`), kept with a version, never computed at run time. Another version
is a recorded restatement. All arithmetic is on ordinals (`date.toordinal`) over prefix counts: no loop over days.
"""

from collections.abc import Mapping
from datetime import UTC, date, datetime
from functools import cache
from hashlib import sha256
from importlib.resources import files
from pathlib import Path
from typing import Annotated, Literal
from zoneinfo import ZoneInfo

import msgspec
from msgspec import Meta, Struct

DEFAULT_VERSION = "jp-tokyo-1"
DEFAULT_TIME_ZONE = "Asia/Tokyo"

MonthDay = Annotated[str, Meta(pattern=r"^(0[1-9]|1[0-2])-(0[1-9]|[12][0-9]|3[01])$")]


Closure = Literal["weekend", "holiday", "closed_day"]


class CalendarRange(Exception):
    """A date is before (or, if `late`, after) the years that the calendar covers: only more data can judge it."""

    def __init__(self, *, first: date, last: date, late: bool, version: str) -> None:
        super().__init__(
            f"a date {'after' if late else 'before'} the calendar: {version} covers {first} to {last};"
            " check the dates and the period, or make a calendar of more years (qos calendar make)"
        )
        self.first = first
        self.last = last
        self.late = late
        self.version = version


class UnknownCalendar(Exception):
    """No calendar of that version is bundled, and no file of that name exists."""

    def __init__(self, *, version: str, known: tuple[str, ...]) -> None:
        super().__init__(
            f"no calendar {version!r}: use one of {', '.join(known)}, or the path of a file made by qos calendar make"
        )
        self.version = version
        self.known = known


class Holiday(Struct, frozen=True, array_like=True):
    """A national holiday: its date, its name in the country's language and in English."""

    date: date
    name: str
    name_en: str


class CalendarData(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A calendar file. `closed_days` are the office's own, MM-DD of every year; `weekend` is Monday=0 .. Sunday=6."""

    version: Annotated[str, Meta(min_length=1, max_length=64, pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$")]
    country: str
    made_with: str
    first_year: Annotated[int, Meta(ge=1, le=9998)]
    last_year: Annotated[int, Meta(ge=1, le=9998)]
    weekend: tuple[Annotated[int, Meta(ge=0, le=6)], ...] = (5, 6)
    closed_days: tuple[MonthDay, ...] = ()
    holidays: tuple[Holiday, ...]


class Calendar:
    """Business days of a range of years, and the local date of an instant. Immutable; share it freely.

    `first` and `last` are the ordinals of the range. `through` and `nth` are the prefix counts that the clock counts
    with: both are one index into a table. `content` is the data as JSON text, and `digest` its SHA-256 in hexadecimal:
    other data under the same version has another one.
    """

    __slots__ = (
        "_business",
        "_counts",
        "_holidays",
        "content",
        "data",
        "digest",
        "every_day",
        "first",
        "last",
        "time_zone",
        "version",
    )

    def __init__(self, data: CalendarData, time_zone: str = DEFAULT_TIME_ZONE) -> None:
        """Build the prefix counts: once a process. Raises ZoneInfoNotFoundError for an unknown time zone."""
        self.data = data
        self.version = data.version
        self.content = msgspec.json.encode(data).decode()
        self.digest = sha256(self.content.encode()).hexdigest()
        self.time_zone = ZoneInfo(time_zone)
        self.first = date(data.first_year, 1, 1).toordinal()
        self.last = date(data.last_year, 12, 31).toordinal()
        self._holidays: Mapping[int, Holiday] = {holiday.date.toordinal(): holiday for holiday in data.holidays}
        counts = [0]  # of the day before the first, so that counting may start with the first
        business: list[int] = []
        for ordinal in range(self.first, self.last + 1):
            if self._closure(ordinal) is None:
                business.append(ordinal)
            counts.append(len(business))
        self._counts = tuple(counts)
        self._business = tuple(business)
        self.every_day = EveryDay(self)

    @classmethod
    def load(cls, version: str | None = None, time_zone: str = DEFAULT_TIME_ZONE) -> "Calendar":
        """The bundled calendar of that version (None: the default), or of a file if `version` is its path (`*.json`).

        Raises UnknownCalendar, ZoneInfoNotFoundError, msgspec.ValidationError (a file that isn't a calendar).
        """
        return _load(version or DEFAULT_VERSION, time_zone)

    @classmethod
    def parse(cls, raw: bytes, time_zone: str = DEFAULT_TIME_ZONE) -> "Calendar":
        """The calendar of a file's content. Raises msgspec.DecodeError or msgspec.ValidationError."""
        return cls(msgspec.json.decode(raw, type=CalendarData), time_zone)

    def local(self, instant: datetime) -> datetime:
        """`instant` (aware) in the office's time zone. Total: at the two ends of time it stays within them.

        Raises ValueError for a naive datetime.
        """
        if instant.tzinfo is None:
            raise ValueError("an instant needs an offset: this datetime has none")
        try:
            return instant.astimezone(self.time_zone)
        except OverflowError:
            return _inner_end(instant).astimezone(self.time_zone)

    def universal(self, instant: datetime) -> datetime:
        """`instant` (aware) in UTC, where instants compare and subtract as they follow each other. Total as `local`.

        Two datetimes of one ZoneInfo would compare by the wall, which shows the hour of a clock change twice.
        """
        if instant.tzinfo is None:
            raise ValueError("an instant needs an offset: this datetime has none")
        try:
            return instant.astimezone(UTC)
        except OverflowError:
            return _inner_end(instant)

    def local_date(self, instant: datetime) -> date:
        """The date on the office's wall when `instant` (aware) happened, in any year. Raises ValueError if naive."""
        return self.local(instant).date()

    def is_business_day(self, day: date) -> bool:
        """Not a weekend day, national holiday or closed day. Raises CalendarRange."""
        ordinal = self.check(day.toordinal())
        return self.through(ordinal) > self.through(ordinal - 1)

    def business_days(self, after: date, until: date) -> int:
        """The number of business days d with after < d <= until; 0 if until <= after. Raises CalendarRange."""
        return max(0, self.through(until.toordinal()) - self.through(after.toordinal()))

    def nth_business_day_after(self, day: date, n: int) -> date:
        """The n-th business day after `day` (n >= 1; n = 0 is `day` itself). Raises CalendarRange."""
        if n < 0:
            raise ValueError(f"n is {n}: it counts business days after a day, from 0")
        return date.fromordinal(self.nth(self.through(day.toordinal()) + n)) if n else day

    def through(self, ordinal: int) -> int:
        """The number of business days from the start of the range through that day.

        The day before the range is 0. Raises CalendarRange for any other day outside it.
        """
        if self.first - 1 <= ordinal <= self.last:
            return self._counts[ordinal - self.first + 1]
        raise self._out_of_range(ordinal)

    def nth(self, count: int) -> int:
        """The ordinal of the business day with `through(it) == count`, from 1. Raises CalendarRange."""
        if 1 <= count <= len(self._business):
            return self._business[count - 1]
        raise self._out_of_range(self.last + count - len(self._business) if count > 0 else self.first - 1)

    def closure(self, day: date) -> Closure | None:
        """Why `day` is not a business day; None if it is one. Raises CalendarRange."""
        return self._closure(self.check(day.toordinal()))

    def holiday(self, day: date) -> Holiday | None:
        """The national holiday on `day`, if it is one."""
        return self._holidays.get(day.toordinal())

    def check(self, ordinal: int) -> int:
        """The ordinal itself. Raises CalendarRange unless the data covers that day."""
        if self.first <= ordinal <= self.last:
            return ordinal
        raise self._out_of_range(ordinal)

    def _closure(self, ordinal: int) -> Closure | None:
        if ordinal in self._holidays:
            return "holiday"
        day = date.fromordinal(ordinal)
        if day.weekday() in self.data.weekend:
            return "weekend"
        if f"{day.month:02}-{day.day:02}" in self.data.closed_days:
            return "closed_day"
        return None

    def _out_of_range(self, ordinal: int) -> CalendarRange:
        return CalendarRange(
            first=date.fromordinal(self.first),
            last=date.fromordinal(self.last),
            late=ordinal > self.last,
            version=self.version,
        )


class EveryDay:
    """Counts calendar days as `Calendar` counts business days: every day of its range."""

    __slots__ = ("_calendar", "_first", "_last")

    def __init__(self, calendar: Calendar) -> None:
        self._calendar, self._first, self._last = calendar, calendar.first, calendar.last

    def through(self, ordinal: int) -> int:
        return ordinal

    def nth(self, count: int) -> int:
        return count if self._first <= count <= self._last else self._calendar.check(count)


def _inner_end(instant: datetime) -> datetime:
    return datetime(1, 1, 3, tzinfo=UTC) if instant.year == 1 else datetime(9999, 12, 29, tzinfo=UTC)


def bundled_versions() -> tuple[str, ...]:
    """The versions of the calendars that come with the package."""
    names = (entry.name for entry in files("qos_domain").joinpath("data").iterdir())
    prefix, suffix = "calendar-", ".json"
    return tuple(
        sorted(name[len(prefix) : -len(suffix)] for name in names if name.startswith(prefix) and name.endswith(suffix))
    )


@cache
def _load(version: str, time_zone: str) -> Calendar:
    if version in bundled_versions():
        raw = files("qos_domain").joinpath("data", f"calendar-{version}.json").read_bytes()
        return Calendar.parse(raw, time_zone)
    if version.endswith(".json") and Path(version).is_file():
        return Calendar.parse(Path(version).read_bytes(), time_zone)
    raise UnknownCalendar(version=version, known=bundled_versions())

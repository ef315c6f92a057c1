"""Which days are business days, and on which local date an instant falls (docs/clock.md, The calendar).

A calendar is data: made once (`qos calendar make`), kept with a version, never computed at run time. Another version
is a recorded restatement. All arithmetic is on ordinals (`date.toordinal`) over prefix counts: no loop over days.
"""

from bisect import bisect_left
from collections.abc import Mapping
from datetime import date, datetime
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Annotated
from zoneinfo import ZoneInfo

import msgspec
from msgspec import Meta, Struct

DEFAULT_VERSION = "jp-tokyo-1"
DEFAULT_TIME_ZONE = "Asia/Tokyo"

MonthDay = Annotated[str, Meta(pattern=r"^(0[1-9]|1[0-2])-(0[1-9]|[12][0-9]|3[01])$")]


class CalendarRange(Exception):
    """A date (ISO 8601) is outside the years that the calendar's data covers: only more data can judge it."""

    def __init__(self, *, day: str, first: date, last: date, version: str) -> None:
        super().__init__(
            f"{day} is outside calendar {version}, which covers {first} to {last}:"
            " check the date, or make a calendar of more years (qos calendar make)"
        )
        self.day = day
        self.first = first
        self.last = last
        self.version = version


class UnknownCalendar(Exception):
    """No calendar of that version is bundled, and no file of that name exists."""

    def __init__(self, *, version: str, known: tuple[str, ...]) -> None:
        super().__init__(
            f"no calendar {version!r}: use one of {', '.join(known)}, or the path of a file that qos calendar make wrote"
        )
        self.version = version
        self.known = known


class Holiday(Struct, frozen=True, array_like=True):
    """A national holiday: its date, its name in the country's language and in English."""

    date: date
    name: str
    name_en: str


class CalendarData(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A calendar file. `closed_days` are the office's own, as MM-DD of every year; `weekend` is Monday=0 .. Sunday=6."""

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

    `first` and `last` are the ordinals of the range. `counts[d - first]` is the number of business days in
    [first, d]; `business_ordinals` are the business days in order, so that the n-th after a day is one index.
    """

    __slots__ = ("_holidays", "business_ordinals", "counts", "data", "first", "last", "time_zone", "version")

    def __init__(self, data: CalendarData, time_zone: str = DEFAULT_TIME_ZONE) -> None:
        """Build the prefix counts: once a process. Raises ZoneInfoNotFoundError for an unknown time zone."""
        self.data = data
        self.version = data.version
        self.time_zone = ZoneInfo(time_zone)
        self.first = date(data.first_year, 1, 1).toordinal()
        self.last = date(data.last_year, 12, 31).toordinal()
        self._holidays: Mapping[int, Holiday] = {holiday.date.toordinal(): holiday for holiday in data.holidays}
        counts: list[int] = []
        business: list[int] = []
        for ordinal in range(self.first, self.last + 1):
            if self._closure(ordinal) is None:
                business.append(ordinal)
            counts.append(len(business))
        self.counts = tuple(counts)
        self.business_ordinals = tuple(business)

    @classmethod
    def load(cls, version: str = DEFAULT_VERSION, time_zone: str = DEFAULT_TIME_ZONE) -> "Calendar":
        """The bundled calendar of that version, or that of a file if `version` is the path of one (`*.json`).

        Raises UnknownCalendar, ZoneInfoNotFoundError, msgspec.ValidationError (a file that isn't a calendar).
        """
        return _load(version, time_zone)

    @classmethod
    def parse(cls, raw: bytes, time_zone: str = DEFAULT_TIME_ZONE) -> "Calendar":
        """The calendar of a file's content. Raises msgspec.DecodeError or msgspec.ValidationError."""
        return cls(msgspec.json.decode(raw, type=CalendarData), time_zone)

    def local_date(self, instant: datetime) -> date:
        """The date on the office's wall when `instant` (aware) happened. Any year; raises ValueError if naive."""
        return date.fromordinal(self.local_ordinal(instant))

    def local_ordinal(self, instant: datetime) -> int:
        """`local_date` as an ordinal. Raises ValueError for a naive datetime, CalendarRange at the ends of time."""
        if instant.tzinfo is None:
            raise ValueError("an instant needs an offset: this datetime has none")
        try:
            return instant.astimezone(self.time_zone).toordinal()
        except OverflowError:
            raise self._out_of_range(instant.isoformat()) from None

    def is_business_day(self, day: date) -> bool:
        """Not a weekend day, national holiday or closed day. Raises CalendarRange."""
        return self.is_business_ordinal(day.toordinal())

    def is_business_ordinal(self, ordinal: int) -> bool:
        self.check(ordinal)
        position = bisect_left(self.business_ordinals, ordinal)
        return position < len(self.business_ordinals) and self.business_ordinals[position] == ordinal

    def business_days(self, after: date, until: date) -> int:
        """The number of business days d with after < d <= until; 0 if until <= after. Raises CalendarRange."""
        low, high = after.toordinal(), until.toordinal()
        self.check(low)
        self.check(high)
        return max(0, self.counts[high - self.first] - self.counts[low - self.first])

    def nth_business_day_after(self, day: date, n: int) -> date:
        """The n-th business day after `day` (n >= 1; n = 0 is `day` itself). Raises CalendarRange."""
        if n < 0:
            raise ValueError(f"n is {n}: it counts business days after a day, from 0")
        if n == 0:
            return day
        ordinal = day.toordinal()
        self.check(ordinal)
        return date.fromordinal(self.business_ordinal(self.counts[ordinal - self.first] + n))

    def business_ordinal(self, n: int) -> int:
        """The ordinal of the n-th business day of the whole range, from 1. Raises CalendarRange after the last."""
        if n > len(self.business_ordinals):
            raise self._out_of_range(f"the business day {n - len(self.business_ordinals)} after the last")
        return self.business_ordinals[n - 1]

    def closure(self, day: date) -> str | None:
        """Why `day` is not a business day (`weekend`, `holiday`, `closed_day`), or None. Raises CalendarRange."""
        ordinal = day.toordinal()
        self.check(ordinal)
        return self._closure(ordinal)

    def holiday(self, day: date) -> Holiday | None:
        """The national holiday on `day`, if it is one."""
        return self._holidays.get(day.toordinal())

    def check(self, ordinal: int) -> None:
        """Raises CalendarRange unless the data covers that day."""
        if not self.first <= ordinal <= self.last:
            known = date.min.toordinal() <= ordinal <= date.max.toordinal()
            raise self._out_of_range(date.fromordinal(ordinal).isoformat() if known else f"day {ordinal}")

    def _closure(self, ordinal: int) -> str | None:
        if ordinal in self._holidays:
            return "holiday"
        day = date.fromordinal(ordinal)
        if day.weekday() in self.data.weekend:
            return "weekend"
        if f"{day.month:02}-{day.day:02}" in self.data.closed_days:
            return "closed_day"
        return None

    def _out_of_range(self, day: str) -> CalendarRange:
        first, last = date.fromordinal(self.first), date.fromordinal(self.last)
        return CalendarRange(day=day, first=first, last=last, version=self.version)


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

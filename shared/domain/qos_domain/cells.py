"""From dated buckets to the sums that indicators are made of (docs/indicators.md, Where figures come from)."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from typing import TypeAlias

from qos_domain.measures import Cell, Measure, Sums
from qos_domain.periods import FiscalYear, Span, Window, trailing
from qos_domain.vocabulary import Channel

DatedCell: TypeAlias = tuple[date, Cell, int]

# What becomes of a start is seen only later: a start counts from the day after it, and a start that led to nothing
# counts as abandoned after seven days. So these measures are summed up to so many days before as_of and no further.
SETTLING_DAYS: Mapping[Measure, int] = {
    "started": 1,
    "started_submitted": 1,
    "started_elsewhere": 1,
    "started_abandoned": 1,
    "started_pending": 7,
}

# What each part of Buckets is read for; a part may hold more.
STOCK_MEASURES: tuple[Measure, ...] = ("arrived", "ended", "breached", "recovered", "withdrawn_overdue")
TRAILING_YEAR_MEASURES: tuple[Measure, ...] = ("arrived",)
FISCAL_YEAR_MEASURES: tuple[Measure, ...] = ("met", "breached")

_NO_BINS: Mapping[int, int] = {}


def last_day(measure: Measure, span: Span, as_of: date) -> date:
    """The last day of a span up to which a measure is summed as of a day."""
    return min(span.end, as_of - timedelta(SETTLING_DAYS.get(measure, 0)))


def sum_days(rows: Iterable[DatedCell], span: Span, as_of: date) -> dict[Cell, int]:
    """Buckets summed over a span as of a day, each measure up to its `last_day`."""
    last = {measure: last_day(measure, span, as_of) for measure in SETTLING_DAYS}
    end = min(span.end, as_of)
    total: dict[Cell, int] = {}
    for day, cell, count in rows:
        if span.start <= day <= last.get(cell[2], end):
            total[cell] = total.get(cell, 0) + count
    return {cell: count for cell, count in total.items() if count}


@dataclass(frozen=True, slots=True)
class Spans:
    """The days that each part of `Buckets` is summed over."""

    window: Span
    until: Span
    trailing_year: Span
    fiscal_year: Span

    @classmethod
    def of(cls, window: Window, as_of: date) -> "Spans":
        return cls(
            window=window.span.until(as_of),
            until=Span(date.min, as_of),
            trailing_year=trailing(as_of, 365),
            fiscal_year=FiscalYear.of(as_of).span.until(as_of),
        )


@dataclass(frozen=True, slots=True)
class Buckets:
    """Day buckets of one scope (a procedure, an organisation, all) as of a day, summed over the days of `Spans`.

    `until` holds every day up to as_of and is read for STOCK_MEASURES only, the two years for theirs.
    """

    window: Sums
    until: Sums
    trailing_year: Sums
    fiscal_year: Sums

    @classmethod
    def gather(cls, rows: Iterable[DatedCell], window: Window, as_of: date) -> "Buckets":
        """From dated buckets of the scope, in any order; days outside the spans are left out."""
        rows, spans = list(rows), Spans.of(window, as_of)
        return cls(
            window=sum_days(rows, spans.window, as_of),
            until=_only(STOCK_MEASURES, sum_days(rows, spans.until, as_of)),
            trailing_year=_only(TRAILING_YEAR_MEASURES, sum_days(rows, spans.trailing_year, as_of)),
            fiscal_year=_only(FISCAL_YEAR_MEASURES, sum_days(rows, spans.fiscal_year, as_of)),
        )

    def of_channel(self, channel: Channel) -> "Buckets":
        return Buckets(*(_of_channel(channel, part) for part in self._parts))

    @property
    def channels(self) -> tuple[Channel, ...]:
        """The channels of which there is anything, in alphabetical order."""
        return tuple(sorted({cell[0] for part in self._parts for cell in part}))

    @property
    def _parts(self) -> tuple[Sums, ...]:
        return (self.window, self.until, self.trailing_year, self.fiscal_year)


def _only(measures: tuple[Measure, ...], sums: Sums) -> Sums:
    return {cell: count for cell, count in sums.items() if cell[2] in measures}


def _of_channel(channel: Channel, sums: Sums) -> Sums:
    return {cell: count for cell, count in sums.items() if cell[0] == channel}


class Tally:
    """Sums, ready to be asked: how many of a measure, by bin, of all channels or of the online ones."""

    __slots__ = ("_all", "_online")

    def __init__(self, sums: Sums) -> None:
        self._all: dict[Measure, dict[int, int]] = {}
        self._online: dict[Measure, dict[int, int]] = {}
        for (_, online, measure, bin_), count in sums.items():
            bins = self._all.setdefault(measure, {})
            bins[bin_] = bins.get(bin_, 0) + count
            if online:
                bins = self._online.setdefault(measure, {})
                bins[bin_] = bins.get(bin_, 0) + count

    def bins(self, measure: Measure, *, online: bool = False) -> Mapping[int, int]:
        """Counts by bin; `online` restricts them to the channels that count as online."""
        return (self._online if online else self._all).get(measure, _NO_BINS)

    def count(self, measure: Measure, *, online: bool = False) -> int:
        return sum(self.bins(measure, online=online).values())

    def yes(self, measure: Measure, *, online: bool = False) -> int:
        """The count of bin 1, of a measure whose bin is 1 for yes and 0 for no."""
        return self.bins(measure, online=online).get(1, 0)

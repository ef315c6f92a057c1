"""What the figures for Prometheus are made of, by scope: the shapes that PostgreSQL is read into.

A scope is a priority procedure, an organisation with all its other procedures, or all.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from fractions import Fraction
from typing import Literal, Protocol, TypeAlias

from qos_domain.assessment import Settled
from qos_domain.calendar import Calendar
from qos_domain.criteria import Principle
from qos_domain.measures import Cell, Measure
from qos_domain.periods import Span, window
from qos_domain.workload import Workload
from qos_metrics.ports import MapReadings, Part

ScopeName: TypeAlias = tuple[Literal["procedure", "organisation", "all"], str]
ALL: ScopeName = ("all", "")
WindowName: TypeAlias = Literal["3d", "7d", "28d", "fiscal_year"]

_RESULTS: tuple[Measure, ...] = ("met", "breached")
MEASURES: Mapping[WindowName, tuple[Measure, ...]] = {
    "3d": _RESULTS,
    "7d": (*_RESULTS, "arrived"),
    "28d": (*_RESULTS, "arrived", "calendar_days", "payments", "rating"),
    "fiscal_year": _RESULTS,
}
"""The windows that figures are made of, and what is read of each."""
FORECAST_BUSINESS_DAYS: Mapping[str, int] = {"1bd": 1, "5bd": 5}


@dataclass(frozen=True, slots=True)
class Moment:
    """When figures are of: an instant, its local date, the days of each window, and how far each forecast looks."""

    now: datetime
    today: date
    parts: Mapping[WindowName, Part]
    horizons: Mapping[str, date]

    @classmethod
    def of(cls, now: datetime, calendar: Calendar) -> "Moment":
        """Raises CalendarRange where the calendar ends before the forecast does."""
        today = calendar.local_date(now)
        return cls(
            now,
            today,
            {name: Part(window(name, today).span, measures) for name, measures in MEASURES.items()},
            {name: calendar.nth_business_day_after(today, days) for name, days in FORECAST_BUSINESS_DAYS.items()},
        )


@dataclass(frozen=True, slots=True)
class Name:
    ja: str
    en: str | None = None


@dataclass(frozen=True, slots=True)
class PriorityProcedure:
    """What the registry says of it, by the version in force (or the first one before that)."""

    organisation_id: str
    name: Name
    objective: Fraction


@dataclass(frozen=True, slots=True)
class OpenCases:
    """How the open cases of a scope stand, and how many will breach by the end of each horizon if they stay open."""

    workload: Workload
    oldest_arrival: date
    forecasts: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class Levels:
    """What processing assessed last of a procedure."""

    live: Mapping[Principle, MapReadings]
    settled: Settled | None = None


@dataclass(frozen=True, slots=True)
class Readings:
    """All of one moment. `results` counts those of the fiscal year under each objective that the procedures of a scope
    have; a scope without an open case is not in `open_cases`."""

    priority: Mapping[str, PriorityProcedure] = field(default_factory=dict)
    organisations: Mapping[str, Name] = field(default_factory=dict)
    sums: Mapping[ScopeName, Mapping[WindowName, Mapping[Cell, int]]] = field(default_factory=dict)
    results: Mapping[ScopeName, Mapping[Fraction, int]] = field(default_factory=dict)
    open_cases: Mapping[ScopeName, OpenCases] = field(default_factory=dict)
    levels: Mapping[str, Levels] = field(default_factory=dict)
    pending_rejudgements: int = 0


class GaugeSource(Protocol):
    """Where the readings come from. All of it raises TransientFailure while the database is away."""

    async def busy_procedures(self, last_year: Span, least_applications: int) -> frozenset[str]:
        """Those with so many applications in the last full fiscal year: they are priority procedures undeclared."""
        ...

    async def readings(self, busy: frozenset[str], moment: Moment) -> Readings:
        """Of every priority procedure (busy, or declared one) and, without those, of every organisation."""
        ...

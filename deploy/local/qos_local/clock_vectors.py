"""Cases of the clock as JSON lines: rules and facts in, what the clock must say out (docs/clock.md, Checking it)."""

from datetime import date
from typing import Annotated

import msgspec
from msgspec import Meta, Struct

from qos_domain.calendar import Calendar
from qos_domain.clock import ClockFacts, Judgement, judge
from qos_domain.procedures import ClockRules, Period
from qos_domain.vocabulary import Instant, Stop, SuspensionReason, Unit


class VectorRules(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    unit: Unit
    period: Annotated[int, Meta(ge=0, le=100_000)]
    count_arrival_day: bool = False
    roll_to_business_day: bool = False
    stop: Stop = "notification"


class VectorSuspension(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The two events of an id, either of which may be missing. The reason is one that suspends, unless said."""

    id: str
    suspended: Instant | None = None
    resumed: Instant | None = None
    reason: SuspensionReason = "correction"


class VectorExtension(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    time: Instant
    due_date: date
    id: str = ""


class VectorFacts(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    arrival: Instant
    suspensions: tuple[VectorSuspension, ...] = ()
    decisions: tuple[Instant, ...] = ()
    results: tuple[Instant, ...] = ()
    extensions: tuple[VectorExtension, ...] = ()
    due_date: date | None = None


class Vector(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One line. What a line expects may stand in it, so that a file of vectors can be piped in; it isn't looked at."""

    rules: VectorRules
    facts: VectorFacts
    expect: msgspec.Raw = msgspec.Raw()


class UnusableVector(Exception):
    """A line that can't be judged: `str()` says which field, and why."""


_DECODER = msgspec.json.Decoder(Vector)


def read_vector(line: bytes) -> Vector:
    """Raises UnusableVector."""
    try:
        return _DECODER.decode(line)
    except msgspec.DecodeError as error:
        raise UnusableVector(str(error)) from error


def judge_vector(vector: Vector, calendar: Calendar) -> Judgement:
    """Raises UnusableVector if the case leaves the calendar's years."""
    rules, facts = vector.rules, vector.facts
    judgement = judge(
        ClockFacts(
            arrival=facts.arrival,
            suspended=tuple((one.id, one.suspended, one.reason) for one in facts.suspensions if one.suspended),
            resumed=tuple((one.id, one.resumed) for one in facts.suspensions if one.resumed),
            decisions=facts.decisions,
            results=facts.results,
            due_date=facts.due_date,
            extensions=tuple((one.time, one.id, one.due_date) for one in facts.extensions),
        ),
        ClockRules(
            count_arrival_day=rules.count_arrival_day,
            roll_to_business_day=rules.roll_to_business_day,
            stop=rules.stop,
        ),
        Period(unit=rules.unit, maximum=rules.period),
        calendar,
    )
    if "outside_calendar" in judgement.flags:
        years = f"{calendar.data.first_year} to {calendar.data.last_year}"
        raise UnusableVector(f"a date outside calendar {calendar.version} ({years}) - at `$.facts` or `$.rules`")
    return judgement


def expectation(judgement: Judgement) -> dict[str, object]:
    """What a vector expects: `due_at` for hours alone; no result of a case that stops before it arrives."""
    dates: dict[str, object] = {"arrival_date": judgement.arrival_date, "stop_date": judgement.stop_date}
    if judgement.inconsistent:
        return {**dates, "inconsistent": True}
    if judgement.unit == "hours":
        dates["due_at"] = judgement.due_at
    return {
        **dates,
        "due_date": judgement.due_date,
        "breach_date": judgement.breach_date,
        "elapsed": judgement.elapsed,
        "within": judgement.within,
    }

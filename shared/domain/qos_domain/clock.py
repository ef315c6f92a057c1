"""The clock of a case: when it is due, when it breaches, what it took (docs/clock.md).

`judge` is one pure function of what is known of a case: the order of facts can't matter, time is never read, and no
step loops over days.
"""

from collections.abc import Sequence
from datetime import date, datetime

from msgspec import Struct

from qos_domain.calendar import Calendar, CalendarRange
from qos_domain.counting import Span, free_count, period_days
from qos_domain.hours import CONTINUOUS, HOUR, instant_spans, to_day_spans, to_instant, to_position
from qos_domain.procedures import ClockRules, Period
from qos_domain.suspensions import day_spans, pair
from qos_domain.terms import NO_TERM, Term, term_of_date, term_of_days, term_of_hours, weigh
from qos_domain.vocabulary import SuspensionReason, Unit


class ClockFacts(Struct, frozen=True):
    """What the clock may know of a case: instants are aware, the order inside the tuples doesn't matter."""

    arrival: datetime
    # (suspension_id, instant, reason) and (suspension_id, instant): the raw events, perhaps repeated or half missing
    suspended: tuple[tuple[str, datetime, SuspensionReason], ...] = ()
    resumed: tuple[tuple[str, datetime], ...] = ()
    decisions: tuple[datetime, ...] = ()
    results: tuple[datetime, ...] = ()  # notifications whose purpose is result
    due_date: date | None = None  # the submission's own
    extensions: tuple[tuple[datetime, str, date], ...] = ()  # (instant, extension_id, new due date)
    withdrawn: datetime | None = None  # never ends the clock by itself


class Judgement(Struct, frozen=True, kw_only=True):
    """What the clock says of a case. Dates are local, instants in the calendar's time zone.

    Without a period and an own due date `due_date`, `breach_date` and `within` are None. An inconsistent case has its
    arrival and its stop, and no due date and no result.
    """

    arrival_date: date
    stop_date: date | None = None
    stop_at: datetime | None = None
    inconsistent: bool = False  # a stop dated before the arrival
    unit: Unit | None = None  # of the period; None without one
    due_date: date | None = None
    breach_date: date | None = None
    due_at: datetime | None = None  # hours only
    elapsed: int | None = None  # counted days (business or calendar), or whole hours; None while open
    within: bool | None = None  # None while open, and without a due date
    due_soon_date: date | None = None  # the first date with few days left
    due_soon_at: datetime | None = None  # hours only
    suspended: tuple[tuple[date, date | None], ...] = ()  # suspended on d: from <= d < to; None while open
    flags: frozenset[str] = frozenset()


def judge(facts: ClockFacts, rules: ClockRules, period: Period | None, calendar: Calendar) -> Judgement:
    """The clock's verdict on a case. Total: where the calendar doesn't reach, no due date and `outside_calendar`.

    Flags: `suspension_leftover` (an event without its counterpart, or one too many), `extension_ignored` (dated after
    the due date that it would replace, or with nothing to replace), `outside_calendar`. Raises ValueError for a naive
    datetime.
    """
    arrival = calendar.local(facts.arrival).toordinal()
    stop_at = _earliest(facts.results if rules.stop == "notification" else facts.decisions, calendar)
    stop = None if stop_at is None else stop_at.toordinal()
    unit = None if period is None else period.unit
    if stop is not None and stop < arrival:
        return Judgement(
            arrival_date=date.fromordinal(arrival),
            stop_date=date.fromordinal(stop),
            stop_at=stop_at,
            inconsistent=True,
            unit=unit,
        )
    hours = unit == "hours"
    spans: list[Span] = []  # of instants for a period in hours, of days for any other
    flags = _NO_FLAGS
    if facts.suspended or facts.resumed:
        suspensions, left_over = pair(facts.suspended, facts.resumed, calendar, by_instant=hours)
        suspending = [suspension for suspension in suspensions if suspension.reason in rules.suspending_reasons]
        spans = (instant_spans if hours else day_spans)(suspending, facts.decisions, stop_at, calendar)
        if left_over:
            flags = frozenset({"suspension_leftover"})
    term, elapsed = NO_TERM, None
    try:
        calendar.check(arrival)
        start = arrival - rules.count_arrival_day
        counting = calendar if unit == "business_days" else calendar.every_day
        if period is not None and hours:
            begin = to_position(facts.arrival, calendar)
            if stop_at is not None:
                elapsed = free_count(CONTINUOUS, begin, to_position(stop_at, calendar), spans) // HOUR
            if facts.due_date is None:
                term = term_of_hours(period.maximum, begin, spans, calendar)
        elif period is not None:
            if stop is not None:
                elapsed = free_count(counting, start, stop, spans)
            if facts.due_date is None:
                roll = calendar if rules.roll_to_business_day else None
                days = period_days(period, start)
                term = term_of_days(days, arrival, start, spans, counting=counting, roll=roll)
        own = None if facts.due_date is None else facts.due_date.toordinal()
        if facts.extensions:
            due = term.due if own is None else own
            extensions = weigh(facts.extensions, due, calendar, replaceable=own is not None or unit is not None)
            own = next((extension.due for extension in reversed(extensions) if extension.counts), own)
            if not all(extension.counts for extension in extensions):
                flags |= {"extension_ignored"}
        if own is not None:
            term = term_of_date(calendar.check(own), arrival, start, counting)
    except (CalendarRange, OverflowError):
        term = NO_TERM
        flags |= {"outside_calendar"}
    return Judgement(
        arrival_date=date.fromordinal(arrival),
        stop_date=None if stop is None else date.fromordinal(stop),
        stop_at=stop_at,
        unit=unit,
        due_date=None if term.due is None else date.fromordinal(term.due),
        breach_date=None if term.breach is None else date.fromordinal(term.breach),
        due_at=None if term.due_at is None else to_instant(term.due_at, calendar),
        elapsed=elapsed,
        within=_within(stop_at, term, calendar),
        due_soon_date=None if term.due_soon is None else date.fromordinal(term.due_soon),
        due_soon_at=None if term.due_soon_at is None else to_instant(term.due_soon_at, calendar),
        suspended=_status(to_day_spans(spans, calendar) if hours else spans, arrival),
        flags=flags,
    )


def _earliest(instants: Sequence[datetime], calendar: Calendar) -> datetime | None:
    if not instants:
        return None
    first = instants[0] if len(instants) == 1 else min(map(calendar.universal, instants))
    return calendar.local(first)


def _within(stop_at: datetime | None, term: Term, calendar: Calendar) -> bool | None:
    if stop_at is None or term.breach is None:
        return None
    if term.due_at is not None:
        return to_position(stop_at, calendar) <= term.due_at
    return stop_at.toordinal() < term.breach


def _status(spans: Sequence[Span], arrival: int) -> tuple[tuple[date, date | None], ...]:
    return tuple(
        (date.fromordinal(max(low, arrival)), None if high is None else date.fromordinal(high))
        for low, high in spans
        if high is None or high > arrival
    )


_NO_FLAGS: frozenset[str] = frozenset()

"""Hours run by the instant, not by the day: positions are microseconds since 1970, and all of them count."""

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta

from qos_domain.calendar import Calendar
from qos_domain.counting import Span, merge
from qos_domain.suspensions import Suspension

HOUR = 3_600_000_000
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)


class Continuous:
    """Counts instants as a calendar counts days: each is its own running number."""

    __slots__ = ()

    def through(self, position: int, /) -> int:
        return position

    def nth(self, count: int, /) -> int:
        return count


CONTINUOUS = Continuous()


def to_position(instant: datetime, calendar: Calendar) -> int:
    return (calendar.universal(instant) - _EPOCH) // _MICROSECOND


def to_instant(position: int, calendar: Calendar) -> datetime:
    """The instant in the calendar's time zone. Raises CalendarRange if its date is outside the calendar."""
    try:
        instant = calendar.local(_EPOCH + position * _MICROSECOND)
    except OverflowError:
        calendar.check(calendar.last + 1)
        raise
    calendar.check(instant.toordinal())
    return instant


def instant_span(suspension: Suspension, decisions: Iterable[int], stop: int | None, calendar: Calendar) -> Span:
    """[suspended, end): to the earliest of the resumption, the stop, a decision not before it, all by the instant."""
    begin = to_position(suspension.suspended_at, calendar)
    ends = [decision for decision in decisions if decision >= begin]
    if suspension.resumed_at is not None:
        ends.append(to_position(suspension.resumed_at, calendar))
    if stop is not None:
        ends.append(stop)
    return begin, min(ends, default=None)


def instant_spans(
    suspensions: Sequence[Suspension], decisions: Sequence[datetime], stop_at: datetime | None, calendar: Calendar
) -> list[Span]:
    """The merged spans of instants."""
    instants = [to_position(decision, calendar) for decision in decisions]
    stop = None if stop_at is None else to_position(stop_at, calendar)
    return merge(instant_span(suspension, instants, stop, calendar) for suspension in suspensions)


def to_day_spans(spans: Sequence[Span], calendar: Calendar) -> list[Span]:
    """The local dates of spans of instants, as days [from, to)."""
    return merge((_to_day(low, calendar), None if high is None else _to_day(high, calendar)) for low, high in spans)


def _to_day(position: int, calendar: Calendar) -> int:
    return calendar.local(_EPOCH + position * _MICROSECOND).toordinal()

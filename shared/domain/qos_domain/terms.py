"""Terms: the due date, the breach and the first day of being due soon, by each way in which a case can be due."""

from collections.abc import Sequence
from datetime import date, datetime
from typing import NamedTuple

from qos_domain.calendar import Calendar
from qos_domain.counting import Counting, Span, nth_free
from qos_domain.hours import CONTINUOUS, HOUR, to_instant


class Term(NamedTuple):
    """Ordinals of local dates; instants (hours only) in microseconds since 1970. None: not reached, or no such date."""

    due: int | None = None
    breach: int | None = None
    due_soon: int | None = None
    due_at: int | None = None
    due_soon_at: int | None = None


NO_TERM = Term()


def threshold(count: int) -> int:
    """A case is due soon when what remains of `count` is at most this: a fifth rounded up, at least 1."""
    return max(1, (count + 4) // 5)


def term_of_days(
    days: int, arrival: int, start: int, spans: Sequence[Span], *, counting: Counting, roll: Calendar | None
) -> Term:
    """The term of a period of `days` counted days; `roll` is the calendar to whose business days a due date moves on.

    A date that an open suspension keeps from being reached is None. Raises CalendarRange.
    """
    soon_after = days - threshold(days)
    due_soon = arrival if soon_after <= 0 else nth_free(counting, start, soon_after, spans)
    due = arrival if days == 0 else nth_free(counting, start, days, spans)
    if due is None:
        return Term(due_soon=due_soon)
    standstill = spans[-1][0] if spans and spans[-1][1] is None else None
    if roll is not None:
        due = roll.nth(roll.through(due - 1) + 1)
    if standstill is not None and due > max(standstill, arrival):
        return Term(due_soon=due_soon)
    return Term(due, nth_free(counting, max(due, start), 1, spans), due_soon)


def term_of_hours(hours: int, arrival: int, spans: Sequence[Span], calendar: Calendar) -> Term:
    """The term of a period of `hours`, from the instant `arrival`. Raises CalendarRange."""
    soon_after = hours - threshold(hours)
    due_soon_at = arrival if soon_after <= 0 else nth_free(CONTINUOUS, arrival, soon_after * HOUR, spans)
    due_at = arrival if hours == 0 else nth_free(CONTINUOUS, arrival, hours * HOUR, spans)
    due_soon = None if due_soon_at is None else to_instant(due_soon_at, calendar).toordinal()
    due = None if due_at is None else to_instant(due_at, calendar).toordinal()
    return Term(due, due, due_soon, due_at, due_soon_at)


def term_of_date(due: int, arrival: int, start: int, counting: Counting) -> Term:
    """The term of a case's own due date: breached the day after, suspensions are in it. Raises CalendarRange."""
    begin = counting.through(start)
    days = max(0, counting.through(due) - begin)
    soon_after = days - threshold(days)
    return Term(due, due + 1, arrival if soon_after <= 0 else counting.nth(begin + soon_after))


class Extension(NamedTuple):
    """A review.extended: `at` in UTC, the new due date as an ordinal, and whether it counts."""

    at: datetime
    extension_id: str
    due: int
    counts: bool


def weigh(
    extensions: Sequence[tuple[datetime, str, date]], due: int | None, calendar: Calendar, *, replaceable: bool
) -> list[Extension]:
    """The extensions in order of (instant, id, due date); one counts if dated on or before the due date it replaces.

    `due` is the first that can be replaced. None is one that an open suspension keeps from being reached, far ahead
    of any extension, if `replaceable`; else there is none, and nothing to extend.
    """
    weighed = []
    for at, extension_id, new in sorted((calendar.universal(at), name, new) for at, name, new in extensions):
        counts = replaceable if due is None else calendar.local(at).toordinal() <= due
        if counts:
            due = new.toordinal()
        weighed.append(Extension(at, extension_id, new.toordinal(), counts))
    return weighed

"""The clock of a case: when it is due, when it breaches, what it took (docs/clock.md).

`judge` is one pure function of what is known of a case: the order of facts can't matter, time is never read, and no
step loops over days.
"""

from datetime import date, datetime

from msgspec import Struct

from qos_domain.calendar import Calendar
from qos_domain.procedures import ClockRules, Period
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
    """What the clock says of a case. Dates are local; spans are [from, to), `to` None while open.

    Without a period and an own due date: `within`, `due_date` and `breach_date` are None. An inconsistent case has its
    arrival and its stop, and nothing else.
    """

    arrival_date: date
    stop_date: date | None = None
    stop_at: datetime | None = None
    inconsistent: bool = False  # a stop dated before the arrival
    unit: Unit | None = None  # of the period; None without one
    due_date: date | None = None
    breach_date: date | None = None
    due_at: datetime | None = None  # hours only, in the calendar's time zone
    elapsed: int | None = None  # counted days (business or calendar), or whole hours; None while open
    within: bool | None = None
    due_soon_date: date | None = None  # first local date with few days left
    due_soon_at: datetime | None = None  # hours only
    suspended: tuple[tuple[date, date | None], ...] = ()  # merged spans in which the case has the status suspended
    flags: frozenset[str] = frozenset()


def judge(facts: ClockFacts, rules: ClockRules, period: Period | None, calendar: Calendar) -> Judgement:
    """The clock's verdict on a case."""
    raise NotImplementedError

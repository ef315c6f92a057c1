"""Suspensions: raw events paired into spans in which the clock stands still (docs/clock.md, Suspensions)."""

from collections.abc import Iterable, Sequence
from datetime import datetime

from msgspec import Struct

from qos_domain.calendar import Calendar
from qos_domain.counting import Span, merge
from qos_domain.vocabulary import SuspensionReason


class Suspension(Struct, frozen=True):
    """One suspension_id's pair: the earliest suspended and the earliest resumed not before it.

    Instants are in UTC; days are ordinals of local dates.
    """

    suspension_id: str
    reason: SuspensionReason
    suspended_at: datetime
    suspended_day: int
    resumed_at: datetime | None
    resumed_day: int | None


def pair(
    suspended: Iterable[tuple[str, datetime, SuspensionReason]],
    resumed: Iterable[tuple[str, datetime]],
    calendar: Calendar,
    *,
    by_instant: bool,
) -> tuple[list[Suspension], bool]:
    """Each id's suspension, in order of (suspended_at, id), and whether any event was left over.

    "Not before" compares dates, or instants for a period in hours (`by_instant`). Of two suspended events of one id
    at the same instant the one with the lesser reason counts.
    """
    begins: dict[str, list[tuple[datetime, SuspensionReason]]] = {}
    for suspension_id, instant, reason in suspended:
        begins.setdefault(suspension_id, []).append((calendar.universal(instant), reason))
    ends: dict[str, list[datetime]] = {}
    for suspension_id, instant in resumed:
        ends.setdefault(suspension_id, []).append(calendar.universal(instant))
    suspensions = []
    left_over = not ends.keys() <= begins.keys()
    for suspension_id, candidates in begins.items():
        begin, reason = min(candidates)
        day = calendar.local(begin).toordinal()
        end = end_day = None
        for candidate in sorted(ends.get(suspension_id, ())):
            candidate_day = calendar.local(candidate).toordinal()
            if candidate >= begin if by_instant else candidate_day >= day:
                end, end_day = candidate, candidate_day
                break
        left_over |= len(candidates) > 1 or len(ends.get(suspension_id, ())) > (end is not None)
        suspensions.append(Suspension(suspension_id, reason, begin, day, end, end_day))
    suspensions.sort(key=lambda suspension: (suspension.suspended_at, suspension.suspension_id))
    return suspensions, left_over


def day_span(suspension: Suspension, decision_days: Iterable[int], stop_day: int | None) -> Span:
    """The days (suspended, end]: to the earliest of the resumption, the stop, a decision not dated before it."""
    ends = [day for day in decision_days if day >= suspension.suspended_day]
    if suspension.resumed_day is not None:
        ends.append(suspension.resumed_day)
    if stop_day is not None:
        ends.append(stop_day)
    return suspension.suspended_day, min(ends, default=None)


def day_spans(
    suspensions: Sequence[Suspension], decisions: Sequence[datetime], stop_at: datetime | None, calendar: Calendar
) -> list[Span]:
    """The merged spans of days; `stop_at` is in the calendar's time zone."""
    days = [calendar.local(decision).toordinal() for decision in decisions]
    stop = None if stop_at is None else stop_at.toordinal()
    return merge(day_span(suspension, days, stop) for suspension in suspensions)

"""What is to be said of a case's due date, and when to look again: pure functions of the case, what was said, and now.

A case is announced due soon once per breach date, breached once, recovered once it ended after that, and retracted when
late facts show that it never breached. A breach that stands on another date than the one announced is the same breach.
Figures don't depend on any of this (architecture, decision 6).
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time, timedelta
from typing import Literal, TypeAlias

from qos_domain.calendar import Calendar
from qos_domain.rows import CaseRow

Said: TypeAlias = Literal["due_soon", "breached", "recovered", "retracted"]
AnnouncementType: TypeAlias = Literal["sla.due_soon", "sla.breached", "sla.recovered", "sla.breach_retracted"]

IMMEDIATELY = datetime(2000, 1, 1, tzinfo=UTC)
BACKFILL_DAYS = 7
SAID: Mapping[str, Said] = {
    "sla.due_soon": "due_soon",
    "sla.breached": "breached",
    "sla.recovered": "recovered",
    "sla.breach_retracted": "retracted",
}
"""What an announcement says, by its type (`AnnouncementType`)."""

_TOLD = frozenset({"breached", "recovered"})
_ENDED_OR_OPEN = frozenset({"open", "stopped", "withdrawn"})
_TICK = timedelta(microseconds=1)


@dataclass(frozen=True, slots=True)
class Announced:
    """The last thing said of a case, for which breach date, and how many things were said in all."""

    said: Said | None = None
    breach_date: date | None = None
    count: int = 0


NOTHING_YET = Announced()


@dataclass(frozen=True, slots=True)
class Announcement:
    """One thing to say. `number` counts a case's announcements from 1; `backfill`: noticed more than 7 days late."""

    type: AnnouncementType
    number: int
    breach_date: date | None
    backfill: bool


def announce(
    case: CaseRow, announced: Announced, now: datetime, calendar: Calendar
) -> tuple[list[Announcement], Announced]:
    """What is to be said of the case as of `now`, in order, and what has been said once that is done."""
    today = calendar.local_date(now)
    announcements: list[Announcement] = []
    said, count = announced.said, announced.count

    def say(kind: AnnouncementType, breach_date: date | None, noticed_of: date | None) -> None:
        late = noticed_of is not None and (today - noticed_of).days > BACKFILL_DAYS
        announcements.append(Announcement(kind, count + len(announcements) + 1, breach_date, late))

    breached_at = _breached_at(case, calendar)
    told = said in _TOLD
    if breached_at is not None and (breached_at <= now or (told and case.breach_date == announced.breach_date)):
        if said is None or said in {"due_soon", "retracted"} or (said == "recovered" and case.status == "open"):
            say("sla.breached", case.breach_date, case.breach_date)
            said = "breached"
        if said == "breached" and case.status != "open":
            say("sla.recovered", case.breach_date, case.end_date)
            said = "recovered"
        return announcements, Announced(said, case.breach_date, count + len(announcements))
    if told:
        say("sla.breach_retracted", announced.breach_date, announced.breach_date)
        said = "retracted"
    about = announced.breach_date
    if _is_due_soon(case, now, today) and not (said == "due_soon" and about == case.breach_date):
        say("sla.due_soon", case.breach_date, None)
        said, about = "due_soon", case.breach_date
    return announcements, Announced(said, about, count + len(announcements))


def heard(announced: Announced, message: Announced) -> Announced:
    """What was said of a case by the messages that were read so far, and by this one; they may come in any order."""
    return message if message.count > announced.count else announced


def presume(case: CaseRow | None, as_of: datetime, calendar: Calendar, number: int) -> Announced:
    """What must have been said of a case by `as_of`, where the messages that said it are gone.

    It is what a sweep at that instant would have said. What is said next has the number after `number`: one that none
    of the forgotten ones had.
    """
    if case is None:
        return Announced(count=number)
    _, after = announce(case, NOTHING_YET, as_of, calendar)
    return replace(after, count=number)


def next_look(
    case: CaseRow, announced: Announced, calendar: Calendar, since: datetime | None = None
) -> datetime | None:
    """When `announce` will next have something to say if the case stays as it is; None: never.

    `since`: it had nothing to say then (any more). Without it the answer may lie in the past: it is overdue.
    """
    breached_at = _breached_at(case, calendar)
    if announced.said in _TOLD:
        if breached_at is None or case.breach_date != announced.breach_date:
            return IMMEDIATELY
        return IMMEDIATELY if (announced.said == "recovered") == (case.status == "open") else None
    if breached_at is None:
        return None
    if announced.said == "due_soon" and announced.breach_date == case.breach_date:
        return breached_at
    return min((at for at in _due_soon_moments(case, calendar) if since is None or at > since), default=breached_at)


def next_look_of_void(announced: Announced) -> datetime | None:
    """The same of a case of which no fact is left: a breach that was announced is to be taken back."""
    return IMMEDIATELY if announced.said in _TOLD else None


def _breached_at(case: CaseRow, calendar: Calendar) -> datetime | None:
    """The first instant at which the case is breached; None when it isn't going to be."""
    if case.result != "breached" or case.breach_date is None or case.status not in _ENDED_OR_OPEN:
        return None
    return _midnight(case.breach_date, calendar) if case.due_at is None else case.due_at + _TICK


def _is_due_soon(case: CaseRow, now: datetime, today: date) -> bool:
    if case.status != "open" or case.breach_date is None:
        return False
    if any(begin <= today and (end is None or today < end) for begin, end in case.suspended):
        return False
    if case.due_soon_at is not None:
        return case.due_soon_at <= now
    return case.due_soon_date is not None and case.due_soon_date <= today


def _due_soon_moments(case: CaseRow, calendar: Calendar) -> Iterator[datetime]:
    """The instants from which the case may be due soon: the first one, and the ends of suspensions after it."""
    if case.status != "open" or case.breach_date is None:
        return
    first = case.due_soon_at
    if first is None and case.due_soon_date is not None:
        first = _midnight(case.due_soon_date, calendar)
    breached_at = _breached_at(case, calendar)
    if first is None or breached_at is None or first >= breached_at:
        return
    ends = (_midnight(end, calendar) for _, end in case.suspended if end is not None)
    for at in (first, *(end for end in ends if first < end < breached_at)):
        if _is_due_soon(case, at, calendar.local_date(at)):
            yield at


def _midnight(day: date, calendar: Calendar) -> datetime:
    return datetime.combine(day, time(), tzinfo=calendar.time_zone).astimezone(UTC)

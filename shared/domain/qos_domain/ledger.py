"""The day ledger: every day of a case with counted or not, and the rule or the event that says so (docs/clock.md).

It walks day by day, on purpose: it is what a due date is explained with, and it shares with `judge` only the pairing of
suspensions and the weighing of extensions. Its last running total is the case's elapsed.
"""

from datetime import date, datetime, time, timedelta
from typing import Literal

from msgspec import Struct, structs

from qos_domain.calendar import Calendar
from qos_domain.clock import ClockFacts, Judgement, judge
from qos_domain.counting import free_count
from qos_domain.hours import CONTINUOUS, HOUR, instant_spans, to_position
from qos_domain.procedures import ClockRules, Period
from qos_domain.suspensions import Suspension, day_span, pair
from qos_domain.terms import weigh

DayReason = Literal["counted", "arrival_day", "weekend", "holiday", "closed_day", "suspended"]


class LedgerDay(Struct, frozen=True, kw_only=True):
    """One local date of a case.

    `elapsed` is the running total in the case's counting: days, or whole hours. `detail` names the holiday or the
    suspensions. `events` are what happened on that date, as text. `duration` (hours only) is how long the clock ran.
    """

    date: date
    counted: bool
    reason: DayReason
    detail: str | None = None
    elapsed: int
    duration: timedelta | None = None
    events: tuple[str, ...] = ()


def ledger(
    facts: ClockFacts,
    rules: ClockRules,
    period: Period | None,
    calendar: Calendar,
    until: date | None = None,
) -> tuple[LedgerDay, ...]:
    """Every date from the arrival to `until`: by default the stop, else the breach, else the last known event.

    Without a period calendar days are counted. An inconsistent case has no days. Raises CalendarRange where the
    calendar doesn't cover the case, and ValueError for a naive datetime.
    """
    judgement = judge(facts, rules, period, calendar)
    calendar.check(judgement.arrival_date.toordinal())
    if judgement.inconsistent:
        return ()
    case = _Case(facts, rules, period, calendar, judgement)
    last = until or max(judgement.arrival_date, judgement.stop_date or judgement.breach_date or max(case.events))
    ordinals = range(judgement.arrival_date.toordinal(), calendar.check(last.toordinal()) + 1)
    return case.by_hours(ordinals) if case.hours else case.by_days(ordinals)


class _Case:
    """A case read for explaining: which suspensions hold, and what happened when."""

    def __init__(
        self, facts: ClockFacts, rules: ClockRules, period: Period | None, calendar: Calendar, judgement: Judgement
    ) -> None:
        self.facts, self.rules, self.period, self.calendar, self.judgement = facts, rules, period, calendar, judgement
        self.hours = period is not None and period.unit == "hours"
        self.suspensions, _ = pair(facts.suspended, facts.resumed, calendar, by_instant=self.hours)
        self.suspending = [one for one in self.suspensions if one.reason in rules.suspending_reasons]
        self.events: dict[date, list[str]] = {}
        self._gather_events()

    def by_days(self, ordinals: range) -> tuple[LedgerDay, ...]:
        stop = None if self.judgement.stop_date is None else self.judgement.stop_date.toordinal()
        decisions = [self.calendar.local(decision).toordinal() for decision in self.facts.decisions]
        spans = [(one, day_span(one, decisions, stop)) for one in self.suspending]
        business = self.period is not None and self.period.unit == "business_days"
        days: list[LedgerDay] = []
        elapsed = 0
        for ordinal in ordinals:
            day = date.fromordinal(ordinal)
            closure = self.calendar.closure(day) if business else None
            standing = [one for one, (low, high) in spans if low < ordinal and (high is None or ordinal <= high)]
            reason: DayReason
            if ordinal == ordinals.start and not self.rules.count_arrival_day:
                reason, detail = "arrival_day", None
            elif closure is not None:
                holiday = self.calendar.holiday(day)
                reason, detail = closure, None if holiday is None else f"{holiday.name} ({holiday.name_en})"
            elif standing:
                reason, detail = "suspended", ", ".join(f"{one.suspension_id} ({one.reason})" for one in standing)
            else:
                reason, detail = "counted", None
                elapsed += 1
            days.append(self._day(day, reason, detail, elapsed, None))
        return tuple(days)

    def by_hours(self, ordinals: range) -> tuple[LedgerDay, ...]:
        arrival = to_position(self.facts.arrival, self.calendar)
        stop_at = self.judgement.stop_at
        stop = None if stop_at is None else to_position(stop_at, self.calendar)
        spans = instant_spans(self.suspending, self.facts.decisions, stop_at, self.calendar)
        days: list[LedgerDay] = []
        total = 0
        for ordinal in ordinals:
            begin = max(self._midnight(ordinal), arrival)
            end = self._midnight(ordinal + 1) if stop is None else min(self._midnight(ordinal + 1), stop)
            ran = 0 if end <= begin else free_count(CONTINUOUS, begin, end, spans)
            total += ran
            standing = [one for one in self.suspending if self._stands(one, begin, end)]
            detail = ", ".join(f"{one.suspension_id} ({one.reason})" for one in standing) or None
            reason: DayReason = "suspended" if standing and not ran else "counted"
            days.append(
                self._day(date.fromordinal(ordinal), reason, detail, total // HOUR, timedelta(microseconds=ran))
            )
        return tuple(days)

    def _stands(self, suspension: Suspension, begin: int, end: int) -> bool:
        for low, high in instant_spans([suspension], self.facts.decisions, self.judgement.stop_at, self.calendar):
            return low < end and (high is None or high > begin)
        return False

    def _midnight(self, ordinal: int) -> int:
        midnight = datetime.combine(date.fromordinal(ordinal), time(), self.calendar.time_zone)
        return to_position(midnight, self.calendar)

    def _day(
        self, day: date, reason: DayReason, detail: str | None, elapsed: int, duration: timedelta | None
    ) -> LedgerDay:
        return LedgerDay(
            date=day,
            counted=reason == "counted",
            reason=reason,
            detail=detail,
            elapsed=elapsed,
            duration=duration,
            events=tuple(self.events.get(day, ())),
        )

    def _gather_events(self) -> None:
        facts, calendar = self.facts, self.calendar
        happened: list[tuple[datetime, str]] = [(facts.arrival, "arrival")]
        used = {(one.suspension_id, one.suspended_at) for one in self.suspensions}
        ended = {(one.suspension_id, one.resumed_at) for one in self.suspensions}
        for name, at, reason in facts.suspended:
            note = "" if (name, calendar.universal(at)) in used else ": left over, ignored"
            if not note and reason not in self.rules.suspending_reasons:
                note = ": doesn't stop the clock here"
            happened.append((at, f"suspended {name} ({reason}){note}"))
        for name, at in facts.resumed:
            note = "" if (name, calendar.universal(at)) in ended else ": left over, ignored"
            happened.append((at, f"resumed {name}{note}"))
        happened += [(at, "decision") for at in facts.decisions]
        happened += [(at, "result notified") for at in facts.results]
        happened += [(at, text) for at, text in self._extensions()]
        if facts.withdrawn is not None:
            happened.append((facts.withdrawn, "withdrawn: doesn't stop the clock"))
        for at, text in sorted((calendar.universal(at), text) for at, text in happened):
            self.events.setdefault(calendar.local_date(at), []).append(text)
        for day, text in (
            (self.judgement.due_soon_date, "due soon from here"),
            (self.judgement.due_date, "due date"),
            (self.judgement.breach_date, "breach date"),
            (self.judgement.stop_date, "clock stops"),
        ):
            if day is not None:
                self.events.setdefault(day, []).append(text)

    def _extensions(self) -> list[tuple[datetime, str]]:
        if not self.facts.extensions:
            return []
        before = judge(structs.replace(self.facts, extensions=()), self.rules, self.period, self.calendar).due_date
        weighed = weigh(
            self.facts.extensions,
            None if before is None else before.toordinal(),
            self.calendar,
            replaceable=self.facts.due_date is not None or self.period is not None,
        )
        return [
            (one.at, f"extended to {date.fromordinal(one.due)}" + ("" if one.counts else ": ignored"))
            for one in weighed
        ]

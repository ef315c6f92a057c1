"""How the open cases of a scope stand: open, suspended, due soon, overdue, and what falls due next.

Buckets say how many are open and overdue as of a day; which are due soon, suspended or about to breach only the single
cases say. Domain document, Indicators (open, due soon, overdue; forecast).
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime
from typing import Protocol

from qos_domain.vocabulary import Channel


class Case(Protocol):
    """What is asked of a case; `contributions.CaseRow` has it."""

    @property
    def channel(self) -> Channel | None: ...
    @property
    def arrival_date(self) -> date | None: ...
    @property
    def end_date(self) -> date | None: ...
    @property
    def breach_date(self) -> date | None: ...
    @property
    def due_at(self) -> datetime | None: ...
    @property
    def due_soon_date(self) -> date | None: ...
    @property
    def due_soon_at(self) -> datetime | None: ...
    @property
    def suspended(self) -> tuple[tuple[date, date | None], ...]: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Workload:
    """Counts of open cases. A suspended case is open, and neither due soon nor part of the forecast unless its breach
    date stands; an overdue one is not due soon."""

    open: int = 0
    suspended: int = 0
    due_soon: int = 0
    overdue: int = 0
    forecast: int = 0


def is_open(case: Case, as_of: date) -> bool:
    return (
        case.arrival_date is not None
        and case.arrival_date <= as_of
        and (case.end_date is None or case.end_date > as_of)
    )


def is_suspended(case: Case, as_of: date) -> bool:
    return any(begin <= as_of and (end is None or as_of < end) for begin, end in case.suspended)


def is_overdue(case: Case, as_of: date, moment: datetime) -> bool:
    """Of an open case. A period in hours compares instants with `moment`, all others dates with as_of."""
    if case.due_at is not None:
        return case.due_at < moment
    return case.breach_date is not None and case.breach_date <= as_of


def is_due_soon(case: Case, as_of: date, moment: datetime) -> bool:
    """Of an open case: few days or hours are left, it is not overdue and does not stand suspended."""
    if case.due_soon_at is not None:
        reached = case.due_soon_at <= moment
    else:
        reached = case.due_soon_date is not None and case.due_soon_date <= as_of
    return reached and not is_overdue(case, as_of, moment) and not is_suspended(case, as_of)


def workload(cases: Iterable[Case], *, as_of: date, moment: datetime, horizon: date) -> Workload:
    """How the cases stand as of a day.

    `moment` is the instant that periods in hours compare with: now, or for a day gone by the last instant of it.
    `horizon` is the last day of the forecast: cases open as of the day whose breach date is after it and not after the
    horizon (the n-th business day after as_of).
    """
    opened = suspended = due_soon = overdue = forecast = 0
    for case in cases:
        if not is_open(case, as_of):
            continue
        opened += 1
        suspended += is_suspended(case, as_of)
        due_soon += is_due_soon(case, as_of, moment)
        overdue += is_overdue(case, as_of, moment)
        forecast += case.breach_date is not None and as_of < case.breach_date <= horizon
    return Workload(open=opened, suspended=suspended, due_soon=due_soon, overdue=overdue, forecast=forecast)

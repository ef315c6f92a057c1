"""How much of a difference each cause makes, in day buckets: exact, since buckets are sums (docs/publications.md).

What the tables hold now is the fold of all facts by the registry and the calendar of today. The same cases folded with
one of these as it was tell what that one changes; taken away one after the other they lead back to what was published.
"""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date
from functools import cached_property
from typing import Literal, TypeAlias, get_args

from qos_domain.calendar import Calendar
from qos_domain.case import CaseKey, view
from qos_domain.cells import Buckets, DatedCell, sum_days
from qos_domain.contributions import project
from qos_domain.criteria import Criteria
from qos_domain.evidence import Evidence
from qos_domain.facts import NO_FACTS, Fact, FactName, Facts, join
from qos_domain.measures import Sums, add
from qos_domain.periods import Month
from qos_domain.registry import History
from qos_domain.rows import Contributions, Row

FoldedCause: TypeAlias = Literal["late_events", "registry", "calendar"]
"""The causes that change buckets and can be folded away, in the order of `restatement.CAUSES`."""

FOLDED_CAUSES: tuple[FoldedCause, ...] = get_args(FoldedCause)


@dataclass(frozen=True)
class ThenAndNow:
    """The registry of a procedure and the calendar, as they were at a publication and as they are now."""

    history_then: History
    history: History
    calendar_then: Calendar
    calendar: Calendar

    @cached_property
    def registry_differs(self) -> bool:
        return self.history_then.versions != self.history.versions

    @cached_property
    def calendar_differs(self) -> bool:
        return self.calendar_then.version != self.calendar.version


def known_then(facts: Facts, later: Iterable[FactName], then: Iterable[Fact]) -> Facts:
    """The facts of a case as they were known at a position of the log.

    `later` names all facts that were told after it, `then` are those of the same names that were told before it, too:
    repeated since, or told with another content.
    """
    names = set(later)
    return join(join(NO_FACTS, (fact for name, fact in facts.items() if name not in names)), then)


@dataclass(slots=True)
class Shifts:
    """What each cause added to the day buckets of one scope: the bucket with the cause, less that without."""

    by_cause: dict[FoldedCause, Counter[Row]] = field(
        default_factory=lambda: {cause: Counter() for cause in FOLDED_CAUSES}
    )

    def add(self, key: CaseKey, *, then: Facts | None, facts: Facts, now: Contributions, by: ThenAndNow) -> None:
        """Add a case. `then` are the facts known then (None: the same as now), `now` what it contributes now."""
        without_calendar = _contributions(key, facts, by.history, by.calendar_then) if by.calendar_differs else now
        without_registry = without_calendar
        if by.registry_differs:
            without_registry = _contributions(key, facts, by.history_then, by.calendar_then)
        without_late = without_registry
        if then is not None:
            without_late = _contributions(key, then, by.history_then, by.calendar_then)
        self._shift("calendar", without_calendar, now)
        self._shift("registry", without_registry, without_calendar)
        self._shift("late_events", without_late, without_registry)

    def include(self, other: "Shifts", organisation_id: str | None = None) -> None:
        """Add those of another scope: all, or an organisation's only."""
        for cause, rows in other.by_cause.items():
            mine = self.by_cause[cause]
            for row, count in rows.items():
                if organisation_id is None or row.organisation_id == organisation_id:
                    mine[row] += count

    def organisations(self) -> set[str]:
        """Those in whose buckets anything was shifted."""
        return {row.organisation_id for rows in self.by_cause.values() for row, count in rows.items() if count}

    def _shift(self, cause: FoldedCause, before: Contributions, after: Contributions) -> None:
        if before is after:
            return
        rows = self.by_cause[cause]
        for row, count in after.items():
            rows[row] += count
        for row, count in before.items():
            rows[row] -= count


def buckets_without(buckets: Buckets, shifted: Mapping[Row, int], month: Month) -> Buckets:
    """The buckets of a month without what was shifted."""
    less = Buckets.gather(_dated(shifted), month.window, month.span.end)
    return Buckets(
        window=_less(buckets.window, less.window),
        until=_less(buckets.until, less.until),
        trailing_year=_less(buckets.trailing_year, less.trailing_year),
        fiscal_year=_less(buckets.fiscal_year, less.fiscal_year),
    )


def evidence_without(evidence: Evidence, shifted: Mapping[Row, int], criteria: Criteria, as_of: date) -> Evidence:
    """The evidence as of a day without what was shifted."""
    dated = [cell for cell in _dated(shifted) if cell[1][2] in criteria.measures]
    if not dated:
        return evidence
    return {
        name: _less(evidence.get(name, {}), sum_days(dated, span, as_of))
        for name, span in criteria.spans(as_of).items()
    }


def _contributions(key: CaseKey, facts: Facts, history: History, calendar: Calendar) -> Contributions:
    projection = project(key, view(facts), history, calendar)
    return {} if projection is None else projection.contributions


def _dated(rows: Mapping[Row, int]) -> list[DatedCell]:
    return [
        (date.fromordinal(row.day), (row.channel, row.online, row.measure, row.bin), count)
        for row, count in rows.items()
        if count
    ]


def _less(sums: Sums, less: Sums) -> Sums:
    return add((sums, {cell: -count for cell, count in less.items()})) if less else sums

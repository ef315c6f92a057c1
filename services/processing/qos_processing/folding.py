"""From stored cases and new facts to what has to be written: pure, the same for a batch and for a re-judgement."""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Literal, NamedTuple, TypeAlias

from qos_domain.calendar import Calendar
from qos_domain.case import CaseKey, case_key, view
from qos_domain.contributions import project
from qos_domain.events import Event
from qos_domain.facts import NO_FACTS, Fact, Facts, decode_facts, encode_facts, fact_of, join
from qos_domain.procedures import Procedure
from qos_domain.registry import History
from qos_domain.rows import CaseRow, Contributions, Row, decode_contributions, encode_contributions
from qos_processing.announcing import NOTHING_YET, Announced

Histories: TypeAlias = Callable[[str], History]
NO_CONTRIBUTIONS: Contributions = {}


class StoredCase(NamedTuple):
    """A case as it is stored: its facts, the contributions that the day buckets hold of it, and what was announced."""

    facts: str
    contributions: str
    announced: Announced


class CaseChange(NamedTuple):
    """A case as it is to be stored. `case` is None when every fact of it was corrected away: it counts nowhere."""

    key: CaseKey
    facts: str
    contributions: str
    case: CaseRow | None
    announced: Announced


class Found(NamedTuple):
    """A case that stopped, and hadn't this result before: within its period (met), or after it (recovered)."""

    procedure_id: str
    organisation_id: str
    result: Literal["met", "recovered"]
    day: date


@dataclass(frozen=True, slots=True)
class Fold:
    """The cases that change, and by how much the day buckets do: (procedure_id, bucket, difference), sorted by key.

    `repeated` are the facts that were known already, `found` the results that weren't.
    """

    changes: list[CaseChange]
    differences: list[tuple[str, Row, int]]
    repeated: list[Fact]
    found: Counter[Found]


class _Folding:
    def __init__(self, histories: Histories, calendar: Calendar) -> None:
        self._histories = histories
        self._calendar = calendar
        self._changes: list[CaseChange] = []
        self._differences: dict[str, dict[Row, int]] = {}
        self._found: Counter[Found] = Counter()

    def project(self, key: CaseKey, facts: Facts, text: str, stored: StoredCase | None) -> None:
        """Add a case whose facts are `facts`, as `text`, and take away what the buckets hold of it."""
        projection = project(key, view(facts), self._histories(key[0]), self._calendar)
        case, after = (None, NO_CONTRIBUTIONS) if projection is None else (projection.case, projection.contributions)
        contributions = encode_contributions(after)
        if stored is None or stored.contributions != contributions:
            before = NO_CONTRIBUTIONS if stored is None else decode_contributions(stored.contributions)
            self._move(key[0], before, after)
            if case is not None:
                self._find(key[0], before, case)
        announced = NOTHING_YET if stored is None else stored.announced
        self._changes.append(CaseChange(key, text, contributions, case, announced))

    def _move(self, procedure_id: str, before: Contributions, after: Contributions) -> None:
        rows = self._differences.setdefault(procedure_id, {})
        for row, count in after.items():
            rows[row] = rows.get(row, 0) + count
        for row, count in before.items():
            rows[row] = rows.get(row, 0) - count

    def _find(self, procedure_id: str, before: Contributions, case: CaseRow) -> None:
        if case.stop_date is None or case.result is None or case.organisation_id is None:
            return
        result: Literal["met", "recovered"] = "met" if case.result == "met" else "recovered"
        if not any(row.measure == result for row in before):
            self._found[Found(procedure_id, case.organisation_id, result, case.stop_date)] += 1

    def result(self, repeated: list[Fact]) -> Fold:
        differences = [
            (procedure_id, row, difference)
            for procedure_id in sorted(self._differences)
            for row, difference in sorted(self._differences[procedure_id].items())
            if difference
        ]
        return Fold(self._changes, differences, repeated, self._found)


def sort_out(events: Iterable[Event]) -> tuple[list[Event], dict[CaseKey, list[Fact]]]:
    """The events of the registry, and the facts of the others by case; both in the order in which they come."""
    registry_events: list[Event] = []
    facts: dict[CaseKey, list[Fact]] = {}
    for event in events:
        if isinstance(event.data, Procedure):
            registry_events.append(event)
        else:
            facts.setdefault(case_key(event), []).append(fact_of(event))
    return registry_events, facts


def fold(
    facts: Mapping[CaseKey, Sequence[Fact]],
    stored: Mapping[CaseKey, StoredCase],
    histories: Histories,
    calendar: Calendar,
) -> Fold:
    """Join new facts into their cases. A case that learns nothing new is left alone."""
    folding = _Folding(histories, calendar)
    repeated: list[Fact] = []
    for key, news in facts.items():
        known = stored.get(key)
        before = NO_FACTS if known is None else decode_facts(known.facts)
        joined = join(before, news)
        if len(joined) < len(before) + len(news):
            repeated += _repeated(before, news)
        if joined is not before:
            folding.project(key, joined, encode_facts(joined), known)
    return folding.result(repeated)


def rejudge(stored: Mapping[CaseKey, StoredCase], histories: Histories, calendar: Calendar) -> Fold:
    """Project cases anew, whose facts stay as they are, by the registry as it is now."""
    folding = _Folding(histories, calendar)
    for key, known in stored.items():
        folding.project(key, decode_facts(known.facts), known.facts, known)
    return folding.result([])


def _repeated(before: Facts, news: Sequence[Fact]) -> list[Fact]:
    seen, repeated = set(before), []
    for fact in news:
        name = (fact.source, fact.id)
        if name in seen:
            repeated.append(fact)
        seen.add(name)
    return repeated

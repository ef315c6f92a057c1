"""From stored cases and new facts to what has to be written: pure, the same for a batch and for a re-judgement."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple, TypeAlias

from qos_domain.calendar import Calendar
from qos_domain.case import CaseKey, view
from qos_domain.contributions import project
from qos_domain.facts import NO_FACTS, Fact, Facts, decode_facts, encode_facts, join
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


@dataclass(frozen=True, slots=True)
class Fold:
    """The cases that change, and by how much the day buckets do: (procedure_id, bucket, difference), sorted by key.

    `repeated` are the facts that were known already.
    """

    changes: list[CaseChange]
    differences: list[tuple[str, Row, int]]
    repeated: list[Fact]


class _Folding:
    def __init__(self, histories: Histories, calendar: Calendar) -> None:
        self._histories = histories
        self._calendar = calendar
        self._changes: list[CaseChange] = []
        self._differences: dict[str, dict[Row, int]] = {}

    def project(self, key: CaseKey, facts: Facts, text: str, stored: StoredCase | None) -> None:
        """Add a case whose facts are `facts`, as `text`, and take away what the buckets hold of it."""
        projection = project(key, view(facts), self._histories(key[0]), self._calendar)
        case, after = (None, NO_CONTRIBUTIONS) if projection is None else (projection.case, projection.contributions)
        contributions = encode_contributions(after)
        if stored is None or stored.contributions != contributions:
            self._move(
                key[0], NO_CONTRIBUTIONS if stored is None else decode_contributions(stored.contributions), after
            )
        announced = NOTHING_YET if stored is None else stored.announced
        self._changes.append(CaseChange(key, text, contributions, case, announced))

    def _move(self, procedure_id: str, before: Contributions, after: Contributions) -> None:
        rows = self._differences.setdefault(procedure_id, {})
        for row, count in after.items():
            rows[row] = rows.get(row, 0) + count
        for row, count in before.items():
            rows[row] = rows.get(row, 0) - count

    def result(self, repeated: list[Fact]) -> Fold:
        differences = [
            (procedure_id, row, difference)
            for procedure_id in sorted(self._differences)
            for row, difference in sorted(self._differences[procedure_id].items())
            if difference
        ]
        return Fold(self._changes, differences, repeated)


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

"""What was announced of each case, beside what was to be announced.

When a worker looks at a case depends on chance, and so does what it says of it on the way: that it is due soon, or that
a breach is taken back that late facts disproved. What must hold whatever happened:

- on the topic, the announcements of a case are numbered from 1 without a gap, as many as its row counts, and no id says
  two different things;
- each follows from the one before by the rules (`qos_processing.announcing`), and says of the case what some part of
  what was sent says of it: nothing is announced that was never so;
- at the end there is nothing left to say: the last one is what the fold of everything owes as of the end.
"""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from itertools import product
from typing import Any

import msgspec
from aiokafka import ConsumerRecord

from chaos.findings import Findings
from qos_domain.calendar import Calendar
from qos_domain.case import CaseKey, view
from qos_domain.contributions import project
from qos_domain.events import Event, Topic
from qos_domain.facts import NO_FACTS, Facts, fact_of, join
from qos_domain.registry import History
from qos_domain.rows import CaseRow
from qos_processing.announcing import NOTHING_YET, Announced, Said, announce

KIND = "announcements"
_SAYS: Mapping[str, Said] = {
    "sla.due_soon": "due_soon",
    "sla.breached": "breached",
    "sla.recovered": "recovered",
    "sla.breach_retracted": "retracted",
}
_FOLLOWS: Mapping[Said | None, frozenset[Said]] = {
    None: frozenset({"due_soon", "breached"}),
    "due_soon": frozenset({"due_soon", "breached"}),
    "breached": frozenset({"recovered", "retracted"}),
    "recovered": frozenset({"breached", "retracted"}),
    "retracted": frozenset({"due_soon", "breached"}),
}
# What an announcement says of a case beside its breach date, which may be that of an earlier moment.
_TOLD = ("organisation_id", "channel", "status", "due_date", "due_at", "end_date")
_VOID = CaseRow(status="open", reference_date=date.min)


@dataclass(frozen=True, slots=True)
class Told:
    """One announcement on the topic."""

    said: Said
    number: int
    data: Mapping[str, Any]

    @property
    def breach_date(self) -> date | None:
        text = self.data["breach_date"]
        return None if text is None else date.fromisoformat(text)


def told(
    records: "Sequence[ConsumerRecord[bytes, bytes]]", type_prefix: str, findings: Findings
) -> dict[CaseKey, list[Told]]:
    """The announcements of each case, by their numbers. An id that says two things is a finding."""
    by_id: dict[str, tuple[CaseKey, Told]] = {}
    for record in records:
        event = msgspec.json.decode(record.value or b"null")
        name = event["type"].removeprefix(type_prefix).removesuffix(".v1")
        if name not in _SAYS:
            findings.surplus(KIND, f"{event['id']}: a message of type {event['type']}")
            continue
        data = event["data"]
        key = (data["procedure_id"], data["application_id"])
        one = Told(_SAYS[name], int(event["id"].split(":")[3]), data)
        _, first = by_id.setdefault(event["id"], (key, one))
        if first != one:
            findings.surplus(KIND, f"{event['id']} says {first.said} {first.data} and {one.said} {one.data}")
    found: dict[CaseKey, list[Told]] = defaultdict(list)
    for key, one in sorted(by_id.values(), key=lambda entry: entry[1].number):
        found[key].append(one)
    return found


class Owed:
    """What the log says of cases: at its end, and at any moment before it."""

    def __init__(self, log: Mapping[Topic, Sequence[Event]], calendar: Calendar) -> None:
        self._calendar = calendar
        self._registry: dict[str, list[Event]] = defaultdict(list)
        self._cases: dict[CaseKey, dict[Topic, list[Event]]] = defaultdict(lambda: defaultdict(list))
        for topic, events in log.items():
            for event in events:
                if topic == "procedures":
                    self._registry[event.data.procedure_id].append(event)
                elif (application_id := event.data.application_id) is not None:  # type: ignore[union-attr]
                    self._cases[event.data.procedure_id, application_id][topic].append(event)

    def moments(self, key: CaseKey) -> Iterator[CaseRow]:
        """What the case may have looked like at some moment: by any beginning of each topic, the whole ones first."""
        beginnings = [list(_beginnings(events)) for events in self._cases[key].values()]
        for registered in _beginnings(self._registry[key[0]]):
            history = History.of(registered)
            for parts in product(*beginnings):
                facts: Facts = NO_FACTS
                for part in parts:
                    facts = join(facts, part.values())
                projection = project(key, view(facts), history, self._calendar) if facts else None
                yield _VOID if projection is None else projection.case

    def check(
        self,
        announced: Mapping[CaseKey, Announced],
        on_topic: Mapping[CaseKey, Sequence[Told]],
        ends: Sequence[datetime],
        findings: Findings,
    ) -> None:
        """Compare what the rows say was announced with the topic, and both with what was owed as of one of `ends`."""
        for key in dict.fromkeys([*announced, *on_topic, *self._cases]):
            findings.checked[KIND] += 1
            row = announced.get(key, NOTHING_YET)
            said = on_topic.get(key, [])
            numbers = [one.number for one in said]
            for number in sorted(set(range(1, row.count + 1)).difference(numbers)):
                findings.lack(KIND, f"{key}: number {number} of {row.count} is not on the topic")
            for number in numbers[row.count :]:
                findings.surplus(KIND, f"{key}: number {number} on the topic, but the case says {row.count}")
            before: Said | None = None
            for one in said:
                if one.said not in _FOLLOWS[before]:
                    findings.surplus(KIND, f"{key}: {one.said} after {before} (number {one.number})")
                before = one.said
                if not self._was_so(key, one):
                    findings.surplus(KIND, f"{key}: {one.said} was never so: {one.data}")
            last = Announced(before, said[-1].breach_date if said else None, len(said))
            final = next(self.moments(key))
            left = [announce(final, last, at, self._calendar)[0] for at in ends]
            if all(left):
                findings.lack(KIND, f"{key}: {[one.type for one in left[0]]} is owed after {last}, for {final}")

    def _was_so(self, key: CaseKey, one: Told) -> bool:
        return any(_says(case, one) for case in self.moments(key))


def _beginnings(events: Sequence[Event]) -> Iterator[Facts]:
    """The facts of every beginning of the events that differs from the others: the whole first, nothing last."""
    found: list[Facts] = [NO_FACTS]
    for event in events:
        joined = join(found[-1], (fact_of(event),))
        if joined is not found[-1]:
            found.append(joined)
    yield from reversed(found)


def _says(case: CaseRow, one: Told) -> bool:
    said = {name: one.data.get(name) for name in _TOLD}
    known = {name: _json(getattr(case, name)) for name in _TOLD}
    if one.said == "retracted":
        return said == known or case is _VOID
    return said == known and one.breach_date == case.breach_date


def _json(value: object) -> object:
    return msgspec.to_builtins(value.astimezone(UTC) if isinstance(value, datetime) else value)

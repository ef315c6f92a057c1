"""Registry events: versions of procedures, the list of procedures, and which cases a change puts in question."""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date

from qos_domain.events import Event
from qos_domain.facts import NO_FACTS, Fact, fact_of, join
from qos_domain.registry import UNREGISTERED, History
from qos_processing import postgres_registry
from qos_processing.folding import Histories
from qos_processing.postgres import PartitionState
from qos_processing.transactions import Connection

_HISTORIES_KEPT = 20_000
"""Of so many procedures a partition's registry is kept in memory; the rest is read again."""


@dataclass(slots=True)
class _Known:
    tag: tuple[int, int]
    histories: dict[str, History] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Registration:
    """What a batch of registry events changed: histories by procedure, and how many events were known already."""

    changed: Mapping[str, History]
    repeated: int


NOTHING_CHANGED = Registration({}, 0)


async def register(connection: Connection, state: PartitionState, events: Iterable[Event], today: date) -> Registration:
    """Store new versions and queue the re-judgement of the cases that they govern (domain document, Version).

    A procedure that is registered at last has all its cases judged; a version dated back those from its date on.
    """
    news: dict[str, list[Fact]] = {}
    for event in events:
        news.setdefault(event.data.procedure_id, []).append(fact_of(event))
    known = await postgres_registry.load_registry(connection, state.generation, news)
    changed: dict[str, History] = {}
    facts: list[tuple[str, Fact]] = []
    from_dates: dict[str, date] = {}
    for procedure_id, more in news.items():
        before = known.get(procedure_id, NO_FACTS)
        after = join(before, more)
        if after is before:
            continue
        facts += [(procedure_id, fact) for name, fact in after.items() if before.get(name) is not fact]
        history = changed[procedure_id] = History.of(after)
        from_date = history.affected_from(History.of(before))
        if from_date is not None:
            from_dates[procedure_id] = from_date
    if changed:
        await postgres_registry.write_registry(connection, state, facts, changed, today)
        await postgres_registry.queue_rejudgements(connection, state, from_dates)
    return Registration(changed, repeated=sum(map(len, news.values())) - len(facts))


class RegistryCache:
    """Histories by partition, each as of one generation and registry revision: another revision empties it.

    Read and changed under the partition's lock only.
    """

    def __init__(self) -> None:
        self._known: dict[int, _Known] = {}

    async def histories(
        self, connection: Connection, state: PartitionState, procedure_ids: Collection[str]
    ) -> Histories:
        """Histories of these procedures, read where they aren't known; UNREGISTERED for those that don't exist."""
        tag = (state.generation, state.registry_revision)
        known = self._known.get(state.partition)
        if known is None or known.tag != tag or len(known.histories) > _HISTORIES_KEPT:
            known = self._known[state.partition] = _Known(tag)
        missing = [procedure_id for procedure_id in procedure_ids if procedure_id not in known.histories]
        if missing:
            facts = await postgres_registry.load_registry(connection, state.generation, missing)
            for procedure_id in missing:
                found = facts.get(procedure_id)
                known.histories[procedure_id] = UNREGISTERED if found is None else History.of(found)
        return known.histories.__getitem__

    def committed(self, state: PartitionState, changed: Mapping[str, History]) -> None:
        """The transaction that had this state and wrote these histories was committed."""
        known = self._known.get(state.partition)
        if changed and known is not None and known.tag == (state.generation, state.registry_revision):
            known.histories.update(changed)
            known.tag = (state.generation, state.registry_revision + 1)

    def forget(self, partitions: Iterable[int]) -> None:
        for partition in partitions:
            self._known.pop(partition, None)

"""Which facts were told after a publication: found in the log, by the positions that the publication keeps."""

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from functools import cached_property

from qos_domain.case import CaseKey, case_key
from qos_domain.facts import NO_FACTS, Fact, FactName, Facts, fact_of, join
from qos_domain.procedures import Procedure
from qos_processing.dead_letters import DeadLetter
from qos_processing.log_shares import LogReader

_REGISTRY = "procedures"


@dataclass
class LateFacts:
    """What one partition number's log tells after the positions of a publication, and before them.

    `later` are the names of all facts of a case that come after; `then` the facts of these names that come before, too.
    `registry_then` is what the registry knew of procedures of which anything comes after.
    """

    later: dict[CaseKey, set[FactName]] = field(default_factory=dict)
    then: dict[CaseKey, list[Fact]] = field(default_factory=dict)
    registered_later: set[str] = field(default_factory=set)
    registry_then: dict[str, Facts] = field(default_factory=dict)

    @cached_property
    def cases(self) -> Mapping[str, list[CaseKey]]:
        """The cases of `later` by procedure. To be asked when all is read."""
        found: dict[str, list[CaseKey]] = {}
        for key in self.later:
            found.setdefault(key[0], []).append(key)
        return found

    @property
    def procedures(self) -> set[str]:
        """Those of which anything was told later."""
        return self.cases.keys() | self.registered_later

    def count(self, procedure_id: str) -> int:
        """How many facts of the procedure's cases are new since."""
        found = 0
        for key in self.cases.get(procedure_id, ()):
            found += len(self.later[key] - {(fact.source, fact.id) for fact in self.then.get(key, ())})
        return found


async def read_late_facts(
    log: LogReader,
    partition: int,
    positions: Mapping[str, int],
    until: Mapping[str, int],
    *,
    progress: Callable[[int], None],
) -> LateFacts:
    """Read a partition number from the positions of a publication to those of the present results, then, where anything
    was found, from its beginning to the former: only for what was found is anything kept.

    Raises LogMismatch when the log has lost its beginning, TransientFailure when the broker is away.
    """
    late = LateFacts()
    async for batch in log.batches(partition, positions, until):
        for record in batch.records:
            event = log.accepted(batch, record)
            if isinstance(event, DeadLetter):
                continue
            if isinstance(event.data, Procedure):
                late.registered_later.add(event.data.procedure_id)
            else:
                late.later.setdefault(case_key(event), set()).add((event.source, event.id))
        progress(len(batch.records))
    if late.later or late.registered_later:
        await _read_before(log, partition, positions, late, late.procedures, progress)
    return late


async def _read_before(
    log: LogReader,
    partition: int,
    positions: Mapping[str, int],
    late: LateFacts,
    procedures: Collection[str],
    progress: Callable[[int], None],
) -> None:
    keys = {procedure_id.encode() for procedure_id in procedures}
    async for batch in log.batches(partition, dict.fromkeys(positions, 0), positions):
        for record in batch.records:
            if record.key not in keys:
                continue
            event = log.accepted(batch, record)
            if isinstance(event, DeadLetter):
                continue
            if isinstance(event.data, Procedure):
                name = event.data.procedure_id
                late.registry_then[name] = join(late.registry_then.get(name, NO_FACTS), (fact_of(event),))
            else:
                key = case_key(event)
                if (event.source, event.id) in late.later.get(key, ()):
                    late.then.setdefault(key, []).append(fact_of(event))
        progress(len(batch.records))

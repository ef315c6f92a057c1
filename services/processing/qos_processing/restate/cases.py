"""The SQL of a restatement: cases of one snapshot, folded as they were."""

from collections.abc import AsyncIterator, Sequence
from typing import NamedTuple

from qos_domain.attribution import Shifts, ThenAndNow, known_then
from qos_domain.case import CaseKey
from qos_domain.facts import Facts, decode_facts
from qos_domain.rows import Contributions, decode_contributions
from qos_processing import postgres
from qos_processing.restate.late_facts import LateFacts
from qos_processing.transactions import Connection

_ALL = "SELECT application_id, facts, contributions FROM cases WHERE generation = $1 AND procedure_id = $2"
_PORTION = 1_000


class _Case(NamedTuple):
    key: CaseKey
    facts: Facts
    contributions: Contributions


class CaseReader:
    """Of a connection in a REPEATABLE READ transaction; for one reader."""

    def __init__(self, connection: Connection, generation: int) -> None:
        self._connection = connection
        self._generation = generation

    async def shifts(self, procedure_id: str, by: ThenAndNow, late: LateFacts) -> Shifts:
        """What each cause added to the buckets of a procedure. Only its cases of which anything is new are folded,
        unless the registry or the calendar differs."""
        keys = late.cases.get(procedure_id, ())
        found = Shifts()
        cases = self._all(procedure_id) if by.registry_differs or by.calendar_differs else self._these(keys)
        async for case in cases:
            then = None
            if case.key in late.later:
                then = known_then(case.facts, late.later[case.key], late.then.get(case.key, ()))
            found.add(case.key, then=then, facts=case.facts, now=case.contributions, by=by)
        return found

    async def _these(self, keys: Sequence[CaseKey]) -> AsyncIterator[_Case]:
        for start in range(0, len(keys), _PORTION):
            portion = keys[start : start + _PORTION]
            stored = await postgres.load_cases(self._connection, self._generation, portion)
            for key, case in stored.items():
                yield _Case(key, decode_facts(case.facts), decode_contributions(case.contributions))

    async def _all(self, procedure_id: str) -> AsyncIterator[_Case]:
        rows = self._connection.cursor(_ALL, self._generation, procedure_id, prefetch=_PORTION)
        async for application_id, facts, contributions in rows:
            yield _Case((procedure_id, application_id), decode_facts(facts), decode_contributions(contributions))

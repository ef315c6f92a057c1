"""The SQL of a preview: what one generation holds at one moment. Nothing of it is ever written."""

from collections.abc import AsyncIterator
from typing import NamedTuple

from qos_domain.case import CaseKey
from qos_domain.cells import DatedCell
from qos_domain.facts import Facts, decode_facts
from qos_domain.preview import CalendarDifference
from qos_domain.rows import CaseRow, Contributions, decode_contributions
from qos_processing.transactions import Connection

# As `CalendarDifference.concerns` says it.
_CONCERNED = """
    SELECT application_id, facts, contributions, status, reference_date, due_date, breach_date, end_date, result
    FROM cases
    WHERE generation = $1 AND procedure_id = $2 AND status IN ('open', 'stopped', 'withdrawn') AND (
        breach_date IS NULL OR reference_date < $3 OR greatest(breach_date, end_date) > $4
        OR EXISTS (
            SELECT FROM unnest($5::date[]) AS day
            WHERE day BETWEEN reference_date AND greatest(breach_date, end_date)
        )
    )
"""
_COUNT = "SELECT count(*) FROM cases WHERE generation = $1"
_REGISTERED = "SELECT procedure_id FROM procedures WHERE generation = $1 ORDER BY procedure_id"
_REJUDGING = "SELECT procedure_id FROM rejudgements WHERE generation = $1"
_BUCKETS = """
    SELECT date, channel, online, measure, bin, sum(value)::bigint FROM day_buckets
    WHERE generation = $1 AND procedure_id = $2 GROUP BY 1, 2, 3, 4, 5 HAVING sum(value) <> 0
"""
_CRITERIA_IN_USE = """
    SELECT live #>> '{lineage,criteria}' FROM levels GROUP BY 1 ORDER BY count(*) DESC, 1 LIMIT 1
"""
_PORTION = 1_000


class StoredCase(NamedTuple):
    """A case as it is stored; of its row only what a preview compares."""

    key: CaseKey
    facts: Facts
    contributions: Contributions
    row: CaseRow


class PreviewSnapshot:
    """Of a connection in a REPEATABLE READ transaction that writes nothing; for one reader."""

    def __init__(self, connection: Connection, generation: int) -> None:
        self._connection = connection
        self._generation = generation

    async def count_cases(self) -> int:
        return int(await self._connection.fetchval(_COUNT, self._generation))

    async def procedures(self) -> list[str]:
        """All that are registered, in the order of their ids: of another one no case is judged."""
        return [row[0] for row in await self._connection.fetch(_REGISTERED, self._generation)]

    async def rejudging(self) -> frozenset[str]:
        """Procedures some of whose cases wait to be judged anew."""
        return frozenset(row[0] for row in await self._connection.fetch(_REJUDGING, self._generation))

    async def concerned(self, procedure_id: str, difference: CalendarDifference) -> AsyncIterator[StoredCase]:
        """The cases of a procedure that the difference may concern."""
        rows = self._connection.cursor(
            _CONCERNED,
            self._generation,
            procedure_id,
            difference.first,
            difference.last,
            list(difference.days),
            prefetch=_PORTION,
        )
        async for application_id, facts, contributions, status, reference, due, breach, end, result in rows:
            row = CaseRow(
                status=status,
                reference_date=reference,
                due_date=due,
                breach_date=breach,
                end_date=end,
                result=result,
            )
            key = procedure_id, application_id
            yield StoredCase(key, decode_facts(facts), decode_contributions(contributions), row)

    async def buckets(self, procedure_id: str) -> list[DatedCell]:
        """All day buckets of a procedure, whatever the organisation."""
        rows = await self._connection.fetch(_BUCKETS, self._generation, procedure_id)
        return [(row[0], (row[1], row[2], row[3], row[4]), row[5]) for row in map(tuple, rows)]

    async def criteria_in_use(self) -> str | None:
        """The version that most assessments rest on; None before the first one."""
        version: str | None = await self._connection.fetchval(_CRITERIA_IN_USE)
        return version

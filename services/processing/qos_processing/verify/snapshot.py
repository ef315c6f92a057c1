"""The SQL of a verification: all of it reads one snapshot, of one generation."""

from collections.abc import AsyncIterator, Sequence
from datetime import date
from typing import Any, NamedTuple

from qos_domain.facts import NO_FACTS, Facts, decode_facts
from qos_domain.measures import Measure
from qos_domain.registry import History
from qos_domain.rows import CaseRow, Row
from qos_domain.vocabulary import Channel
from qos_processing.made_with import MadeWith
from qos_processing.transactions import Connection
from qos_processing.verify.comparing import CheckedCase, bucket_place
from qos_processing.verify.findings import MISMATCHES_KEPT, Mismatch

_COLUMNS = CaseRow.__struct_fields__
_CASES = f"SELECT procedure_id, application_id, facts, contributions, {', '.join(_COLUMNS)} FROM cases"  # noqa: S608 - our own names
_LIVE = """
    SELECT generation, logic_version, calendar, calendar_digest, time_zone FROM generations WHERE status = 'live'
"""
_OFFSETS = "SELECT topic, partition, next_offset FROM partition_offsets WHERE generation = $1"
_REJUDGING = "SELECT procedure_id FROM rejudgements WHERE generation = $1"
_COUNT = "SELECT count(*) FROM cases WHERE generation = $1"
_PROCEDURES = """
    SELECT procedure_id FROM cases WHERE generation = $1
    UNION SELECT procedure_id FROM day_buckets WHERE generation = $1
    UNION SELECT procedure_id FROM procedure_facts WHERE generation = $1
    ORDER BY 1
"""
_DRAWN_PROCEDURES = """
    SELECT procedure_id FROM procedures WHERE generation = $1 ORDER BY hashtextextended(procedure_id, $2), 1
"""
_BUCKETS = """
    SELECT organisation_id, date, channel, online, measure, bin, value FROM day_buckets
    WHERE generation = $1 AND procedure_id = $2 AND value <> 0
"""
_REGISTRY_FACTS = """
    SELECT '[' || string_agg(fact, ',') || ']' FROM procedure_facts WHERE generation = $1 AND procedure_id = $2
"""
_FACTS = "SELECT application_id, facts FROM cases WHERE generation = $1 AND procedure_id = $2"
_KEY = "everything, organisation_id, date, channel, online, measure, bin"
_TOTALS = f"""
    SELECT {_KEY}, s.value AS stored, e.value AS expected FROM (
        SELECT {_KEY}, sum(value) AS value FROM (
            SELECT {_KEY}, value FROM scope_buckets WHERE generation = $1
            UNION ALL SELECT false, organisation_id, date, channel, online, measure, bin, value
            FROM scope_bucket_changes WHERE generation = $1
            UNION ALL SELECT true, '', date, channel, online, measure, bin, value
            FROM scope_bucket_changes WHERE generation = $1
        ) b GROUP BY {_KEY}
    ) s FULL JOIN (
        SELECT grouping(organisation_id) = 1 AS everything, coalesce(organisation_id, '') AS organisation_id,
            date, channel, online, measure, bin, sum(value) AS value
        FROM day_buckets WHERE generation = $1
        GROUP BY date, channel, online, measure, bin, GROUPING SETS ((organisation_id), ())
    ) e USING ({_KEY})
"""  # noqa: S608 - our own names
# Summed up once: how many there are, how many are wrong, and the first of those.
_WRONG_TOTALS = f"""
    WITH totals AS MATERIALIZED ({_TOTALS}), wrong AS (
        SELECT * FROM totals WHERE coalesce(stored, 0) <> coalesce(expected, 0)
    )
    SELECT (SELECT count(*) FROM totals), (SELECT count(*) FROM wrong), w.*
    FROM (VALUES (1)) AS one LEFT JOIN (SELECT * FROM wrong ORDER BY {_KEY} LIMIT $2) w ON true
"""  # noqa: S608 - our own names

_PORTION = 1_000


class Generation(NamedTuple):
    """A generation of tables, and what it was made with."""

    number: int
    logic_version: int
    made_with: MadeWith


class Totals(NamedTuple):
    """How many sums were compared, how many are wrong, and the first of those."""

    checked: int
    wrong: int
    mismatches: list[Mismatch]


class Snapshot:
    """What one generation holds at one moment. Of a connection in a REPEATABLE READ transaction; for one reader."""

    def __init__(self, connection: Connection, generation: int) -> None:
        self._connection = connection
        self._generation = generation

    async def offsets(self) -> dict[tuple[str, int], int]:
        """Up to where the log is in it, by topic (base name) and partition."""
        rows = await self._connection.fetch(_OFFSETS, self._generation)
        return {(topic, partition): offset for topic, partition, offset in rows}

    async def rejudging(self) -> frozenset[str]:
        """Procedures some of whose cases wait to be judged anew."""
        return frozenset(row[0] for row in await self._connection.fetch(_REJUDGING, self._generation))

    async def count_cases(self) -> int:
        return int(await self._connection.fetchval(_COUNT, self._generation))

    async def procedures(self) -> list[str]:
        """All of which there is anything, in the order of their ids."""
        return [row[0] for row in await self._connection.fetch(_PROCEDURES, self._generation)]

    async def drawn_procedures(self, seed: int) -> list[str]:
        """All that are registered, in an order that depends on the seed."""
        return [row[0] for row in await self._connection.fetch(_DRAWN_PROCEDURES, self._generation, seed)]

    async def registry_facts(self, procedure_id: str) -> Facts:
        facts = await self._connection.fetchval(_REGISTRY_FACTS, self._generation, procedure_id)
        return NO_FACTS if facts is None else decode_facts(facts)

    async def history(self, procedure_id: str) -> History:
        return History.of(await self.registry_facts(procedure_id))

    async def buckets(self, procedure_id: str) -> dict[Row, int]:
        rows = await self._connection.fetch(_BUCKETS, self._generation, procedure_id)
        return {Row(row[0], row[1].toordinal(), *row[2:6]): row[6] for row in map(tuple, rows)}

    async def cases_of(self, procedure_id: str) -> AsyncIterator[CheckedCase]:
        async for case in self._cases("WHERE generation = $1 AND procedure_id = $2", procedure_id):
            yield case

    async def drawn_cases(self, share: float, seed: int) -> AsyncIterator[CheckedCase]:
        """Each case with this probability; the same ones with the same seed while the table is the same."""
        sampled = f"TABLESAMPLE BERNOULLI ({100 * min(share, 1.0)!r}) REPEATABLE ({seed}) WHERE generation = $1"
        async for case in self._cases(sampled):
            yield case

    async def facts_of(self, procedure_id: str) -> dict[str, str]:
        """The facts of the cases of a procedure as they are stored, by application."""
        return dict(map(tuple, await self._connection.fetch(_FACTS, self._generation, procedure_id)))

    async def totals(self) -> Totals:
        """The sums of organisations and of everything against those of the day buckets."""
        rows = await self._connection.fetch(_WRONG_TOTALS, self._generation, MISMATCHES_KEPT)
        checked, wrong = rows[0][:2]
        return Totals(checked, wrong, [_wrong_total(*tuple(row)[2:]) for row in rows] if wrong else [])

    async def _cases(self, condition: str, *arguments: object) -> AsyncIterator[CheckedCase]:
        statement = f"{_CASES} {condition}"
        async for row in self._connection.cursor(statement, self._generation, *arguments, prefetch=_PORTION):
            yield _checked(tuple(row))


async def live_generation(connection: Connection) -> Generation | None:
    row = await connection.fetchrow(_LIVE)
    return None if row is None else Generation(row[0], row[1], MadeWith(*tuple(row)[2:]))


def _checked(row: Sequence[Any]) -> CheckedCase:
    columns = dict(zip(_COLUMNS, row[4:], strict=True))
    columns["suspended"] = tuple((span.lower, span.upper) for span in columns["suspended"])
    return CheckedCase((row[0], row[1]), row[2], row[3], columns)


def _wrong_total(  # noqa: PLR0913, PLR0917 - one argument a column
    everything: bool,
    organisation_id: str,
    day: date,
    channel: Channel,
    online: bool,
    measure: Measure,
    bin_: int,
    stored: object,
    expected: object,
) -> Mismatch:
    row = Row(organisation_id, day.toordinal(), channel, online, measure, bin_)
    place = {"scope": "everything" if everything else "organisation", **bucket_place(row)}
    return Mismatch("totals", place, "value", _whole(stored), _whole(expected))


def _whole(value: object) -> int | None:
    return None if value is None else int(str(value))

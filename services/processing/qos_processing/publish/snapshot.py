"""What one generation of results says of a month: all that statements are made of, read in one snapshot."""

from collections.abc import Collection, Iterable, Mapping
from datetime import date, datetime
from typing import Any, NamedTuple, TypeAlias

import msgspec

from qos_domain.assessment import Assessment, Settled, settled_on
from qos_domain.cells import FISCAL_YEAR_MEASURES, STOCK_MEASURES, TRAILING_YEAR_MEASURES, Buckets, Spans, last_day
from qos_domain.criteria import Criteria
from qos_domain.evidence import NO_EVIDENCE
from qos_domain.measures import MEASURES, Cell
from qos_domain.periods import Month
from qos_domain.publication import ProcedureInputs
from qos_domain.publication_events import LogPosition
from qos_domain.registry import History
from qos_processing import postgres_levels, postgres_registry
from qos_processing.transactions import Connection

_PROCEDURES = "SELECT procedure_id, partition FROM procedures WHERE generation = $1 ORDER BY procedure_id"
_REJUDGING = "SELECT procedure_id FROM rejudgements WHERE generation = $1"
_OFFSETS = """
    SELECT topic, partition, next_offset, topic_id, last_appended_at FROM partition_offsets
    WHERE generation = $1 ORDER BY topic, partition
"""
_FIRST_DAY = """
    SELECT least(
        (SELECT min(date) FROM scope_buckets WHERE generation = $1 AND everything),
        (SELECT min(date) FROM scope_bucket_changes WHERE generation = $1)
    )
"""
# One look into the index for each organisation, instead of a scan of all their buckets.
_ORGANISATIONS = """
    WITH RECURSIVE added (id) AS (
        SELECT min(organisation_id) FROM scope_buckets WHERE generation = $1 AND NOT everything
        UNION ALL
        SELECT (
            SELECT min(organisation_id) FROM scope_buckets
            WHERE generation = $1 AND NOT everything AND organisation_id > added.id
        )
        FROM added WHERE added.id IS NOT NULL
    )
    SELECT id FROM added WHERE id <> ''
    UNION SELECT organisation_id FROM scope_bucket_changes WHERE generation = $1 AND organisation_id <> ''
    UNION SELECT organisation_id FROM procedures WHERE generation = $1
    ORDER BY 1
"""
_OF_PROCEDURES = """
    SELECT procedure_id AS id, channel, online, measure, bin, date, value FROM day_buckets
    WHERE generation = $1 AND procedure_id = ANY ($2::text[])
"""
_OF_ORGANISATIONS = """
    SELECT organisation_id AS id, channel, online, measure, bin, date, value FROM scope_buckets
    WHERE generation = $1 AND NOT everything AND organisation_id = ANY ($2::text[])
    UNION ALL
    SELECT organisation_id, channel, online, measure, bin, date, value FROM scope_bucket_changes
    WHERE generation = $1 AND organisation_id = ANY ($2::text[])
"""
_OF_EVERYTHING = """
    SELECT '' AS id, channel, online, measure, bin, date, value FROM scope_buckets
    WHERE generation = $1 AND everything AND organisation_id = ANY ($2::text[])
    UNION ALL
    SELECT '', channel, online, measure, bin, date, value FROM scope_bucket_changes WHERE generation = $1
"""
_SUMS = """
    SELECT b.id, b.channel, b.online, b.measure, b.bin,
        (sum(b.value) FILTER (WHERE b.date >= $6))::bigint,
        (sum(b.value) FILTER (WHERE b.measure = ANY ($7::text[])))::bigint,
        (sum(b.value) FILTER (WHERE b.measure = ANY ($8::text[]) AND b.date >= $9))::bigint,
        (sum(b.value) FILTER (WHERE b.measure = ANY ($10::text[]) AND b.date >= $11))::bigint
    FROM ({buckets}) b JOIN unnest($3::text[], $4::date[], $5::date[]) AS m (measure, first_day, last_day)
        ON m.measure = b.measure AND b.date BETWEEN m.first_day AND m.last_day
    GROUP BY 1, 2, 3, 4, 5
"""
_SETTLED = (
    "SELECT procedure_id, settled::text FROM levels WHERE procedure_id = ANY ($1::text[]) AND settled IS NOT NULL"
)
_DAILY = """
    SELECT procedure_id, assessment::text FROM assessments
    WHERE procedure_id = ANY ($1::text[]) AND as_of <= $2 ORDER BY procedure_id, as_of
"""
_SETTLED_DECODER = msgspec.json.Decoder(Settled)
_ASSESSMENT_DECODER = msgspec.json.Decoder(Assessment)

_Parts: TypeAlias = tuple[dict[Cell, int], dict[Cell, int], dict[Cell, int], dict[Cell, int]]


class Taken(NamedTuple):
    """Up to where the log is in the snapshot: all positions, and of each partition when the newest record before its
    positions was appended."""

    positions: tuple[LogPosition, ...]
    processed_until: Mapping[int, datetime | None]

    def of(self, partition: int) -> dict[str, int]:
        """The next offsets of a partition number, by topic."""
        return {each.topic: each.next_offset for each in self.positions if each.partition == partition}

    @property
    def newest(self) -> datetime | None:
        return max((until for until in self.processed_until.values() if until is not None), default=None)


class Registered(NamedTuple):
    """A procedure, all its versions, and the inputs of its statement."""

    history: History
    inputs: ProcedureInputs


class MonthSnapshot:
    """Of a connection in a REPEATABLE READ transaction; for one reader."""

    def __init__(self, connection: Connection, generation: int, month: Month, criteria: Criteria) -> None:
        self._connection = connection
        self._generation = generation
        self._month = month
        self._as_of = month.span.end
        self._criteria = criteria
        self._bounds = _bounds(month)

    async def procedures(self) -> dict[str, int]:
        """All registered procedures, in the order of their ids, with their partition numbers."""
        return dict(map(tuple, await self._connection.fetch(_PROCEDURES, self._generation)))

    async def organisations(self) -> list[str]:
        """All that own a procedure or a case, in the order of their ids."""
        return [row[0] for row in await self._connection.fetch(_ORGANISATIONS, self._generation)]

    async def rejudging(self) -> frozenset[str]:
        """Procedures some of whose cases wait to be judged anew."""
        return frozenset(row[0] for row in await self._connection.fetch(_REJUDGING, self._generation))

    async def first_day(self) -> date | None:
        """The first day of which there is anything."""
        day: date | None = await self._connection.fetchval(_FIRST_DAY, self._generation)
        return day

    async def taken(self) -> Taken:
        positions: list[LogPosition] = []
        until: dict[int, datetime | None] = {}
        for topic, partition, offset, topic_id, appended_at in await self._connection.fetch(_OFFSETS, self._generation):
            named = None if topic_id is None else str(topic_id)
            positions.append(LogPosition(topic=topic, partition=partition, next_offset=offset, topic_id=named))
            known = until.get(partition)
            until[partition] = max(filter(None, (known, appended_at)), default=None)
        return Taken(tuple(positions), until)

    async def registered(self, procedure_ids: Collection[str]) -> dict[str, Registered]:
        """Those of the procedures that are registered."""
        facts = await postgres_registry.load_registry(self._connection, self._generation, procedure_ids)
        evidence = await postgres_levels.evidence(
            self._connection, self._generation, procedure_ids, self._criteria, self._as_of
        )
        buckets = await self._buckets(_OF_PROCEDURES, procedure_ids)
        settled = await self._settled(procedure_ids)
        found = {}
        for procedure_id, of_it in facts.items():
            history = History.of(of_it)
            found[procedure_id] = Registered(
                history,
                ProcedureInputs(
                    version=history.at(self._as_of),
                    buckets=buckets[procedure_id],
                    evidence=evidence.get(procedure_id, NO_EVIDENCE),
                    settled=settled.get(procedure_id),
                ),
            )
        return found

    async def of_organisations(self, organisation_ids: Collection[str]) -> dict[str, Buckets]:
        """The sums of the cases that were each organisation's when they arrived."""
        return await self._buckets(_OF_ORGANISATIONS, organisation_ids)

    async def of_everything(self) -> Buckets:
        return (await self._buckets(_OF_EVERYTHING, ("",)))[""]

    async def _buckets(self, source: str, ids: Collection[str]) -> dict[str, Buckets]:
        parts: dict[str, _Parts] = {id_: ({}, {}, {}, {}) for id_ in ids}
        rows = await self._connection.fetch(_SUMS.format(buckets=source), self._generation, list(ids), *self._bounds)
        for id_, channel, online, measure, bin_, *values in map(tuple, rows):
            for part, value in zip(parts[id_], values, strict=True):
                if value:
                    part[channel, online, measure, bin_] = value
        return {id_: Buckets(*of_it) for id_, of_it in parts.items()}

    async def _settled(self, procedure_ids: Collection[str]) -> dict[str, Settled]:
        """What was settled on the month's last day. Where that changed since, daily assessments are gone through."""
        settled: dict[str, Settled] = {}
        changed: list[str] = []
        for procedure_id, text in await self._connection.fetch(_SETTLED, list(procedure_ids)):
            current = _SETTLED_DECODER.decode(text)
            if current.as_of >= self._as_of and all(since <= self._as_of for since in _since(current)):
                settled[procedure_id] = current
            else:
                changed.append(procedure_id)
        daily: dict[str, list[Assessment]] = {}
        for procedure_id, text in await self._connection.fetch(_DAILY, changed, self._as_of) if changed else ():
            daily.setdefault(procedure_id, []).append(_ASSESSMENT_DECODER.decode(text))
        for procedure_id, assessments in daily.items():
            if (found := settled_on(assessments, self._as_of)) is not None:
                settled[procedure_id] = found
        return settled


def _since(settled: Settled) -> Iterable[date]:
    return (level.since for readings in settled.levels.values() for level in readings.values())


def _bounds(month: Month) -> tuple[Any, ...]:
    """The arguments of `_SUMS` from the third on: for each measure the days that any part is summed over, then what
    tells the parts."""
    as_of = month.span.end
    spans = Spans.of(month.window, as_of)
    first = dict.fromkeys(MEASURES, spans.window.start)
    for measures, span in (
        (FISCAL_YEAR_MEASURES, spans.fiscal_year),
        (TRAILING_YEAR_MEASURES, spans.trailing_year),
        (STOCK_MEASURES, spans.until),
    ):
        first |= {measure: min(first[measure], span.start) for measure in measures}
    return (
        list(MEASURES),
        [first[measure] for measure in MEASURES],
        [last_day(measure, spans.window, as_of) for measure in MEASURES],
        spans.window.start,
        list(STOCK_MEASURES),
        list(TRAILING_YEAR_MEASURES),
        spans.trailing_year.start,
        list(FISCAL_YEAR_MEASURES),
        spans.fiscal_year.start,
    )

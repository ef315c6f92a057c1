"""PostgreSQL as the store. A snapshot is one read-only transaction in REPEATABLE READ, so its answers fit together."""

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from datetime import date, datetime
from typing import Any, TypeAlias

import asyncpg
import msgspec

from qos_domain.assessment import Assessment, Settled
from qos_domain.criteria import PRINCIPLES
from qos_domain.errors import TransientFailure
from qos_domain.facts import Facts, decode_facts
from qos_domain.levels import LevelReading
from qos_domain.measures import Cell
from qos_domain.periods import Span
from qos_domain.procedures import Procedure
from qos_domain.registry import UNREGISTERED, History
from qos_domain.vocabulary import Channel
from qos_domain.workload import Workload
from qos_metrics import sql
from qos_metrics.freshness import LogPartition
from qos_metrics.ports import (
    DueCase,
    ListFilter,
    MapReadings,
    MapRow,
    MapTotals,
    OrganisationRow,
    Page,
    Part,
    ProcedureRow,
    Progress,
    Scope,
    StoredLevels,
    UnknownApplication,
    UnknownOrganisation,
    UnknownProcedure,
)
from qos_runtime.postgres import DatabaseError, Pool, Verdict, verdict

Connection: TypeAlias = "asyncpg.pool.PoolConnectionProxy[asyncpg.Record]"

_ACQUIRE_SECONDS = 5.0
_ASSESSMENT = msgspec.json.Decoder(Assessment)
_SETTLED = msgspec.json.Decoder(Settled)
_PROCEDURE = msgspec.json.Decoder(Procedure)
_PROCEDURE_WIDTH = len(ProcedureRow.__dataclass_fields__)
_READING_WIDTH = 4
_PORTION = 500


class PostgresStore:
    """Snapshots of the live generation. Errors that may pass are raised as TransientFailure."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    @asynccontextmanager
    async def reading(self) -> AsyncIterator[tuple[Connection, int]]:
        """A connection in a read-only transaction, and the generation that is live in it."""
        try:
            connection = await self._pool.acquire(timeout=_ACQUIRE_SECONDS)
        except DatabaseError as error:
            raise TransientFailure(f"no connection to the database: {type(error).__name__}") from error
        try:
            async with connection.transaction(isolation="repeatable_read", readonly=True):
                generation = await connection.fetchval(sql.LIVE)
                if generation is None:
                    raise TransientFailure("no generation of results is live")
                yield connection, generation
        except asyncpg.UndefinedTableError as error:
            raise TransientFailure("the database has no schema yet (python -m qos_processing.migrate)") from error
        except DatabaseError as error:
            if verdict(error) is Verdict.FAIL:
                raise
            raise TransientFailure(f"the database doesn't answer: {type(error).__name__}") from error
        finally:
            await self._pool.release(connection)

    @asynccontextmanager
    async def snapshot(self) -> AsyncIterator["PostgresSnapshot"]:
        async with self.reading() as (connection, generation):
            yield PostgresSnapshot(connection, generation)

    async def processed_offsets(self) -> Mapping[LogPartition, int]:
        async with self.reading() as (connection, generation):
            rows = await connection.fetch(sql.PROCESSED_OFFSETS, generation)
        return {(topic, partition): next_offset for topic, partition, next_offset in rows}


class PostgresSnapshot:
    """See ports.Snapshot."""

    def __init__(self, connection: Connection, generation: int) -> None:
        self._connection = connection
        self._generation = generation

    async def progress(self) -> Progress:
        row = await self._connection.fetchrow(sql.PROGRESS, self._generation)
        return Progress(None, None, 0) if row is None else Progress(*row)

    async def history(self, procedure_id: str) -> History:
        facts = await self._connection.fetchval(sql.HISTORY, self._generation, procedure_id)
        return UNREGISTERED if facts is None else History.of(decode_facts(facts))

    async def procedure(self, procedure_id: str) -> tuple[ProcedureRow, Procedure]:
        row = await self._connection.fetchrow(sql.PROCEDURE, self._generation, procedure_id)
        if row is None:
            raise UnknownProcedure
        *columns, version = row
        return ProcedureRow(*columns), _PROCEDURE.decode(version)

    async def in_force(self, as_of: date, organisation_id: str | None) -> list[tuple[Procedure, int]]:
        still = await self._connection.fetch(sql.IN_FORCE_STILL, self._generation, as_of, organisation_id)
        found = [(_PROCEDURE.decode(version), procedures) for version, procedures in still]
        # Read in portions: other requests go on between them.
        others = self._connection.cursor(sql.HISTORIES_OF_OTHERS, self._generation, as_of, prefetch=_PORTION)
        async for (facts,) in others:
            version = History.of(decode_facts(facts)).at(as_of)
            if version is not None and not version.retired and organisation_id in (None, version.organisation_id):
                found.append((version.procedure, 1))
        return found

    async def organisation(self, organisation_id: str) -> OrganisationRow:
        row = await self._connection.fetchrow(sql.ORGANISATIONS, self._generation, organisation_id)
        if row is None:
            raise UnknownOrganisation
        return OrganisationRow(*row)

    async def organisations(self) -> list[OrganisationRow]:
        return [
            OrganisationRow(*row) for row in await self._connection.fetch(sql.ORGANISATIONS, self._generation, None)
        ]

    async def procedures(self, wanted: ListFilter, page: Page) -> list[ProcedureRow]:
        rows = await self._page(sql.PROCEDURE_COLUMNS, wanted, page)
        return [ProcedureRow(*row) for row in rows]

    async def quality_map(self, wanted: ListFilter, page: Page) -> list[MapRow]:
        rows = await self._page(f"{sql.PROCEDURE_COLUMNS}, {sql.MAP_COLUMNS}", wanted, page)
        return [_map_row(tuple(row)) for row in rows]

    async def _page(self, columns: str, wanted: ListFilter, page: Page) -> list[Any]:
        statement, arguments = sql.procedures(columns, self._generation, wanted, page)
        rows = await self._connection.fetch(statement, *arguments)
        return rows if page.before is None else rows[::-1]

    async def map_totals(self, wanted: ListFilter) -> MapTotals:
        statement, arguments = sql.map_totals(self._generation, wanted)
        row = await self._connection.fetchrow(statement, *arguments)
        procedures, assessed, contradicted, *counts = tuple(row or ())
        levels = {name: tuple(counts[4 * index : 4 * index + 4]) for index, name in enumerate(PRINCIPLES)}
        return MapTotals(procedures, assessed, contradicted, levels)

    async def sums(self, scope: Scope, as_of: date, parts: Sequence[Part]) -> list[dict[Cell, int]]:
        statement, arguments = sql.sums(self._generation, scope, as_of, parts)
        totals: list[dict[Cell, int]] = [{} for _ in parts]
        for channel, online, measure, bin_, *values in await self._connection.fetch(statement, *arguments):
            for total, value in zip(totals, values, strict=True):
                if value:
                    total[channel, online, measure, bin_] = value
        return totals

    async def retracted(self, scope: Scope, span: Span) -> int:
        statement, arguments = sql.retracted(scope, span)
        breaches: int = await self._connection.fetchval(statement, *arguments)
        return breaches

    async def event_dates(self, procedure_id: str, span: Span) -> list[date]:
        rows = await self._connection.fetch(sql.EVENT_DATES, self._generation, procedure_id, span.start, span.end)
        return [row[0] for row in rows]

    async def workloads(
        self, scope: Scope, *, as_of: date, today: date, moment: datetime, horizon: date
    ) -> Mapping[Channel | None, Workload]:
        statement, arguments = sql.workloads(self._generation, scope, gone_by=as_of < today)
        arguments[1:4] = (as_of, moment, horizon)
        return {
            None if is_total else channel: Workload(
                open=opened, suspended=suspended, due_soon=due_soon, overdue=overdue, forecast=forecast
            )
            for is_total, channel, opened, suspended, due_soon, overdue, forecast in await self._connection.fetch(
                statement, *arguments
            )
        }

    async def levels(self, procedure_id: str) -> StoredLevels | None:
        row = await self._connection.fetchrow(sql.LEVELS, procedure_id)
        if row is None:
            return None
        revision, assessed_at, live, settled, settled_on = row
        return StoredLevels(
            revision=revision,
            assessed_at=assessed_at,
            live=_ASSESSMENT.decode(live),
            settled=None if settled is None else _SETTLED.decode(settled),
            settled_on=settled_on,
        )

    async def due_cases(
        self, procedure_id: str, *, today: date, now: datetime, after: str | None, limit: int
    ) -> list[DueCase]:
        rows = await self._connection.fetch(sql.DUE_CASES, self._generation, today, now, procedure_id, after, limit)
        return [DueCase(*row) for row in rows]

    async def case(self, procedure_id: str, application_id: str) -> Facts:
        facts = await self._connection.fetchval(sql.CASE_FACTS, self._generation, procedure_id, application_id)
        if facts is None:
            raise UnknownApplication
        return decode_facts(facts)


def _map_row(row: tuple[Any, ...]) -> MapRow:
    procedure = ProcedureRow(*row[:_PROCEDURE_WIDTH])
    assessed_at, *levels, contradictions = row[_PROCEDURE_WIDTH:]
    if assessed_at is None:
        return MapRow(procedure, None, {}, 0)
    readings = {}
    for index, principle in enumerate(PRINCIPLES):
        declared, declared_possible, evidenced, evidenced_possible = levels[
            index * _READING_WIDTH : (index + 1) * _READING_WIDTH
        ]
        readings[principle] = MapReadings(
            LevelReading(declared, declared_possible), LevelReading(evidenced, evidenced_possible)
        )
    return MapRow(procedure, assessed_at, readings, contradictions)

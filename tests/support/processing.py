"""A processing service on a real database, and what that database holds, in the words of the domain."""

import json
from collections import Counter
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime
from random import Random
from typing import Any

from prometheus_client import CollectorRegistry

from qos_domain import criteria
from qos_domain.acceptance import AcceptanceRules
from qos_domain.calendar import Calendar
from qos_domain.criteria import Criteria
from qos_domain.events import Event
from qos_domain.replay import Replay
from qos_domain.rows import Row
from qos_processing.assessing import Assessing
from qos_processing.assessor import LevelAssessor
from qos_processing.counters import Counters
from qos_processing.dead_letters import DeadLetterLimit
from qos_processing.migrate import migrate
from qos_processing.outgoing import Outgoing
from qos_processing.rejudging import Rejudging
from qos_processing.service import ProcessingService
from qos_processing.sweep import Sweep
from qos_processing.totals import Totals
from qos_processing.transactions import Transactions
from qos_runtime.postgres import Pool, create_pool
from qos_runtime.tracing import OFF, Tracing
from support.builders import tokyo
from support.live_results import LiveResults
from support.log import Log


@dataclass
class SetClock:
    """A clock that stands where a story puts it."""

    at: datetime

    def now(self) -> datetime:
        return self.at


@dataclass
class Processing:
    """A service, its database, its clock and the log that it reads."""

    pool: Pool
    clock: SetClock
    log: Log
    calendar: Calendar = field(default_factory=Calendar.load)
    dead_letter_limit: DeadLetterLimit = field(default_factory=DeadLetterLimit)

    def __post_init__(self) -> None:
        self.registry = CollectorRegistry()
        self.transactions = Transactions(self.pool, patience_seconds=5, registry=self.registry)
        self.counters = Counters(self.registry)
        self.service = self.another_service(self.counters)
        self.rejudging = Rejudging(
            self.transactions,
            calendar=self.calendar,
            clock=self.clock,
            sla_results=self.counters.sla_results,
            owned=lambda: range(self.log.partitions),
            chunk=3,
        )
        self.outgoing = Outgoing("jp.lg.tokyo.qos.")
        self.totals = Totals(self.transactions, chunk=3)
        self.sweep = self.another_sweep()
        self.assessor = self.another_assessor()

    def known_until(self, _partition: int) -> datetime:
        """Nothing waits in this log: what there is was applied."""
        return self.clock.at

    def another_sweep(self) -> Sweep:
        return Sweep(
            self.transactions,
            calendar=self.calendar,
            clock=self.clock,
            outgoing=self.outgoing,
            known_until=self.known_until,
            sla_results=self.counters.sla_results,
            chunk=3,
        )

    def another_assessor(self, rules: Criteria | None = None) -> LevelAssessor:
        rules = rules or criteria.load()
        assessing = Assessing(rules, calendar=self.calendar, clock=self.clock, known_until=self.known_until)
        return LevelAssessor(self.transactions, assessing, clock=self.clock, outgoing=self.outgoing, chunk=3)

    def another_service(
        self,
        counters: Counters | None = None,
        transactions: Transactions | None = None,
        tracing: Tracing = OFF,
    ) -> ProcessingService:
        """A service as another worker would have it: nothing cached, on the same database."""
        return ProcessingService(
            transactions or self.transactions,
            calendar=self.calendar,
            rules=AcceptanceRules(),
            clock=self.clock,
            counters=counters or Counters(CollectorRegistry()),
            partitions=self.log.partitions,
            dead_letter_limit=self.dead_letter_limit,
            tracing=tracing,
        )

    async def receive(self, *events: Event, at: datetime | None = None) -> None:
        """Append the events to the log and apply all that is new in it."""
        self.log.append(*events, at=at)
        await self.catch_up()

    async def catch_up(self, most: int = 5_000, random: Random | None = None) -> None:
        """Apply what is new in the log, and judge anew what has to be."""
        for batch in self.log.new(most, random):
            await self.service.process(batch)
        await self.rejudging.rejudge_all()

    def outcomes(self, topic: str) -> dict[str, float]:
        """The counter of events, by outcome."""
        return {
            outcome: self.registry.get_sample_value("qos_processing_events_total", {"topic": topic, "outcome": outcome})
            or 0
            for outcome in ("folded", "repeated", "dead_letter")
        }

    async def buckets(self) -> dict[str, dict[Row, int]]:
        """Day buckets by procedure, without those that are 0: what `Replay.buckets` gives."""
        return await LiveResults(self.pool).buckets()

    async def scope_buckets(self) -> dict[tuple[bool, Row], int]:
        """Buckets of (whether of everything, organisation and the rest), as a reader adds them up, without 0."""
        columns = "organisation_id, date, channel, online, measure, bin"
        rows = await self.pool.fetch(f"""
            SELECT everything, {columns}, sum(value)::bigint AS value FROM (
                SELECT everything, {columns}, value FROM scope_buckets
                UNION ALL SELECT false, {columns}, value FROM scope_bucket_changes
                UNION ALL SELECT true, '', date, channel, online, measure, bin, value FROM scope_bucket_changes
            ) b GROUP BY everything, {columns} HAVING sum(value) <> 0
        """)  # noqa: S608
        return {(row["everything"], Row(row[1], row["date"].toordinal(), *row[3:7])): row["value"] for row in rows}

    async def sent(self, topic: str) -> list[dict[str, Any]]:
        """The CloudEvents in the outbox for a topic, in their order."""
        rows = await self.pool.fetch("SELECT value FROM outbox WHERE topic = $1 ORDER BY partition, seq", topic)
        return [json.loads(value) for (value,) in rows]

    async def case(self, application_id: str = "A-1") -> dict[str, Any]:
        """The row of a case."""
        row = await self.pool.fetchrow("SELECT * FROM cases WHERE application_id = $1", application_id)
        assert row is not None, f"no case {application_id}"
        return dict(row)

    async def forget_everything(self) -> None:
        """Empty all that comes from the log, as if nothing had ever been read. What was published or in force stays."""
        tables = await self.pool.fetch(
            "SELECT relname FROM pg_class WHERE relkind IN ('r', 'p') AND NOT relispartition"
            " AND relnamespace = 'public'::regnamespace"
            " AND relname NOT IN ('generations', 'rulebooks', 'alembic_version')"
            " AND relname NOT LIKE 'publication%'"
        )
        await self.pool.execute(f"TRUNCATE {', '.join(name for (name,) in tables)}")

    async def everything(self) -> dict[str, list[tuple[Any, ...]]]:
        """All rows of all tables in a comparable form."""
        tables = await self.pool.fetch(
            "SELECT relname FROM pg_class WHERE relkind IN ('r', 'p') AND NOT relispartition"
            " AND relnamespace = 'public'::regnamespace ORDER BY 1"
        )
        return {
            table: sorted((tuple(row) for row in await self.pool.fetch(f"SELECT t.*::text FROM {table} t")), key=str)  # noqa: S608
            for (table,) in tables
        }


@asynccontextmanager
async def processing(
    database_url: str, *, now: str = "2025-05-20 12:00", partitions: int = 2, revision: str = "head", **more: Any
) -> AsyncIterator[Processing]:
    """A database migrated up to `revision` with a service on it. `now` is Tokyo time."""
    await migrate(database_url, revision)
    pool = await create_pool(database_url, application_name="test", max_size=6)
    try:
        yield Processing(pool, SetClock(tokyo(now)), Log(partitions), **more)
    finally:
        await pool.close()


def scope_sums(buckets: Mapping[str, Mapping[Row, int]]) -> dict[tuple[bool, Row], int]:
    """The buckets of procedures, added up over those of each organisation and over all."""
    sums: Counter[tuple[bool, Row]] = Counter()
    for rows in buckets.values():
        for row, count in rows.items():
            sums[False, row] += count
            sums[True, row._replace(organisation_id="")] += count
    return {key: count for key, count in sums.items() if count}


def replayed(events: list[Event], calendar: Calendar) -> Replay:
    """The same events, folded in memory."""
    replay = Replay(calendar)
    replay.add_all(events)
    return replay

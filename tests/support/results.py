"""Results in PostgreSQL as processing would leave them, made of events by the pure core: what the read side reads."""

import subprocess
import sys
from collections.abc import Iterable
from datetime import UTC, date, datetime, timedelta
from typing import Any

import asyncpg
import msgspec

from qos_domain import criteria
from qos_domain.assessment import Assessment, Provenance, assess, settle
from qos_domain.calendar import Calendar
from qos_domain.cells import sum_days
from qos_domain.contributions import LOGIC_VERSION
from qos_domain.events import INPUT_TOPICS, Event
from qos_domain.facts import encode_facts
from qos_domain.levels import Assessor
from qos_domain.registry import History
from qos_domain.replay import Replay
from qos_domain.rows import Row, encode_contributions

_CASE = (
    "status",
    "reference_date",
    "organisation_id",
    "channel",
    "online",
    "unit",
    "arrival_at",
    "arrival_date",
    "stop_date",
    "end_date",
    "due_date",
    "breach_date",
    "due_at",
    "due_soon_date",
    "due_soon_at",
    "result",
)


def migrate(database_url: str) -> None:
    """Apply the real schema, as a deployment does."""
    subprocess.run(
        [sys.executable, "-m", "qos_processing.migrate"],
        env={"DATABASE_URL": database_url, "PATH": ""},
        check=True,
        timeout=60,
    )


def folded(events: Iterable[Event], calendar: Calendar) -> Replay:
    replay = Replay(calendar)
    replay.add_all(events)
    return replay


async def store(database_url: str, replay: Replay, *, now: datetime, assessed: bool = True) -> None:
    """Write the results of a replay into an empty, migrated database: registry, cases, buckets, levels, progress."""
    connection = await asyncpg.connect(database_url)
    try:
        today = replay.calendar.local_date(now)
        await _registry(connection, replay, today)
        await _cases(connection, replay)
        buckets = replay.buckets()
        await _buckets(connection, buckets)
        if assessed:
            for procedure_id in replay.registry:
                history = replay.history(procedure_id)
                await _levels(connection, assessment(history, buckets.get(procedure_id, {}), today), now)
        await progress(connection, now)
        await connection.execute("ANALYZE")
    finally:
        await connection.close()


async def progress(connection: "asyncpg.Connection[asyncpg.Record]", at: datetime, *, next_offset: int = 0) -> None:
    """Everything up to `at` is processed."""
    for partition in range(8):
        await connection.execute(
            "INSERT INTO partition_state (generation, partition, live, logic_version) VALUES (1, $1, true, $2)"
            " ON CONFLICT DO NOTHING",
            partition,
            LOGIC_VERSION,
        )
        for topic in INPUT_TOPICS:
            await connection.execute(
                "INSERT INTO partition_offsets"
                " (generation, partition, topic, next_offset, last_appended_at, processed_at)"
                " VALUES (1, $1, $2, $3, $4, $4) ON CONFLICT (generation, partition, topic) DO UPDATE"
                " SET next_offset = excluded.next_offset, last_appended_at = excluded.last_appended_at,"
                " processed_at = excluded.processed_at",
                partition,
                topic,
                next_offset,
                at,
            )


def assessment(history: History, rows: dict[Row, int], as_of: date) -> Assessment:
    """The assessment of a procedure from its day buckets."""
    loaded = criteria.load()
    dated = [
        (date.fromordinal(row.day), (row.channel, row.online, row.measure, row.bin), count)
        for row, count in rows.items()
        if row.measure in loaded.measures
    ]
    evidence = {name: sum_days(dated, span, as_of) for name, span in loaded.spans(as_of).items()}
    return assess(
        Assessor(loaded),
        history.at(as_of) or history.versions[0],
        evidence,
        as_of=as_of,
        provenance=Provenance(calendar="jp-tokyo-1", logic_version=LOGIC_VERSION),
    )


async def _registry(connection: "asyncpg.Connection[asyncpg.Record]", replay: Replay, today: date) -> None:
    for procedure_id, facts in replay.registry.items():
        for fact in facts.values():
            await connection.execute(
                "INSERT INTO procedure_facts (generation, procedure_id, source, id, fact) VALUES (1, $1, $2, $3, $4)",
                procedure_id,
                fact.source,
                fact.id,
                msgspec.json.encode(fact).decode(),
            )
        history = History.of(facts)
        version = history.at(today) or history.versions[0]
        procedure = version.procedure
        await connection.execute(
            "INSERT INTO procedures (generation, procedure_id, partition, organisation_id, organisation_name_ja,"
            " organisation_name_en, organisation_kind, kind, name_ja, name_en, version, effective_from, retired,"
            " priority, next_effective_from) VALUES (1, $1, 0, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13)",
            procedure_id,
            procedure.organisation.id,
            procedure.organisation.name.ja,
            procedure.organisation.name.en,
            procedure.organisation.kind,
            procedure.kind,
            procedure.name.ja,
            procedure.name.en,
            msgspec.json.encode(procedure).decode(),
            version.name.effective_from,
            version.retired,
            procedure.priority,
            min((day for each in history.versions if (day := each.name.effective_from) > today), default=None),
        )


async def _cases(connection: "asyncpg.Connection[asyncpg.Record]", replay: Replay) -> None:
    columns = ", ".join(_CASE)
    values = ", ".join(f"${number}" for number in range(6, 6 + len(_CASE)))
    rows: list[tuple[Any, ...]] = []
    for (procedure_id, application_id), projection in replay.projections():
        case = projection.case
        suspended = "{" + ",".join(f"[{begin},{end or ''})" for begin, end in case.suspended) + "}"
        rows.append(
            (
                procedure_id,
                application_id,
                encode_facts(replay.cases[procedure_id, application_id]),
                encode_contributions(projection.contributions),
                suspended,
                *(getattr(case, name) for name in _CASE),
            )
        )
    await connection.executemany(
        "INSERT INTO cases (generation, partition, procedure_id, application_id, facts, contributions, suspended,"  # noqa: S608 - our own columns
        f" {columns}) VALUES (1, 0, $1, $2, $3, $4, $5::text::datemultirange, {values})",
        rows,
    )


_BUCKET = ("organisation_id", "date", "channel", "online", "measure", "bin", "value")


async def _buckets(connection: "asyncpg.Connection[asyncpg.Record]", buckets: dict[str, dict[Row, int]]) -> None:
    found = [
        (procedure_id, row.organisation_id, date.fromordinal(row.day), *row[2:], count)
        for procedure_id, rows in buckets.items()
        for row, count in rows.items()
    ]
    await connection.copy_records_to_table(
        "day_buckets",
        columns=["generation", "procedure_id", *_BUCKET],
        records=[(1, *bucket) for bucket in found],
    )
    await connection.copy_records_to_table(
        "scope_bucket_changes",
        columns=["generation", *_BUCKET],
        records=[(1, *bucket[1:]) for bucket in found],
    )


async def _levels(connection: "asyncpg.Connection[asyncpg.Record]", found: Assessment, now: datetime) -> None:
    settled, _ = settle(None, found)
    await connection.execute(
        "INSERT INTO levels (procedure_id, partition, revision, assessed_at, as_of, digest, live, settled, settled_on)"
        " VALUES ($1, 0, 1, $2, $3, '', $4, $5, $3)",
        found.procedure_id,
        now.astimezone(UTC) - timedelta(seconds=1),
        found.as_of,
        msgspec.json.encode(found).decode(),
        msgspec.json.encode(settled).decode(),
    )

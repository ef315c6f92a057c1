"""The comparison finds what it is to find: results that are right are clean, and each thing tampered with is told."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, date, datetime

import asyncpg
import pytest

from chaos.findings import Findings
from chaos.tables import compare_cases, compare_facts, compare_levels, compare_sums
from qos_domain.calendar import Calendar
from qos_domain.replay import Replay
from qos_local.simulation.simulate import simulate
from support.live_results import Connection
from support.results import migrate, store

pytestmark = pytest.mark.real
NOW = datetime(2026, 4, 1, 3, tzinfo=UTC)


@pytest.fixture
def replay() -> Replay:
    simulation = simulate(seed=3, today=date(2026, 4, 1), cases=60, calendar=Calendar.load())
    made = Replay(Calendar.load())
    made.add_all([*simulation.procedures, *simulation.events])
    return made


@pytest.fixture
async def stored(database_url: str, replay: Replay) -> AsyncIterator[Connection]:
    migrate(database_url)
    await store(database_url, replay, now=NOW)
    connection = await asyncpg.connect(database_url)
    try:
        yield connection
    finally:
        await connection.close()


async def found(connection: Connection, replay: Replay) -> Findings:
    findings = Findings()
    await compare_facts(connection, replay, findings)
    await compare_cases(connection, replay, findings)
    await compare_sums(connection, replay, findings)
    await compare_levels(connection, replay, date(2026, 4, 1), findings)
    return findings


_ONE = "WHERE ctid = (SELECT min(ctid) FROM {table} WHERE {condition})"
_TAMPERING: list[tuple[str, str, str, dict[str, int], dict[str, int]]] = [
    ("UPDATE {table} SET due_date = due_date + 1", "cases", "due_date IS NOT NULL", {"cases": 1}, {"cases": 1}),
    ("UPDATE {table} SET value = 2", "day_buckets", "value = 1", {}, {"day buckets": 1}),
    ("DELETE FROM {table}", "day_buckets", "value = 1", {"day buckets": 1}, {}),
    # Of an organisation, and of everything.
    ("DELETE FROM {table}", "scope_bucket_changes", "value = 1", {"totals": 2}, {}),
    ("DELETE FROM {table}", "procedure_facts", "true", {"events of the registry": 1}, {}),
    ("DELETE FROM {table}", "levels", "true", {"levels": 1}, {}),
    (
        "UPDATE {table} SET live = jsonb_set(live, ARRAY['digital'], 'null')",
        "levels",
        "live -> 'digital' <> 'null'",
        {"levels": 1},
        {"levels": 1},
    ),
]


async def test_what_is_right_is_clean_and_what_is_tampered_with_is_found(stored: Connection, replay: Replay) -> None:
    findings = await found(stored, replay)
    assert findings.clean, findings.first
    assert findings.checked["cases"] == len(replay.cases)
    assert findings.checked["events of cases"] == sum(map(len, replay.cases.values()))
    assert findings.checked["day buckets"] > 500
    assert findings.checked["totals"] > findings.checked["day buckets"]
    assert findings.checked["levels"] == len(replay.registry)
    for change, table, condition, lost, doubled in _TAMPERING:
        statement = f"{change} {_ONE}".format(table=table, condition=condition)
        async with _taken_back(stored):
            assert await stored.execute(statement) in ("UPDATE 1", "DELETE 1")
            findings = await found(stored, replay)
        assert {kind: count for kind, count in findings.lost.items() if count} == lost, (statement, findings.first)
        assert {kind: count for kind, count in findings.doubled.items() if count} == doubled, statement
    async with _taken_back(stored):
        row = await stored.fetchrow("DELETE FROM cases WHERE ctid = (SELECT min(ctid) FROM cases) RETURNING *")
        findings = await found(stored, replay)
    assert row is not None
    assert findings.lost["cases"] == 1
    assert findings.lost["events of cases"] == len(replay.cases[row["procedure_id"], row["application_id"]])
    assert findings.doubled.total() == 0


@asynccontextmanager
async def _taken_back(connection: Connection) -> AsyncIterator[None]:
    transaction = connection.transaction()
    await transaction.start()
    try:
        yield
    finally:
        await transaction.rollback()

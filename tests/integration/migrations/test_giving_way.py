"""A database is migrated while transactions are open on it that don't end. Nobody waits behind the migration."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AbstractContextManager, asynccontextmanager
from typing import TypeAlias

import asyncpg
import pytest

from qos_processing.migrate import KeptWaiting, Patience, migrate
from qos_processing.schema import NotMigrated, newest_revision, require_schema
from qos_runtime.postgres import create_pool
from support.eventually import eventually
from support.services import RunningService, running_service

pytestmark = pytest.mark.real

Connection: TypeAlias = "asyncpg.Connection[asyncpg.Record]"

# 0005 adds columns to `dead_letters`, for which nobody else may use the table; 0009 builds an index on it.
BEFORE_COLUMNS, COLUMNS, BEFORE_INDEX = "0004", "0005", "0005"
QUICK = Patience(lock_seconds=0.3, pause_seconds=0.3, total_seconds=240)
BURY = """
    INSERT INTO dead_letters (topic, partition, "offset", reason, field, rule, headers, appended_at)
    VALUES ('reviews', 0, $1, 'unknown_type', 'type', 'a type', '{}', now())
"""
COUNT = "SELECT count(*) FROM dead_letters"
VERSION = "SELECT version_num FROM alembic_version"
INDEX = "SELECT indisvalid FROM pg_index WHERE indexrelid = to_regclass('dead_letters_by_age')"


@asynccontextmanager
async def sessions(database_url: str, *names: str) -> AsyncIterator[list[Connection]]:
    """Each gives up when it has waited for a lock for 30 seconds: far longer than a migration makes anybody wait."""
    settings = {"lock_timeout": "30s"}
    opened = [await asyncpg.connect(database_url, server_settings={**settings, "application_name": n}) for n in names]
    try:
        yield opened
    finally:
        for each in opened:
            each.terminate()


async def test_a_long_transaction_and_a_reader_hold_a_table_and_others_go_on(database_url: str) -> None:
    """Without a limit on its waiting all would stand behind the migration for as long as the two take."""
    await migrate(database_url, BEFORE_COLUMNS)
    async with sessions(database_url, "long", "report", "worker", "reader") as (long, report, worker, reader):
        writing, snapshot = long.transaction(), report.transaction(isolation="repeatable_read", readonly=True)
        await writing.start()
        await long.execute(BURY, 0)
        await snapshot.start()
        await report.fetchval(COUNT)
        migrating = asyncio.create_task(migrate(database_url, COLUMNS, QUICK))
        for offset in range(1, 4):
            await eventually(lambda: waits_for_a_lock(reader))
            await worker.execute(BURY, offset)
            assert await reader.fetchval(COUNT) == offset
        await writing.commit()
        await eventually(lambda: waits_for_a_lock(worker))
        assert await reader.fetchval(COUNT) == 4
        assert await report.fetchval(COUNT) == 0
        assert not migrating.done()
        await snapshot.rollback()
        await asyncio.wait_for(migrating, 200)
        assert await reader.fetchval(VERSION) == COLUMNS
        assert await reader.fetchval(f"{COUNT} WHERE state = 'open'") == 4


async def test_one_that_is_kept_waiting_names_who_keeps_it_and_changes_nothing(database_url: str) -> None:
    await migrate(database_url, BEFORE_COLUMNS)
    async with sessions(database_url, "nightly-report", "reader") as (report, reader), report.transaction():
        await report.fetchval(COUNT)
        with pytest.raises(KeptWaiting, match=r"nightly-report \(pid \d+, idle in transaction, \d+ s\)"):
            await migrate(database_url, patience=Patience(lock_seconds=0.1, total_seconds=0))
        assert await reader.fetchval(VERSION) == BEFORE_COLUMNS
    await migrate(database_url)


async def test_a_migration_that_is_killed_halfway_is_run_again(database_url: str) -> None:
    """It builds an index and waits for a transaction that writes to the table; who writes meanwhile doesn't wait."""
    await migrate(database_url, BEFORE_INDEX)
    async with sessions(database_url, "long", "worker") as (long, worker):
        writing = long.transaction()
        await writing.start()
        await long.execute(BURY, 0)
        with migrating(database_url) as killed:
            await eventually(lambda: waits_for_a_lock(worker))
            await worker.execute(BURY, 1)
            assert await worker.fetchval(INDEX) is False
            killed.kill()
        with migrating(database_url) as again:
            await eventually(lambda: is_alone(worker))
            await worker.execute(BURY, 2)
            await writing.commit()
            assert await asyncio.to_thread(again.wait_for_exit, within=90) == 0, again.logs()
        assert await worker.fetchval(INDEX) is True
        assert await worker.fetchval(VERSION) == newest_revision()
        assert await worker.fetchval(COUNT) == 3


async def test_a_database_that_a_newer_release_has_migrated_is_left_as_it_is(database_url: str) -> None:
    """So a rollback's migration ends well, and its workers start."""
    await migrate(database_url)
    async with sessions(database_url, "owner") as (owner,):
        await owner.execute("UPDATE alembic_version SET version_num = '9999'")
        with migrating(database_url) as older:
            assert await asyncio.to_thread(older.wait_for_exit, within=60) == 0, older.logs()
            assert older.events("database_is_newer")[0]["stored"] == "9999"
        assert await owner.fetchval(VERSION) == "9999"
    async with create_pool_of(database_url) as pool:
        await require_schema(pool)


async def test_a_worker_says_what_its_database_lacks(database_url: str) -> None:
    async with create_pool_of(database_url) as pool:
        with pytest.raises(NotMigrated, match=r"has no tables, .*python -m qos_processing\.migrate"):
            await require_schema(pool)
        await migrate(database_url, COLUMNS)
        with pytest.raises(NotMigrated, match=f"is at revision {COLUMNS}, this program needs {newest_revision()}"):
            await require_schema(pool)
        await migrate(database_url)
        await require_schema(pool)


@asynccontextmanager
async def create_pool_of(database_url: str) -> "AsyncIterator[asyncpg.Pool[asyncpg.Record]]":
    pool = await create_pool(database_url, application_name="test", max_size=1)
    try:
        yield pool
    finally:
        await pool.close()


def migrating(database_url: str) -> AbstractContextManager[RunningService]:
    return running_service("qos_processing.migrate", {"DATABASE_URL": database_url})


async def waits_for_a_lock(session: Connection) -> bool:
    """A migration does, now."""
    return bool(
        await session.fetchval(
            "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()"
            " AND application_name = 'qos-migrate' AND wait_event_type = 'Lock'"
        )
    )


async def is_alone(session: Connection) -> bool:
    """The session of the migration that was killed is over, and another one is at work."""
    pids = await session.fetch(
        "SELECT pid FROM pg_stat_activity WHERE datname = current_database() AND application_name = 'qos-migrate'"
    )
    return len(pids) == 1 and await waits_for_a_lock(session)

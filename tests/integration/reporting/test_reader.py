"""The role of readers reads the views and nothing else: of the live generation, by the database's time zone."""

import logging
import os
import subprocess
from datetime import UTC, date, datetime
from pathlib import Path
from typing import TypeAlias
from urllib.parse import urlsplit, urlunsplit
from uuid import uuid4
from zoneinfo import ZoneInfo

import asyncpg
import pytest
from sqlalchemy import text

from qos_local.stack import postgres_binaries
from qos_processing.migrate import migrate, upgrade
from qos_processing.migrations.versions import v0003_views
from support.reporting import connecting

pytestmark = pytest.mark.real

MAKE_USER = Path(__file__).parents[3] / "deploy" / "grafana" / "postgres" / "10-grafana-user.sh"
RELATIONS = """
    SELECT n.nspname || '.' || c.relname FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
    WHERE n.nspname = $1 AND c.relkind IN ('r', 'p', 'v', 'm')
"""
Connection: TypeAlias = "asyncpg.Connection[asyncpg.Record]"


async def names(connection: Connection, schema: str) -> list[str]:
    return [row[0] for row in await connection.fetch(RELATIONS, schema)]


async def is_refused(reader: Connection, statement: str) -> bool:
    try:
        async with reader.transaction():
            await reader.execute(statement)
    except asyncpg.InsufficientPrivilegeError:
        return True
    return False


async def test_a_reader_reads_every_view_and_no_table(reader: Connection) -> None:
    views = await names(reader, "reporting")
    assert len(views) == 12
    for view in views:
        await reader.fetch(f"SELECT * FROM {view} LIMIT 1")  # noqa: S608 - our own views
    tables = await names(reader, "public")
    assert "public.cases" in tables
    assert [table for table in tables if not await is_refused(reader, f"SELECT FROM {table}")] == []


@pytest.mark.parametrize(
    "statement",
    [
        "DELETE FROM reporting.pipeline_positions",
        "UPDATE reporting.pipeline_positions SET next_offset = 0",
        "TRUNCATE public.cases",
        "CREATE TABLE public.mine (n int)",
        "CREATE VIEW reporting.mine AS SELECT 1",
        "DROP VIEW reporting.levels",
    ],
)
async def test_a_reader_changes_nothing(reader: Connection, statement: str) -> None:
    assert await is_refused(reader, statement)


async def test_no_view_shows_a_case_or_a_payload(reader: Connection) -> None:
    shown = await reader.fetch(
        "SELECT table_name, column_name FROM information_schema.columns WHERE table_schema = 'reporting' AND"
        " (data_type IN ('bytea', 'json', 'jsonb') OR column_name IN ('application_id', 'facts', 'contributions'))"
    )
    assert shown == []


def grafana_user(postgres: str, user: str, password: str) -> None:
    """Run the script as the image of PostgreSQL does, with the server's owner."""
    where = urlsplit(postgres)
    programs = postgres_binaries.programs(None)
    subprocess.run(
        ["/bin/sh", str(MAKE_USER)],
        env={
            "PATH": f"{programs}:{os.environ['PATH']}",
            "PGHOST": where.hostname or "",
            "PGPORT": str(where.port or 5432),
            "PGPASSWORD": where.password or "",
            "POSTGRES_USER": where.username or "",
            "POSTGRES_DB": where.path.removeprefix("/"),
            "GRAFANA_DB_USER": user,
            "GRAFANA_DB_PASSWORD": password,
        },
        check=True,
        timeout=30,
    )


async def test_grafanas_user_logs_in_and_reads(database_url: str, postgres: str) -> None:
    user, password = f"grafana_{uuid4().hex[:8]}", "it's \\ a $secret"
    try:
        # Before the migration, as when a database is made; and again, to change the password.
        grafana_user(postgres, user, "the first one")
        await migrate(database_url)
        grafana_user(postgres, user, password)
        where = urlsplit(database_url)
        connection = await asyncpg.connect(
            host=where.hostname, port=where.port, database=where.path[1:], user=user, password=password
        )
        try:
            assert await connection.fetchval("SELECT generation FROM reporting.pipeline") == 1
            assert await is_refused(connection, "SELECT FROM public.cases")
            with pytest.raises(asyncpg.ReadOnlySQLTransactionError):
                await connection.execute("CREATE TEMPORARY TABLE mine (n int)")
            assert await connection.fetchval("SHOW statement_timeout") == "30s"
        finally:
            await connection.close()
    finally:
        owner = await asyncpg.connect(postgres)
        await owner.execute(f'DROP ROLE IF EXISTS "{user}"')
        await owner.close()


async def test_a_migration_that_may_make_no_role_goes_on_and_says_what_to_do(
    database_url: str, postgres: str, caplog: pytest.LogCaptureFixture
) -> None:
    await migrate(database_url)  # there is a qos_reader: it is hidden below by another name
    name, owner = f"plain_{uuid4().hex[:8]}", f"owner_{uuid4().hex[:8]}"
    server = await asyncpg.connect(postgres)
    await server.execute(f"CREATE ROLE {owner}")
    await server.execute(f"CREATE DATABASE {name} OWNER {owner}")
    try:
        async with connecting(urlunsplit(urlsplit(postgres)._replace(path=f"/{name}"))) as connection:
            await connection.execute(text("ALTER ROLE qos_reader RENAME TO qos_reader_of_others"))
            await connection.execute(text(f"SET LOCAL ROLE {owner}"))
            with caplog.at_level(logging.WARNING, "qos_processing.migrate"):
                await connection.run_sync(upgrade, v0003_views.revision)
            assert (await connection.execute(text("SELECT count(*) FROM reporting.pipeline"))).scalar_one() == 1
            await connection.rollback()
    finally:
        await server.execute(f"DROP DATABASE {name}")
        await server.execute(f"DROP ROLE {owner}")
        await server.close()
    assert "CREATE ROLE qos_reader NOLOGIN" in caplog.text
    assert "GRANT SELECT ON ALL TABLES IN SCHEMA reporting TO qos_reader" in caplog.text


@pytest.mark.parametrize("zone", ["Pacific/Kiritimati", "Etc/GMT+12"])
async def test_dates_are_those_of_the_databases_time_zone(reader: Connection, zone: str) -> None:
    now = await reader.fetchval("SELECT now()")
    assert await reader.fetchval("SELECT reporting.local_date()") == now.astimezone(ZoneInfo("Asia/Tokyo")).date()
    await reader.execute(f"SET LOCAL qos.time_zone = '{zone}'")
    assert await reader.fetchval("SELECT reporting.local_date()") == now.astimezone(ZoneInfo(zone)).date()
    begins = await reader.fetchval("SELECT reporting.day_start($1)", date(2026, 11, 20))
    assert begins == datetime(2026, 11, 20, tzinfo=ZoneInfo(zone)).astimezone(UTC)


async def test_only_the_live_generation_counts_and_the_history_of_levels_has_no_gaps(database_url: str) -> None:
    await migrate(database_url)
    owner = await asyncpg.connect(database_url)
    try:
        await owner.execute("INSERT INTO generations (generation, status, logic_version) VALUES (2, 'building', 2)")
        await owner.execute("CREATE TABLE day_buckets_g2 PARTITION OF day_buckets FOR VALUES IN (2)")
        for generation, applications in ((1, 3), (2, 40)):
            await owner.execute(
                "INSERT INTO day_buckets VALUES ($1, 'road', 'office', '2026-11-20', 'online', true, 'arrived', 0, $2)",
                generation,
                applications,
            )
            await owner.execute(
                "INSERT INTO procedures VALUES ($1, 'road', 0, 'office', '局', NULL, 'bureau', NULL, '道路', NULL,"
                " '{}', '2020-04-01', NULL, false, NULL)",
                generation,
            )
        for day, level in (("2026-11-01", 1), ("2026-11-10", 2)):
            reading = f'{{"declared": {{"level": {level}}}, "evidenced": {{"level": 0}}}}'
            await owner.execute(
                "INSERT INTO assessments VALUES ('road', $1::text::date, $2, now())",
                day,
                f'{{"principles": {{"faster": {reading}, "simpler": {reading}, "easier": {reading}}}}}',
            )
        assert await owner.fetchval("SELECT sum(applications) FROM reporting.daily_figures") == 3
        assert await owner.fetchval("SELECT count(*) FROM reporting.procedures") == 1
        history = await owner.fetch(
            "SELECT since, until, level FROM reporting.level_history"
            " WHERE procedure_id = 'road' AND principle = 'easier' AND reading = 'declared' ORDER BY since"
        )
        assert [tuple(row) for row in history] == [
            (date(2026, 11, 1), date(2026, 11, 10), 1),
            (date(2026, 11, 10), None, 2),
        ]
        await owner.execute("UPDATE generations SET status = 'old' WHERE generation = 1")
        await owner.execute("UPDATE generations SET status = 'live' WHERE generation = 2")
        assert await owner.fetchval("SELECT sum(applications) FROM reporting.daily_figures") == 40
    finally:
        await owner.close()


async def test_dead_letters_are_counted_by_their_local_date(database_url: str) -> None:
    await migrate(database_url)
    owner = await asyncpg.connect(database_url)
    try:
        for offset in range(2):
            await owner.execute(
                "INSERT INTO dead_letters VALUES"
                " ('reviews', 0, $1, 'schema', 'data.x', 'unknown', NULL, 'secret', '{}', '2026-11-19T15:30:00Z')",
                offset,
            )
        rows = await owner.fetch("SELECT * FROM reporting.dead_letters")
    finally:
        await owner.close()
    assert [tuple(row) for row in rows] == [("reviews", date(2026, 11, 20), "schema", 2)]

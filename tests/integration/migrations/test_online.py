"""Each migration after the first, as it runs: what it says to the database, what it locks, what it leaves of before."""

import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeAlias

import asyncpg
import pytest
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, Engine, event

from qos_processing import migrations
from qos_processing.migrate import migrate
from support.releases import LAST_REVISION

pytestmark = pytest.mark.real

Session: TypeAlias = "asyncpg.Connection[asyncpg.Record]"

SQUAWK = Path(sys.executable).with_name("squawk")
# What these ask for is given otherwise: the session has a lock_timeout, a migration is a transaction (an index is the
# business of `migrations.indexes`), and our numbers fit their types.
NOT_ASKED = ("require-timeout-settings", "prefer-robust-stmts", "prefer-bigint-over-int", "prefer-bigint-over-smallint")
RELATIONS = "SELECT c.oid, c.relname, c.relfilenode FROM pg_class c WHERE c.relkind IN ('r', 'p', 'i', 't')"
COLUMNS = """
    SELECT n.nspname || '.' || c.relname || '.' || a.attname,
        format_type(a.atttypid, a.atttypmod), a.attnotnull, a.atthasdef
    FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid JOIN pg_namespace n ON n.oid = c.relnamespace
    WHERE n.nspname IN ('public', 'reporting') AND c.relkind IN ('r', 'p', 'v') AND NOT c.relispartition
        AND a.attnum > 0 AND NOT a.attisdropped
"""
# Of a table with partitions the whole counts once. Weaker locks let others read and write.
HELD = """
    SELECT DISTINCT coalesce(pg_partition_root(l.relation), l.relation)::regclass::text FROM pg_locks l
    WHERE l.pid = pg_backend_pid() AND l.relation = ANY (%s) AND l.relation <> 'alembic_version'::regclass
        AND l.mode IN ('ShareLock', 'ShareRowExclusiveLock', 'ExclusiveLock', 'AccessExclusiveLock')
"""
REVISIONS = sorted(script.revision for script in ScriptDirectory(migrations.__path__[0]).walk_revisions())


class Watch:
    """What a migration does: its statements, and the tables of before that nobody else can use at each commit."""

    def __init__(self, existing: list[int]) -> None:
        self._existing = existing
        self.statements: list[str] = []
        self.held: list[set[str]] = []

    def statement(self, _connection: Connection, _cursor: object, statement: str, *_more: Any) -> None:
        self.statements.append(statement)

    def commit(self, connection: Connection) -> None:
        places = f"'{{{','.join(map(str, self._existing))}}}'::oid[]"
        self.held.append(set(connection.exec_driver_sql(HELD % places).scalars()))


@contextmanager
def watched(existing: list[int]) -> Iterator[Watch]:
    watch = Watch(existing)
    listeners = (("before_cursor_execute", watch.statement), ("commit", watch.commit))
    for name, listener in listeners:
        event.listen(Engine, name, listener)
    try:
        yield watch
    finally:
        for name, listener in listeners:
            event.remove(Engine, name, listener)


async def test_no_migration_rewrites_or_holds_more_than_one_table_and_the_linter_agrees(
    database_url: str, tmp_path: Path
) -> None:
    """A transaction that holds one table and waits for another makes everybody wait who needs either."""
    first, *later = REVISIONS
    await migrate(database_url, first)
    held: dict[str, list[set[str]]] = {}
    session = await asyncpg.connect(database_url)
    try:
        for revision in later:
            before = await session.fetch(RELATIONS)
            with watched([row["oid"] for row in before]) as watch:
                await migrate(database_url, revision)
            held[revision] = watch.held
            assert all(len(tables) <= 1 for tables in watch.held), f"{revision} holds {watch.held}"
            after = {row["oid"]: row for row in await session.fetch(RELATIONS)}
            rewritten = {row["relname"] for row in before if row["oid"] in after and after[row["oid"]] != row}
            assert rewritten == set(), f"{revision} rewrites {rewritten}"
            (tmp_path / f"{revision}.sql").write_text(script(watch.statements), "utf-8")
    finally:
        await session.close()
    assert {"dead_letters"} in held["0005"]  # what is looked for is seen where it is
    assert linted([tmp_path / f"{revision}.sql" for revision in later]) == ""


def test_the_linter_finds_what_it_is_asked_for(tmp_path: Path) -> None:
    bad = tmp_path / "bad.sql"
    bad.write_text("CREATE INDEX i ON cases (unit); ALTER TABLE cases ALTER COLUMN unit TYPE int;", "utf-8")
    found = linted([bad])
    assert "require-concurrent-index-creation" in found
    assert "changing-column-type" in found


async def test_what_the_last_release_reads_and_writes_stays(database_url: str) -> None:
    """No column or view of it goes, changes its type or asks for more; a row that it writes needs nothing new."""
    await migrate(database_url, LAST_REVISION)
    session = await asyncpg.connect(database_url)
    try:
        before = {row[0]: tuple(row)[1:] for row in await session.fetch(COLUMNS)}
        await migrate(database_url)
        after = {row[0]: tuple(row)[1:] for row in await session.fetch(COLUMNS)}
    finally:
        await session.close()
    tables = {name.rpartition(".")[0] for name in before}
    assert {name: after.get(name) for name in before} == before
    needed = [
        name
        for name, (_, not_null, has_default) in after.items()
        if name not in before and name.rpartition(".")[0] in tables and not_null and not has_default
    ]
    assert needed == [], "the last release's INSERT doesn't name these: let them be null, or give them a default"


def script(statements: list[str]) -> str:
    """The migration's own, without what alembic, SQLAlchemy and `migrations.indexes` ask."""
    own = (statement.strip() for statement in statements)
    asked = re.compile(r"select|set|reset|.*\balembic_version\b", re.IGNORECASE)
    return "".join(f"{statement};\n" for statement in own if not asked.match(statement))


def linted(files: list[Path]) -> str:
    """What the linter finds; nothing where all is well."""
    command = [
        str(SQUAWK),
        "--reporter",
        "gcc",
        "--pg-version",
        "18",
        *(f"--exclude={rule}" for rule in NOT_ASKED),
        *map(str, files),
    ]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode in {0, 1}, done.stderr
    return done.stdout if done.returncode else ""

"""Bringing a database up to date: `DATABASE_URL=postgresql://... python -m qos_processing.migrate`.

Workers and readers of the release before may go on meanwhile. Each migration is a transaction of its own, and one that
can't have a lock at once gives way: nobody waits behind it for longer than `Patience.lock_seconds`.

May be run by several at once (one after the other) and again at will: what is there is left alone, and what a run that
was killed left half done is done. A database that a newer release has brought further is left as it is. Exit code 0:
done; 1: it failed or was kept waiting, run it again; 2: misconfigured.
"""

import argparse
import asyncio
import os
import sys
from dataclasses import dataclass
from importlib.resources import files
from time import monotonic

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from sqlalchemy import Connection, text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncConnection, create_async_engine
from sqlalchemy.pool import NullPool

from qos_domain.errors import TransientFailure
from qos_processing.schema import newest_revision
from qos_runtime.errors import NotConfigured
from qos_runtime.logging import configure_logging, get_logger

_log = get_logger(__name__)

# Any number that nothing else locks in this database.
_MIGRATION_LOCK = 0x716F735F6D696772
_ASK_AGAIN_SECONDS = 0.2
_TELL_EVERY_SECONDS = 10.0
# A lock that wasn't to be had in time; a deadlock, which one of the two has to give way to.
_GIVE_WAY = frozenset({"55P03", "40P01"})
_LONGEST_TRANSACTIONS = """
    SELECT application_name, pid, coalesce(state, '') AS state, extract(epoch FROM now() - xact_start)::int AS seconds
    FROM pg_stat_activity
    WHERE datname = current_database() AND xact_start IS NOT NULL AND pid <> pg_backend_pid()
    ORDER BY xact_start LIMIT 3
"""


class KeptWaiting(TransientFailure):
    """Other transactions hold the tables all the time. Migrations before the one that waited are done."""


@dataclass(frozen=True, slots=True)
class Patience:
    """How a migration waits for the locks that it needs.

    `lock_seconds`: the longest that a statement waits, and so that others wait behind it, who would get the lock
    without it. Then the migration is rolled back and tried again `pause_seconds` later, for `total_seconds` in all.
    """

    lock_seconds: float = 2.0
    pause_seconds: float = 5.0
    total_seconds: float = 1_800.0


def upgrade(connection: Connection, revision: str = "head") -> None:
    """Run the missing versions, each in a transaction of its own, or all in the one that is open on `connection`."""
    config = Config()
    config.set_main_option("script_location", str(files("qos_processing") / "migrations"))
    config.attributes["connection"] = connection
    command.upgrade(config, revision)


async def migrate(database_url: str, revision: str = "head", patience: Patience | None = None) -> None:
    """Bring the database to the newest version, or up to `revision`; waits while another process does the same.

    Raises KeptWaiting when a lock isn't to be had for as long as the patience lasts, and what asyncpg or SQLAlchemy
    raise when the database is away or a statement fails. The migration that failed has changed nothing then, unless it
    builds an index; those before it are done. In every case: run it again.
    """
    patience = patience or Patience()
    scheme, _, rest = database_url.partition("://")
    if scheme not in {"postgres", "postgresql"}:
        raise NotConfigured(setting="DATABASE_URL", remedy="set it to postgresql://user:password@host:port/database")
    settings = {
        "application_name": "qos-migrate",
        "lock_timeout": str(round(patience.lock_seconds * 1000)),
        # A session whose client was killed ends within a second, also in the middle of a statement.
        "client_connection_check_interval": "1000",
    }
    engine = create_async_engine(
        f"postgresql+asyncpg://{rest}", poolclass=NullPool, connect_args={"server_settings": settings}
    )
    try:
        async with engine.connect() as connection:
            await _wait_for_others(connection)
            if not await _is_newer(connection):
                await _upgrade_patiently(connection, revision, patience)
    finally:
        await engine.dispose()


async def _wait_for_others(connection: AsyncConnection) -> None:
    """Hold the migrations' lock until the session ends."""
    tell_at = monotonic()
    # Asked again and again: a session that waits for the lock would be one that CREATE INDEX CONCURRENTLY waits for.
    while not (await connection.execute(text("SELECT pg_try_advisory_lock(:key)"), {"key": _MIGRATION_LOCK})).scalar():
        await connection.rollback()
        if monotonic() >= tell_at:
            tell_at = monotonic() + _TELL_EVERY_SECONDS
            _log.info("migration_waits_for_another")
        await asyncio.sleep(_ASK_AGAIN_SECONDS)
    await connection.commit()


async def _is_newer(connection: AsyncConnection) -> bool:
    def current(each: Connection) -> str | None:
        return MigrationContext.configure(each).get_current_revision()

    stored = await connection.run_sync(current)
    await connection.rollback()
    if stored is None or stored <= newest_revision():
        return False
    _log.warning("database_is_newer", stored=stored, own=newest_revision())
    return True


async def _upgrade_patiently(connection: AsyncConnection, revision: str, patience: Patience) -> None:
    give_up_at = monotonic() + patience.total_seconds
    while True:
        try:
            await connection.run_sync(upgrade, revision)
            await connection.commit()
        except DBAPIError as error:
            if getattr(error.orig, "sqlstate", None) not in _GIVE_WAY:
                raise
            await connection.rollback()
            longest = await _longest_transactions(connection)
            if monotonic() + patience.pause_seconds > give_up_at:
                raise KeptWaiting(
                    f"no lock for {patience.total_seconds:g} s; the longest transactions are {', '.join(longest)}: end"
                    " them (pg_terminate_backend) or wait until they end, and run this again"
                ) from error
            _log.warning("migration_gave_way", pause_seconds=patience.pause_seconds, longest_transactions=longest)
        else:
            return
        await asyncio.sleep(patience.pause_seconds)


async def _longest_transactions(connection: AsyncConnection) -> list[str]:
    rows = (await connection.execute(text(_LONGEST_TRANSACTIONS))).all()
    await connection.rollback()
    return [f"{row.application_name or 'unnamed'} (pid {row.pid}, {row.state}, {row.seconds} s)" for row in rows]


def _patience() -> Patience:
    usual = Patience()
    parser = argparse.ArgumentParser(
        prog="python -m qos_processing.migrate",
        description=__doc__,
        epilog="example: DATABASE_URL=postgresql://qos@db/qos python -m qos_processing.migrate --lock-seconds 0.5",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "--lock-seconds",
        type=float,
        default=usual.lock_seconds,
        help=f"the longest that anybody waits behind a migration (default: {usual.lock_seconds:g})",
    )
    parser.add_argument(
        "--patience-seconds",
        type=float,
        default=usual.total_seconds,
        help=f"how long it is tried again when a lock isn't to be had (default: {usual.total_seconds:g})",
    )
    given = parser.parse_args()
    # PostgreSQL takes 0 for no limit at all.
    if given.lock_seconds < 0.001 or given.patience_seconds < 0:
        parser.error("--lock-seconds is at least 0.001, --patience-seconds at least 0")
    return Patience(lock_seconds=given.lock_seconds, total_seconds=given.patience_seconds)


def main() -> int:
    patience = _patience()
    configure_logging(service="qos-migrate")
    try:
        asyncio.run(migrate(os.environ.get("DATABASE_URL", ""), patience=patience))
    except NotConfigured as error:
        sys.stderr.write(f"{error}\n")
        return 2
    except KeptWaiting as error:
        sys.stderr.write(f"{error}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())

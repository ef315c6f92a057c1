"""Bringing a database up to date: `DATABASE_URL=postgresql://... python -m qos_processing.migrate`.

May be run by several at once and again at will: one after the other, and what is there is left alone.
"""

import asyncio
import os
import sys
from importlib.resources import files

from alembic import command
from alembic.config import Config
from sqlalchemy import Connection, text
from sqlalchemy.ext.asyncio import create_async_engine
from sqlalchemy.pool import NullPool

from qos_runtime.errors import NotConfigured

# Any number that nothing else locks in this database.
_MIGRATION_LOCK = 0x716F735F6D696772


def upgrade(connection: Connection, revision: str = "head") -> None:
    """Run the missing versions on `connection`, inside its transaction."""
    config = Config()
    config.set_main_option("script_location", str(files("qos_processing") / "migrations"))
    config.attributes["connection"] = connection
    command.upgrade(config, revision)


async def migrate(database_url: str, revision: str = "head") -> None:
    """Bring the database to the newest version, or up to `revision`; waits while another process does the same.

    Raises what asyncpg or SQLAlchemy raise when the database is away or a statement fails: nothing is changed then.
    """
    scheme, _, rest = database_url.partition("://")
    if scheme not in {"postgres", "postgresql"}:
        raise NotConfigured(setting="DATABASE_URL", remedy="set it to postgresql://user:password@host:port/database")
    engine = create_async_engine(f"postgresql+asyncpg://{rest}", poolclass=NullPool)
    try:
        async with engine.begin() as connection:
            await connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _MIGRATION_LOCK})
            await connection.run_sync(upgrade, revision)
    finally:
        await engine.dispose()


def main() -> int:
    try:
        database_url = os.environ.get("DATABASE_URL", "")
        asyncio.run(migrate(database_url))
    except NotConfigured as error:
        sys.stderr.write(f"{error}\n")
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())

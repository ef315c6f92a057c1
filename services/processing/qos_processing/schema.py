"""Which form of the database this program needs: the worker asks at its start, so that it names what is missing."""

from importlib.resources import files

import asyncpg

from qos_domain.errors import TransientFailure
from qos_runtime.postgres import Pool


class NotMigrated(TransientFailure):
    """The database hasn't been brought up to date yet: the worker ends, its orchestrator starts it again."""

    def __init__(self, *, stored: str | None, own: str) -> None:
        found = "has no tables" if stored is None else f"is at revision {stored}"
        super().__init__(f"the database {found}, this program needs {own}: run `python -m qos_processing.migrate`")
        self.stored = stored
        self.own = own


def newest_revision() -> str:
    """The newest migration that this program brings along: four digits, which grow."""
    versions = (files("qos_processing") / "migrations" / "versions").iterdir()
    return max(entry.name[1:5] for entry in versions if entry.name.startswith("v") and entry.name.endswith(".py"))


async def require_schema(pool: Pool) -> None:
    """Return when the database is at this program's revision or at a later one, which every migration allows for.

    Raises NotMigrated, and what asyncpg raises when the database is away.
    """
    try:
        stored = await pool.fetchval("SELECT version_num FROM alembic_version")
    except asyncpg.UndefinedTableError:
        stored = None
    if stored is None or stored < newest_revision():
        raise NotMigrated(stored=stored, own=newest_revision())

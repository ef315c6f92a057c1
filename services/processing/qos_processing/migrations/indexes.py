"""Indexes on tables that are written to meanwhile."""

import sqlalchemy
from alembic import op

_INVALID = sqlalchemy.text(
    "SELECT EXISTS (SELECT FROM pg_index WHERE indexrelid = to_regclass(:name) AND NOT indisvalid)"
)


def create_index(name: str, definition: str) -> None:
    """Build an index (`definition`: what follows its name) while others read and write the table.

    It ends the migration's transaction, so it comes first, and what follows it may be done more than once. It waits,
    however long, for the transactions that are open, and nobody waits behind it. What a build that was cut off has left
    behind is dropped first. Not for a table that is partitioned: there, for each of its partitions.
    """
    with op.get_context().autocommit_block():
        op.execute("SET lock_timeout = 0")
        try:
            if op.get_bind().scalar(_INVALID, {"name": name}):
                op.execute(f"DROP INDEX CONCURRENTLY {name}")
            op.execute(f"CREATE INDEX CONCURRENTLY IF NOT EXISTS {name} {definition}")
        finally:
            op.execute("RESET lock_timeout")

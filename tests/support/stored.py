"""All that a database holds, in the columns that it had once: tables as they are, views as a reader reads them."""

from collections.abc import Mapping
from typing import Any, TypeAlias

import asyncpg

Columns: TypeAlias = Mapping[str, tuple[str, ...]]
"""By the name of a table or view, with its schema."""

_COLUMNS = """
    SELECT n.nspname || '.' || c.relname, array_agg(quote_ident(a.attname) ORDER BY a.attnum)
    FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace JOIN pg_attribute a ON a.attrelid = c.oid
    WHERE c.relkind IN ('r', 'p', 'v') AND NOT c.relispartition AND c.relname <> 'alembic_version'
        AND n.nspname IN ('public', 'reporting') AND a.attnum > 0 AND NOT a.attisdropped
    GROUP BY 1
"""


async def columns(database_url: str) -> Columns:
    connection = await asyncpg.connect(database_url)
    try:
        return {name: tuple(names) for name, names in await connection.fetch(_COLUMNS)}
    finally:
        await connection.close()


async def stored(database_url: str, of: Columns) -> dict[str, list[tuple[Any, ...]]]:
    """The rows by table and view, sorted. Raises what asyncpg raises when one of them isn't there any more."""
    connection = await asyncpg.connect(database_url)
    try:
        return {name: await _rows(connection, name, names) for name, names in of.items()}
    finally:
        await connection.close()


async def _rows(
    connection: "asyncpg.Connection[asyncpg.Record]", name: str, names: tuple[str, ...]
) -> list[tuple[Any, ...]]:
    async with connection.transaction():
        if name.startswith("reporting."):
            await connection.execute("SET LOCAL ROLE qos_reader")
        rows = await connection.fetch(f"SELECT {', '.join(names)} FROM {name}")  # noqa: S608 - our own names
    return sorted(map(tuple, rows), key=repr)

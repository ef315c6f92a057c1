"""A span around each query of an asyncpg connection. asyncpg lets a pool make connections of a class of one's own."""

import re
from collections.abc import Callable
from contextlib import AbstractContextManager
from functools import lru_cache, wraps
from typing import Any, cast

from qos_runtime.tracing import ConnectionClass

# A cursor reads row by row: a span for each would be a trace of a thousand spans.
_QUERIES = ("execute", "fetch", "fetchrow", "fetchval")
_WRITES = re.compile(r"\b(INSERT|UPDATE|DELETE)(?: INTO| FROM)? +([a-z_]+)")
_READS = re.compile(r"\b(?:FROM|JOIN)\s+([a-z_]+)\b(?!\s*\()")
_MOST_CHARACTERS = 255


@lru_cache(maxsize=1_000)
def summary_of(statement: str) -> str:
    """What the statement does to which tables, as `db.query.summary` has it: `INSERT cases`, `SELECT cases outbox`.

    The statement itself is not told; all of ours are in the code, and their values travel apart from them.
    """
    written = [f"{verb} {table}" for verb, table in _WRITES.findall(statement)]
    words = dict.fromkeys(written or [statement.split(maxsplit=1)[0].rstrip(";"), *_READS.findall(statement)])
    return " ".join(words)[:_MOST_CHARACTERS]


def traced(
    connection_class: ConnectionClass, around: Callable[[str], AbstractContextManager[object]]
) -> ConnectionClass:
    """The class with `around(statement)` around each query."""

    def query(method: Callable[..., Any]) -> Callable[..., Any]:
        @wraps(method)
        async def run(connection: object, statement: str, *arguments: object, **options: object) -> object:
            with around(statement):
                return await method(connection, statement, *arguments, **options)

        return run

    methods = {name: query(getattr(connection_class, name)) for name in _QUERIES}
    return cast(ConnectionClass, type(connection_class.__name__, (connection_class,), {"__slots__": (), **methods}))

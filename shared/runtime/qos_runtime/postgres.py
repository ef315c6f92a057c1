"""The connection pool, and what an error from PostgreSQL means for the one who retries."""

from enum import Enum, auto
from typing import Final, TypeAlias

import asyncpg

from qos_runtime.tracing import OFF, Tracing

Pool: TypeAlias = "asyncpg.Pool[asyncpg.Record]"

# A session that ends while nothing is asked of it (a limit on idle transactions, a shutdown) can meet the next query
# half-way: asyncpg then speaks of an internal error (its issue 784), which means a lost connection and no more.
_LOST = (asyncpg.InterfaceError, asyncpg.InternalClientError, OSError, EOFError)

DatabaseError: Final = (asyncpg.PostgresError, *_LOST)
"""All that asyncpg raises when the database refuses, is away or goes away: for `except`; `verdict` says which."""


class Verdict(Enum):
    """What to do after an error inside a transaction."""

    RETRY = auto()  # nothing was written: run the transaction again
    READ_THEN_RETRY = auto()  # the commit's answer is lost: read the stored offset before running it again
    FAIL = auto()  # the statement itself is wrong: trying again can't help


async def create_pool(
    database_url: str,
    *,
    application_name: str,
    min_size: int = 1,
    max_size: int = 10,
    idle_in_transaction_seconds: float = 5.0,
    command_timeout_seconds: float = 60.0,
    tracing: Tracing = OFF,
) -> Pool:
    """A pool for short transactions. Raises what asyncpg raises when the database is away (see `verdict`).

    `plan_cache_mode`: a generic plan prepared on empty tables cost a factor of four. The limit on idle transactions
    frees a partition's lock when the worker that holds it has stopped living.
    """
    pool = await asyncpg.create_pool(
        database_url,
        min_size=min_size,
        max_size=max_size,
        reset=_nothing_to_reset,
        connection_class=tracing.querying(asyncpg.Connection),  # type: ignore[arg-type]  # generic to mypy only
        command_timeout=command_timeout_seconds,
        server_settings={
            "application_name": application_name,
            "plan_cache_mode": "force_custom_plan",
            "idle_in_transaction_session_timeout": str(int(idle_in_transaction_seconds * 1000)),
            "timezone": "UTC",
            "jit": "off",
        },
    )
    if pool is None:
        raise RuntimeError("asyncpg gave no pool")
    return pool


async def _nothing_to_reset(_connection: "asyncpg.Connection[asyncpg.Record]") -> None:
    """Our transactions change nothing of a session, so giving one back needs no query. (What was left open is rolled
    back before this is called.)"""


async def database_answers(pool: Pool, *, timeout_seconds: float = 5.0) -> None:
    """Return when a query has been answered; raises what asyncpg raises, or TimeoutError."""
    await pool.fetchval("SELECT 1", timeout=timeout_seconds)


# Shutdown, crash, too many connections, out of memory or disk, lock and serialisation conflicts, idle in transaction.
_RETRIABLE_CLASSES = ("08", "40", "53", "57")
_RETRIABLE_STATES = frozenset({"25P03", "55P03", "58000", "58030", "XX000"})


def verdict(error: BaseException, *, committing: bool = False) -> Verdict:
    """What an error means. `committing`: it came from the COMMIT itself, whose outcome is then unknown.

    asyncpg's InterfaceError and InternalClientError (a connection that is closed or broken) count as the connection
    being lost.
    """
    if isinstance(error, asyncpg.PostgresError):
        state = error.sqlstate or ""
        retriable = state.startswith(_RETRIABLE_CLASSES) or state in _RETRIABLE_STATES
        if not retriable:
            return Verdict.FAIL
        # A conflict is a clear "no"; a session that was ended while committing is not an answer.
        lost = state.startswith(("08", "57"))
        return Verdict.READ_THEN_RETRY if committing and lost else Verdict.RETRY
    if isinstance(error, _LOST):
        return Verdict.READ_THEN_RETRY if committing else Verdict.RETRY
    return Verdict.FAIL


def session_lost(error: BaseException) -> bool:
    """Whether the error may mean that the session ended for being idle in its transaction. Inside the transaction only.

    PostgreSQL's own word for it (25P03) seldom arrives: asyncpg hears it while nothing is asked, closes the connection,
    and raises for the next query what it raises for every connection that is closed.
    """
    if isinstance(error, asyncpg.PostgresError):
        return (error.sqlstate or "").startswith("08") or error.sqlstate == "25P03"
    return isinstance(error, _LOST)

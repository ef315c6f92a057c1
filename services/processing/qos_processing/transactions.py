"""Transactions that are tried again while the database is away, and end in an error that says who must act."""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import TYPE_CHECKING, TypeAlias, TypeVar

import asyncpg
from prometheus_client import CollectorRegistry

from qos_domain.errors import TransientFailure
from qos_processing.ports import SessionLost
from qos_runtime.logging import get_logger
from qos_runtime.metric_defs import PROCESSING_RETRIES
from qos_runtime.postgres import DatabaseError, Pool, Verdict, session_lost, verdict

if TYPE_CHECKING:
    from asyncpg.pool import PoolConnectionProxy

Connection: TypeAlias = "PoolConnectionProxy[asyncpg.Record] | asyncpg.Connection[asyncpg.Record]"
_T = TypeVar("_T")

_FIRST_PAUSE_SECONDS = 0.05
_LONGEST_PAUSE_SECONDS = 2.0

log = get_logger(__name__)


class Transactions:
    """Runs a piece of work in one transaction, again after a transient failure, for at most `patience_seconds`.

    The work is told whether an earlier COMMIT of it may have succeeded without an answer: then it must look, under its
    own lock, at what is stored before it does anything.
    """

    def __init__(self, pool: Pool, *, patience_seconds: float, registry: CollectorRegistry) -> None:
        self.pool = pool
        self._patience_seconds = patience_seconds
        self._retries = PROCESSING_RETRIES.counter(registry)
        self._failing: dict[object, BaseException] = {}

    async def accepted(self) -> None:
        """Return unless a transaction is being tried again now; else raise what PostgreSQL said of it.

        A database that answers queries may still refuse what is written: its disk is full, it is read-only.
        """
        for error in self._failing.values():
            raise error

    async def run(self, work: Callable[[Connection, bool], Awaitable[_T]], *, divisible: bool = False) -> _T:
        """What `work(connection, doubtful)` returns, once committed. What it raises rolls back and goes up.

        Raises TransientFailure when the database is still away after the patience; then an attempt may have been
        committed all the same. Work that is `divisible` isn't tried again as it is when its session was lost before
        the COMMIT: that raises SessionLost, and nothing was committed.
        """
        try:
            return await self._patiently(work, divisible)
        finally:
            self._failing.pop(work, None)

    async def _patiently(self, work: Callable[[Connection, bool], Awaitable[_T]], divisible: bool) -> _T:
        loop = asyncio.get_running_loop()
        give_up_at = loop.time() + self._patience_seconds
        pause, doubtful = _FIRST_PAUSE_SECONDS, False
        while True:
            attempt = _Attempt()
            try:
                return await attempt.run(self.pool, work, doubtful)
            except DatabaseError as error:
                finding = verdict(error, committing=attempt.committing)
                if finding is Verdict.FAIL:
                    raise
                doubtful = doubtful or finding is Verdict.READ_THEN_RETRY
                if divisible and not doubtful and attempt.working and session_lost(error):
                    self._retries.labels(type(error).__name__).inc()
                    raise SessionLost(f"the session was lost ({type(error).__name__}: {error})") from error
                if loop.time() + pause > give_up_at:
                    raise TransientFailure(_why(error, self._patience_seconds)) from error
                self._failing[work] = error
                name = type(error).__name__
                self._retries.labels(name).inc()
                log.warning(
                    "transaction_retried", error=name, reason=str(error), doubtful=doubtful, pause_seconds=pause
                )
            await asyncio.sleep(pause)
            pause = min(2 * pause, _LONGEST_PAUSE_SECONDS)


def _why(error: BaseException, seconds: float) -> str:
    if isinstance(error, asyncpg.DiskFullError):
        return f"PostgreSQL's disk is full for {seconds:g} s ({error}): make room there, nothing is lost"
    return f"PostgreSQL is away ({type(error).__name__})"


class _Attempt:
    def __init__(self) -> None:
        self.working = False
        self.committing = False

    async def run(self, pool: Pool, work: Callable[[Connection, bool], Awaitable[_T]], doubtful: bool) -> _T:
        async with pool.acquire() as connection:
            transaction = connection.transaction()
            try:
                await transaction.start()
                self.working = True
                try:
                    result = await work(connection, doubtful)
                except BaseException:
                    # The first error is the one to hear of; a connection that is gone rolls back by itself.
                    with suppress(*DatabaseError):
                        await transaction.rollback()
                    raise
                # From here on an error, also of giving the connection back, leaves open whether the commit happened.
                self.working, self.committing = False, True
                await transaction.commit()
            except asyncpg.InternalClientError:
                connection.terminate()  # it lost count of what it asked: not for the next one
                raise
            return result

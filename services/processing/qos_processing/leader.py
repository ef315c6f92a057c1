"""One worker leads: it publishes, sweeps and assesses for all, for as long as it holds a lock in PostgreSQL."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress

import asyncpg

from qos_domain.errors import TransientFailure
from qos_runtime.logging import get_logger
from qos_runtime.postgres import DatabaseError

log = get_logger(__name__)

# Any number that nothing else locks in this database.
_LEADER_LOCK = 0x716F735F6C656164

Task = Callable[[], Awaitable[None]]


class Leader:
    """Waits to lead, and runs tasks while it does. The lock belongs to a session of its own: it is gone with it.

    A leader that is paused loses its session after `session_seconds`; what it may still do when it wakes up is
    harmless (sweep and assessor write under partition locks, the publisher is fenced).
    """

    def __init__(
        self,
        database_url: str,
        tasks: Sequence[Task],
        *,
        beginning: Callable[[], Awaitable[object]] | None = None,
        every_seconds: float = 1.0,
        session_seconds: float = 10.0,
    ) -> None:
        """`beginning`: what is done once, each time that it begins to lead, before the tasks begin."""
        self._database_url = database_url
        self._tasks = tasks
        self._beginning = beginning
        self._every_seconds = every_seconds
        self._session_seconds = session_seconds
        self.leading = False

    async def run(self) -> None:
        """Wait for the lock, lead, and wait again when it is lost, for ever.

        A task that ends with anything but TransientFailure ends this too, with its error: the process must end.
        """
        while True:
            try:
                await self._wait_and_lead()
            except (TransientFailure, *DatabaseError) as error:
                log.warning("leadership_lost", error=type(error).__name__, reason=str(error))
            await asyncio.sleep(self._every_seconds)

    async def _wait_and_lead(self) -> None:
        connection: asyncpg.Connection[asyncpg.Record] = await asyncpg.connect(
            self._database_url,
            timeout=self._session_seconds,
            command_timeout=self._session_seconds,
            server_settings={
                "application_name": "qos-leader",
                "idle_session_timeout": str(int(self._session_seconds * 1000)),
            },
        )
        try:
            while True:
                if await connection.fetchval("SELECT pg_try_advisory_lock($1)", _LEADER_LOCK):
                    return await self._lead(connection)
                await asyncio.sleep(self._every_seconds)
        finally:
            with suppress(*DatabaseError):
                await connection.close(timeout=1)

    async def _lead(self, connection: "asyncpg.Connection[asyncpg.Record]") -> None:
        log.info("leading")
        self.leading = True
        holding: asyncio.Future[object] = asyncio.ensure_future(self._hold(connection))
        running = [holding]
        try:
            if self._beginning is not None:
                running.append(asyncio.ensure_future(self._beginning()))
                await _first_end(running)
            tasks: list[asyncio.Future[object]] = [asyncio.ensure_future(task()) for task in self._tasks]
            running += tasks
            await _first_end([holding, *tasks])
        finally:
            self.leading = False
            for task in running:
                task.cancel()
            await asyncio.gather(*running, return_exceptions=True)
            log.info("leading_no_more")

    async def _hold(self, connection: "asyncpg.Connection[asyncpg.Record]") -> None:
        """Use the session, so that it isn't taken for dead; raises as soon as it is gone.

        At once: what comes back after the server was away may be another state of the database, of which the tasks
        must not go on with what they read before.
        """
        gone = asyncio.Event()
        connection.add_termination_listener(lambda _: gone.set())
        while True:
            with suppress(TimeoutError):
                async with asyncio.timeout(self._every_seconds):
                    await gone.wait()
                raise TransientFailure("the session that holds the lead has ended")
            await connection.execute("SELECT 1")


async def _first_end(running: Sequence["asyncio.Future[object]"]) -> None:
    """Return when one of them has ended; raises its error."""
    done, _ = await asyncio.wait(running, return_when=asyncio.FIRST_COMPLETED)
    for task in done:
        task.result()

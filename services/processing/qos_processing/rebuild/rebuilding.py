"""A rebuild from its beginning to its end, and what drops a generation that is not needed any more."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass

import asyncpg

from qos_domain.calendar import Calendar
from qos_domain.errors import TransientFailure
from qos_processing.log_shares import reading, shares
from qos_processing.rebuild import generations
from qos_processing.rebuild.catching_up import CatchingUp
from qos_processing.rebuild.disk import require_room
from qos_processing.rebuild.filling import Options, Progress, load_all, verify_sample
from qos_processing.rebuild.loading import Target
from qos_processing.rebuild.refusals import AlreadyRebuilding, RebuildFailed
from qos_processing.rebuild.swap import swap
from qos_processing.topic_ids import TopicIdentity
from qos_processing.transactions import Connection
from qos_runtime.clock import Clock
from qos_runtime.logging import get_logger
from qos_runtime.postgres import DatabaseError, create_pool
from qos_runtime.settings import RuntimeSettings

log = get_logger(__name__)

# Any number that nothing else locks in this database.
_REBUILD_LOCK = 0x716F735F72656275
_NEAR_RECORDS = 10_000
_ROUNDS = 30
# A rebuild that stops living under the locks of all partition numbers must not hold them for long.
_IDLE_SECONDS = 30


@dataclass(frozen=True, slots=True)
class Rebuilt:
    """What a rebuild came to. `refused`: records that can't be accepted; they were buried when they came."""

    generation: int
    former: int
    records: int
    refused: int
    records_under_locks: int


class Rebuild:
    """One rebuild. Any step may fail or be killed: the live generation is as it was, and the next one starts clean."""

    def __init__(
        self, settings: RuntimeSettings, *, calendar: Calendar, clock: Clock, options: Options, progress: Progress
    ) -> None:
        self._settings = settings
        self._calendar = calendar
        self._clock = clock
        self._options = options
        self._progress = progress

    async def run(self) -> Rebuilt:
        """Build a generation, let it take over, and keep the former one.

        Raises RebuildRefused before anything is begun; RebuildFailed, LogMismatch (the log lacks what the live
        generation tells of) and TransientFailure when the live generation is as it was.
        """
        async with alone(self._settings) as session:
            await self._same_log()
            for left_over in await generations.of_status(session, "building"):
                log.warning("half_built_generation_dropped", generation=left_over)
                await generations.drop(session, left_over)
            live = await generations.live_number(session)
            if not self._options.room_is_there:
                await require_room(session, live)
            new = await generations.begin(session, self._settings.partitions)
            try:
                return await self._build(session, live, new)
            except BaseException:
                with suppress(TransientFailure, *DatabaseError):  # else the next rebuild drops it
                    await generations.drop(session, new)
                raise

    async def _same_log(self) -> None:
        pool = await create_pool(self._settings.database_url, application_name="qos-rebuild", max_size=1)
        try:
            await TopicIdentity(pool, self._settings).verify()
        finally:
            await pool.close()

    async def _build(self, session: Connection, live: int, new: int) -> Rebuilt:
        await generations.await_writers(session, live)
        wanted = shares(await generations.offsets(session, live), at_once=self._options.at_once)
        await generations.plan(session, new, wanted)
        await load_all(
            session, self._settings, Target(generation=new, live=live), wanted, self._options, self._progress
        )
        self._progress("building indexes", 0, 1)
        refused = await generations.loaded(session, new, wanted)
        self._progress("building indexes", 1, 1)
        async with reading(self._settings, client_id="qos-rebuild") as records:
            catching_up = CatchingUp(session, records, calendar=self._calendar, clock=self._clock, generation=new)
            await self._follow(catching_up, live)
            await self._verify(session, new)
            await self._follow(catching_up, live)
            under_locks = await swap(session, catching_up, live=live, new=new)
        total = sum(share.records for share in wanted if share.part == 0)
        log.info("generation_is_live", generation=new, former=live, records=total, records_under_locks=under_locks)
        return Rebuilt(new, live, total, refused, under_locks)

    async def _follow(self, catching_up: CatchingUp, live: int) -> None:
        """Until so little is left that workers may wait for it."""
        for _ in range(_ROUNDS):
            lag = await catching_up.lag(live)
            self._progress("catching up, records left", 0, lag)
            if lag <= _NEAR_RECORDS:
                return
            await catching_up.catch_up(live)
        raise RebuildFailed(
            "the live generation moves faster than the new one can follow: run it again when the backlog is worked off"
        )

    async def _verify(self, session: Connection, new: int) -> None:
        await verify_sample(session, new, self._calendar, self._progress)


async def drop_old(settings: RuntimeSettings) -> list[int]:
    """Drop the generations that were live before; their numbers. Raises AlreadyRebuilding, TransientFailure."""
    async with alone(settings) as session:
        old = await generations.of_status(session, "old")
        for number in old:
            await generations.drop(session, number)
        return old


@asynccontextmanager
async def alone(settings: RuntimeSettings) -> AsyncIterator[Connection]:
    """A session that holds the lock of all rebuilds: with the session the lock is gone, and so is the rebuild."""
    try:
        session = await asyncpg.connect(
            settings.database_url,
            server_settings={
                "application_name": "qos-rebuild",
                "timezone": "UTC",
                "jit": "off",
                "plan_cache_mode": "force_custom_plan",
                "idle_in_transaction_session_timeout": str(1000 * _IDLE_SECONDS),
            },
        )
        try:
            if not await session.fetchval("SELECT pg_try_advisory_lock($1)", _REBUILD_LOCK):
                raise AlreadyRebuilding
            yield session
        finally:
            await session.close()
    except DatabaseError as error:
        raise TransientFailure(f"the database doesn't answer ({type(error).__name__}: {error})") from error

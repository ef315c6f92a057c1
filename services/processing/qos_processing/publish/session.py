"""What a publication and a restatement work with: one snapshot to read from, short transactions to write in, alone."""

from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from typing import TypeAlias

import asyncpg
from prometheus_client import CollectorRegistry

from qos_domain.contributions import LOGIC_VERSION
from qos_domain.errors import TransientFailure
from qos_domain.events import INPUT_TOPICS
from qos_processing import postgres, postgres_outbox
from qos_processing.ports import Message
from qos_processing.postgres import NoLiveGeneration
from qos_processing.publish.refusals import AlreadyPublishing
from qos_processing.service import OtherLogic
from qos_processing.transactions import Connection, Transactions
from qos_processing.verify.snapshot import live_generation
from qos_runtime.clock import Clock
from qos_runtime.kafka import partition_of
from qos_runtime.postgres import DatabaseError, create_pool
from qos_runtime.settings import RuntimeSettings
from qos_runtime.topics import PUBLICATIONS

Progress: TypeAlias = Callable[[str, int, int], None]
"""Is told the step, how much of it is done, and of how much."""

# Any number that nothing else locks in this database.
_LOCK = 0x716F735F7075626C
_PATIENCE_SECONDS = 60.0
_WAITING = "SELECT count(*) FROM (SELECT FROM outbox WHERE topic = $1 LIMIT $2) o"


@asynccontextmanager
async def alone(database_url: str, *, application_name: str) -> AsyncIterator[Connection]:
    """A session that may be idle in a transaction, and the only one of publications and restatements.

    Raises AlreadyPublishing, and TransientFailure when the database doesn't answer.
    """
    try:
        connection = await asyncpg.connect(
            database_url,
            server_settings={
                "application_name": application_name,
                "plan_cache_mode": "force_custom_plan",
                "timezone": "UTC",
                "jit": "off",
            },
        )
        try:
            if not await connection.fetchval("SELECT pg_try_advisory_lock($1)", _LOCK):
                raise AlreadyPublishing
            yield connection
        finally:
            await connection.close()
    except DatabaseError as error:
        raise TransientFailure(f"the database doesn't answer ({type(error).__name__}: {error})") from error


async def live(connection: Connection) -> int:
    """The live generation of the snapshot. Raises NoLiveGeneration, OtherLogic (made by other logic than this
    program's)."""
    generation = await live_generation(connection)
    if generation is None:
        raise NoLiveGeneration
    if generation.logic_version != LOGIC_VERSION:
        raise OtherLogic(stored=generation.logic_version, own=LOGIC_VERSION)
    return generation.number


@asynccontextmanager
async def writing(database_url: str, *, application_name: str) -> AsyncIterator[Transactions]:
    """Short transactions beside the snapshot. Raises TransientFailure when the database doesn't answer."""
    try:
        pool = await create_pool(database_url, application_name=application_name, max_size=1)
    except DatabaseError as error:
        raise TransientFailure(f"the database doesn't answer ({type(error).__name__})") from error
    try:
        yield Transactions(pool, patience_seconds=_PATIENCE_SECONDS, registry=CollectorRegistry())
    finally:
        await pool.close()


class Outbox:
    """The outbox, of messages to `publications` alone: what waits in it stays bounded."""

    def __init__(self, settings: RuntimeSettings, clock: Clock) -> None:
        self._partitions = settings.partitions
        self._clock = clock

    async def append(self, connection: Connection, messages: Sequence[Message]) -> None:
        """Add messages in their order, each to the partition that its key belongs to, under that one's lock."""
        by_partition: dict[int, list[Message]] = {}
        for message in messages:
            by_partition.setdefault(partition_of(message.key, self._partitions), []).append(message)
        for partition in sorted(by_partition):
            state, _ = await postgres.lock_at(connection, partition, INPUT_TOPICS)
            await postgres_outbox.append(connection, state, by_partition[partition], self._clock.now())

    @staticmethod
    async def waiting(connection: Connection, most: int) -> int:
        """How many messages wait, counted up to `most`."""
        return int(await connection.fetchval(_WAITING, PUBLICATIONS, most))

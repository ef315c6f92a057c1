"""A service for tests of the worker: it keeps each record it was given, and the offsets, in one transaction."""

import asyncio
import os
from collections.abc import AsyncIterator, Collection, Iterable, Mapping
from contextlib import AbstractContextManager, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Self

import asyncpg
from aiokafka import AIOKafkaProducer
from prometheus_client import CollectorRegistry

from qos_domain.errors import TransientFailure
from qos_processing.ports import Batch, OffsetMismatch
from qos_processing.transactions import Connection, Transactions
from qos_runtime.kafka import admin_client, producer
from qos_runtime.postgres import DatabaseError, Pool
from qos_runtime.settings import RuntimeSettings
from qos_runtime.topics import INPUT, create_topics
from support.services import RunningService, running_service
from support.stack import environment_of

TABLES = """
CREATE TABLE numbered_lock (partition int PRIMARY KEY);
CREATE TABLE numbered_offsets (topic text, partition int, next_offset bigint NOT NULL, PRIMARY KEY (topic, partition));
CREATE TABLE numbered_seen (
    id bigserial PRIMARY KEY, topic text, partition int, "offset" bigint, value text, worker text, batch_records int
);
INSERT INTO numbered_lock SELECT generate_series(0, 63);
"""


class Crash(Exception):
    """What the service raises when it is told to."""


class NumberedProcessor:
    """Keeps records and offsets; no unique key, so that a record applied twice is seen twice.

    A record `crash` raises Crash. `seconds_a_batch` is spent in each transaction, as a slow fold would be.
    """

    def __init__(self, pool: Pool, *, seconds_a_batch: float = 0.0) -> None:
        self._pool = pool
        self._transactions = Transactions(pool, patience_seconds=20, registry=CollectorRegistry())
        self._seconds_a_batch = seconds_a_batch
        self._worker = str(os.getpid())
        self.forgotten: list[frozenset[int]] = []

    async def start_offset(self, topic: str, partition: int) -> int:
        try:
            found = await self._pool.fetchval(
                "SELECT next_offset FROM numbered_offsets WHERE topic = $1 AND partition = $2",
                topic,
                partition,
                timeout=1,
            )
        except DatabaseError as error:
            raise TransientFailure("the database is away") from error
        return found or 0

    async def stored_offsets(self) -> Mapping[tuple[str, int], int]:
        try:
            rows = await self._pool.fetch("SELECT topic, partition, next_offset FROM numbered_offsets", timeout=1)
        except DatabaseError as error:
            raise TransientFailure("the database is away") from error
        return {(topic, partition): offset for topic, partition, offset in rows}

    async def process(self, *batches: Batch) -> None:
        await self._transactions.run(lambda connection, doubtful: self._apply(connection, doubtful, batches))

    async def _apply(self, connection: Connection, doubtful: bool, batches: tuple[Batch, ...]) -> None:
        partition = batches[0].partition
        await connection.execute("SELECT 1 FROM numbered_lock WHERE partition = $1 FOR UPDATE", partition)
        for batch in batches:
            await self._apply_one(connection, doubtful, batch)
        await asyncio.sleep(self._seconds_a_batch)

    async def _apply_one(self, connection: Connection, doubtful: bool, batch: Batch) -> None:
        stored = await connection.fetchval(
            "SELECT next_offset FROM numbered_offsets WHERE topic = $1 AND partition = $2",
            batch.topic,
            batch.partition,
        )
        if doubtful and stored == batch.next_offset:
            return
        if (stored or 0) != batch.fetched_from:
            raise OffsetMismatch(
                topic=batch.topic, partition=batch.partition, fetched_from=batch.fetched_from, stored=stored or 0
            )
        if any(record.value == b"crash" for record in batch.records):
            raise Crash(f"{batch.topic}-{batch.partition}")
        await connection.copy_records_to_table(
            "numbered_seen",
            records=[
                (batch.topic, batch.partition, r.offset, (r.value or b"").decode(), self._worker, len(batch.records))
                for r in batch.records
            ],
            columns=["topic", "partition", "offset", "value", "worker", "batch_records"],
        )
        await connection.execute(
            "INSERT INTO numbered_offsets VALUES ($1, $2, $3) "
            "ON CONFLICT (topic, partition) DO UPDATE SET next_offset = excluded.next_offset",
            batch.topic,
            batch.partition,
            batch.next_offset,
        )

    def forget(self, partitions: Collection[int]) -> None:
        self.forgotten.append(frozenset(partitions))


@dataclass(frozen=True, slots=True)
class Seen:
    """One record as the service kept it."""

    topic: str
    partition: int
    offset: int
    value: str
    worker: str
    batch_records: int


class Numbered:
    """The five input topics and a database for the numbered service, seen from outside the worker."""

    def __init__(self, settings: RuntimeSettings, producer: AIOKafkaProducer, connection: asyncpg.Connection) -> None:
        self.settings = settings
        self.connection = connection
        self._producer = producer

    @classmethod
    @asynccontextmanager
    async def prepared(cls, settings: RuntimeSettings) -> AsyncIterator[Self]:
        """With topics and tables made, nothing sent yet."""
        async with admin_client(settings) as admin:
            await create_topics(admin, settings, INPUT)
        connection = await asyncpg.connect(settings.database_url)
        sender = producer(settings, client_id="numbered")
        await sender.start()
        try:
            await connection.execute(TABLES)
            yield cls(settings, sender, connection)
        finally:
            await sender.stop()
            await connection.close()

    async def send(self, values: Iterable[str], *, topic: str = "applications", partition: int | None = None) -> None:
        """Append the values, acknowledged; spread over the partitions unless one is given."""
        number = 0
        for number, value in enumerate(values):
            await self._producer.send(
                self.settings.topic(topic),
                value.encode(),
                key=b"any",
                partition=number % self.settings.partitions if partition is None else partition,
            )
        await self._producer.flush()

    async def seen(self) -> list[Seen]:
        """All that was committed, in the order it was."""
        rows = await self.connection.fetch("SELECT * FROM numbered_seen ORDER BY id")
        return [Seen(*list(row.values())[1:]) for row in rows]

    async def count(self) -> int:
        return int(await self.connection.fetchval("SELECT count(*) FROM numbered_seen"))

    async def offsets(self) -> dict[tuple[str, int], int]:
        """The stored offsets by topic (base name) and partition."""
        rows = await self.connection.fetch("SELECT topic, partition, next_offset FROM numbered_offsets")
        return {(row["topic"], row["partition"]): row["next_offset"] for row in rows}

    async def store_offset(self, topic: str, partition: int, next_offset: int) -> None:
        """As if batches up to here had been committed."""
        await self.connection.execute(
            "INSERT INTO numbered_offsets VALUES ($1, $2, $3) "
            "ON CONFLICT (topic, partition) DO UPDATE SET next_offset = excluded.next_offset",
            topic,
            partition,
            next_offset,
        )

    def worker(self, **environment: str) -> AbstractContextManager[RunningService]:
        """A worker process with the numbered service."""
        return running_service(
            "support.numbered_worker",
            {
                **environment_of(self.settings),
                "PYTHONPATH": str(Path(__file__).parents[1]),
                "QOS_PROCESSING_PORT": "0",
                "QOS_LOG_FORMAT": "json",
                **environment,
            },
        )

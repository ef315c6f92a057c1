"""A service for tests of the worker: it keeps each record it was given, and the offsets, in one transaction."""

import asyncio
import os
import socket
from collections.abc import Collection

import asyncpg

from qos_domain.errors import TransientFailure
from qos_processing.ports import Batch, OffsetMismatch
from qos_runtime.postgres import Pool

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

    A record `crash` raises Crash. `seconds_a_batch` is spent inside the transaction, as a slow fold would be.
    """

    def __init__(self, pool: Pool, *, seconds_a_batch: float = 0.0) -> None:
        self._pool = pool
        self._seconds_a_batch = seconds_a_batch
        self._worker = f"{socket.gethostname()}-{os.getpid()}"
        self.forgotten: list[frozenset[int]] = []

    async def start_offset(self, topic: str, partition: int) -> int:
        try:
            found = await self._pool.fetchval(
                "SELECT next_offset FROM numbered_offsets WHERE topic = $1 AND partition = $2",
                topic,
                partition,
                timeout=1,
            )
        except (OSError, TimeoutError, asyncpg.PostgresError, asyncpg.InterfaceError) as error:
            raise TransientFailure("the database is away") from error
        return found or 0

    async def process(self, batch: Batch) -> None:
        async with self._pool.acquire() as connection, connection.transaction():
            await connection.execute("SELECT 1 FROM numbered_lock WHERE partition = $1 FOR UPDATE", batch.partition)
            stored = await connection.fetchval(
                "SELECT next_offset FROM numbered_offsets WHERE topic = $1 AND partition = $2",
                batch.topic,
                batch.partition,
            )
            if (stored or 0) != batch.fetched_from:
                raise OffsetMismatch(
                    topic=batch.topic, partition=batch.partition, fetched_from=batch.fetched_from, stored=stored or 0
                )
            if any(record.value == b"crash" for record in batch.records):
                raise Crash(f"{batch.topic}-{batch.partition}")
            await connection.copy_records_to_table(
                "numbered_seen",
                records=[
                    (
                        batch.topic,
                        batch.partition,
                        r.offset,
                        (r.value or b"").decode(),
                        self._worker,
                        len(batch.records),
                    )
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
            await asyncio.sleep(self._seconds_a_batch)

    def forget(self, partitions: Collection[int]) -> None:
        self.forgotten.append(frozenset(partitions))

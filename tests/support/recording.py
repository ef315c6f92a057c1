"""A service that records what a worker hands it, and a log to fill."""

import asyncio
from collections.abc import Callable, Collection, Iterable
from contextlib import AbstractAsyncContextManager
from typing import TypeAlias

from aiokafka import AIOKafkaProducer

from qos_processing.ports import Batch, OffsetMismatch
from qos_runtime.settings import RuntimeSettings

Place: TypeAlias = tuple[str, int]
StartWorker: TypeAlias = Callable[..., AbstractAsyncContextManager["asyncio.Task[None]"]]


class Recording:
    """A service that keeps offsets in memory. `hold` keeps it from finishing anything until it is released.

    `working` are the partitions that each transaction under way is about, `together_with_itself` whether two of them
    were ever about one partition number.
    """

    def __init__(self) -> None:
        self.offsets: dict[Place, int] = {}
        self.batches: list[Batch] = []
        self.working: list[list[Place]] = []
        self.most_at_once = 0
        self.together_with_itself = False
        self.conflicts = 0
        self.forgotten: set[int] = set()
        self._may_finish = asyncio.Event()
        self._may_finish.set()

    def hold(self) -> None:
        self._may_finish.clear()

    def release(self) -> None:
        self._may_finish.set()

    async def start_offset(self, topic: str, partition: int) -> int:
        return self.offsets.get((topic, partition), 0)

    async def stored_offsets(self) -> dict[Place, int]:
        return dict(self.offsets)

    async def process(self, *batches: Batch) -> None:
        places = [(batch.topic, batch.partition) for batch in batches]
        partitions = [partition for working in self.working for _, partition in working[:1]]
        self.working.append(places)
        self.most_at_once = max(self.most_at_once, len(self.working))
        self.together_with_itself = self.together_with_itself or places[0][1] in partitions
        try:
            await self._may_finish.wait()
            for place, batch in zip(places, batches, strict=True):
                self._check(place, batch)
            self.batches += batches
            self.offsets |= {place: batch.next_offset for place, batch in zip(places, batches, strict=True)}
        finally:
            self.working.remove(places)

    def _check(self, place: Place, batch: Batch) -> None:
        stored = self.offsets.get(place, 0)
        if stored != batch.fetched_from:
            self.conflicts += 1
            raise OffsetMismatch(topic=place[0], partition=place[1], fetched_from=batch.fetched_from, stored=stored)
        if any(record.value == b"poison" for record in batch.records):
            raise ValueError("poison")

    def forget(self, partitions: Collection[int]) -> None:
        self.forgotten.update(partitions)

    def values(self, topic: str, partition: int) -> list[bytes | None]:
        """All values of a partition in the order they were applied."""
        return [
            record.value
            for batch in self.batches
            if (batch.topic, batch.partition) == (topic, partition)
            for record in batch.records
        ]


class Log:
    """The input topics of one test."""

    def __init__(self, settings: RuntimeSettings) -> None:
        self.settings = settings

    async def append(
        self, values: Iterable[bytes], *, partition: int, topic: str = "applications", transaction: str | None = None
    ) -> None:
        """Append values, acknowledged; a transaction leaves a hole in the offsets, its commit marker."""
        producer = AIOKafkaProducer(
            bootstrap_servers=self.settings.kafka_bootstrap_servers, linger_ms=50, transactional_id=transaction
        )
        await producer.start()
        try:
            if transaction:
                await producer.begin_transaction()
            for value in values:
                await producer.send(self.settings.topic(topic), value, partition=partition)
            if transaction:
                await producer.commit_transaction()
        finally:
            await producer.stop()

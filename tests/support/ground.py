"""A log in Kafka, and a service in this process that reads the same log from memory: what one has, the other has."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

from qos_domain.calendar import Calendar
from qos_domain.events import Event
from qos_processing.outbox import Publisher
from qos_processing.rebuild.filling import Options, Progress
from qos_processing.rebuild.rebuilding import Rebuild, Rebuilt
from qos_runtime.clock import SystemClock
from qos_runtime.kafka import admin_client
from qos_runtime.settings import RuntimeSettings
from qos_runtime.topics import create_topics
from support.live_results import LiveResults, append
from support.processing import Processing, processing

PARTITIONS = 2
SMALL_SHARES = Options(processes=2, at_once=12)


@dataclass
class Ground:
    """`settings` of everything, a service that processes what `receive` appends, and what is live."""

    settings: RuntimeSettings
    p: Processing
    live: LiveResults

    async def receive(self, *events: Event) -> None:
        await append(self.settings, events)
        await self.p.receive(*events)

    async def rebuild(self, kind: type[Rebuild] = Rebuild, progress: Progress = lambda *_: None) -> Rebuilt:
        """In small shares, by two processes."""
        calendar, clock = Calendar.load(), SystemClock()
        return await kind(self.settings, calendar=calendar, clock=clock, options=SMALL_SHARES, progress=progress).run()

    async def publish(self) -> None:
        """Send all that is in the outbox."""
        publisher = Publisher(self.p.transactions, self.settings)
        producer = publisher.producer()
        await producer.start()
        try:
            while await publisher.publish(producer):
                pass
        finally:
            await producer.stop()


@asynccontextmanager
async def standing_on(settings: RuntimeSettings) -> AsyncIterator[Ground]:
    """Two partitions of each topic; it is noon of 20 May 2025 in Tokyo for the service."""
    settings = settings.model_copy(update={"partitions": PARTITIONS})
    async with admin_client(settings) as admin:
        await create_topics(admin, settings)
    async with processing(settings.database_url, partitions=PARTITIONS) as p:
        yield Ground(settings, p, LiveResults(p.pool))

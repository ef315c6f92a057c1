"""A log in Kafka, and a service in this process that reads the same log from memory: what one has, the other has."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace

from qos_domain.calendar import Calendar
from qos_domain.events import Event
from qos_processing.rebuild.filling import Options, Progress
from qos_processing.rebuild.rebuilding import Rebuild, Rebuilt
from qos_runtime.clock import SystemClock
from qos_runtime.settings import RuntimeSettings
from support.live_results import LiveResults, append
from support.outbox_sent import send_outbox, with_topics
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

    async def rebuild(
        self,
        kind: type[Rebuild] = Rebuild,
        progress: Progress = lambda *_: None,
        *,
        calendar: Calendar | None = None,
        another_calendar: bool = False,
    ) -> Rebuilt:
        """In small shares, by two processes."""
        options = replace(SMALL_SHARES, another_calendar=another_calendar)
        calendar, clock = calendar or Calendar.load(), SystemClock()
        return await kind(self.settings, calendar=calendar, clock=clock, options=options, progress=progress).run()

    async def publish(self) -> None:
        """Send all that is in the outbox."""
        await send_outbox(self.p, self.settings)


@asynccontextmanager
async def standing_on(settings: RuntimeSettings) -> AsyncIterator[Ground]:
    """Two partitions of each topic; it is noon of 20 May 2025 in Tokyo for the service."""
    settings = await with_topics(settings, partitions=PARTITIONS)
    async with processing(settings.database_url, partitions=PARTITIONS) as p:
        yield Ground(settings, p, LiveResults(p.pool))

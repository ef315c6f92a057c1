"""Publications of a database whose log is in Kafka, as a test asks for them."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace

from aiokafka import AIOKafkaConsumer, TopicPartition

from qos_domain import criteria
from qos_domain.events import Event
from qos_domain.periods import Month
from qos_domain.publication import PublicationScope
from qos_domain.publication_events import PublicationEvent, PublicationIssued, PublicationRestated, read_event
from qos_processing import postgres_publications
from qos_processing.publish.publishing import Published, Publishing, Rules
from qos_processing.restate.restating import RestatedMonth, Restating
from qos_processing.topic_ids import TopicIdentity
from qos_runtime.kafka import connection
from qos_runtime.settings import RuntimeSettings
from qos_runtime.topics import PUBLICATIONS
from support.live_results import append
from support.outbox_sent import send_outbox, with_topics
from support.processing import Processing, processing

PARTITIONS = 2


@dataclass
class Office:
    """`settings` of everything, and a service in this process that has what `receive` appends to the log."""

    settings: RuntimeSettings
    p: Processing
    rules: Rules

    async def receive(self, *events: Event) -> None:
        await append(self.settings, events)
        await self.p.receive(*events)
        await TopicIdentity(self.p.pool, self.settings).verify()

    def publishing(self) -> Publishing:
        return Publishing(self.settings, self.rules, self.p.clock, lambda *_: None)

    async def publish(self, period: str | None = None, *, dry_run: bool = False) -> Published:
        return await self.publishing().run(None if period is None else Month.named(period), dry_run=dry_run)

    async def restate(self, period: str | None = None) -> list[RestatedMonth]:
        restating = Restating(self.settings, self.rules, self.p.clock, lambda *_: None)
        return await restating.run(None if period is None else Month.named(period))

    async def statement(
        self, published: Published, id_: str = "road-occupation", scope: PublicationScope = "procedure"
    ) -> PublicationIssued:
        async with self.p.pool.acquire() as session:
            name = published.publication.publication_id
            return (await postgres_publications.statements(session, name, scope, [id_]))[id_]

    async def restatement(
        self, published: Published, id_: str = "road-occupation", scope: PublicationScope = "procedure"
    ) -> PublicationRestated | None:
        async with self.p.pool.acquire() as session:
            name = published.publication.publication_id
            return (await postgres_publications.last_restatements(session, name, scope, [id_])).get(id_)

    async def told(self) -> list[PublicationEvent]:
        """What is on the topic `publications`, once all of the outbox is sent."""
        await send_outbox(self.p, self.settings)
        return await read_publications(self.settings)

    def by_other_rules(self, **other: object) -> "Office":
        """The same office by another calendar or other criteria."""
        return replace(self, rules=replace(self.rules, **other))  # type: ignore[arg-type]


@asynccontextmanager
async def an_office(settings: RuntimeSettings, *, now: str) -> AsyncIterator[Office]:
    """Topics, an empty database and a service whose clock stands at `now`, Tokyo time."""
    settings = await with_topics(settings, partitions=PARTITIONS)
    async with processing(settings.database_url, now=now, partitions=PARTITIONS) as p:
        yield Office(settings, p, Rules(calendar=p.calendar, criteria=criteria.load()))


async def read_publications(settings: RuntimeSettings) -> list[PublicationEvent]:
    """All that the topic `publications` holds, partition by partition, once what was sent is committed."""
    partitions = [TopicPartition(settings.topic(PUBLICATIONS), number) for number in range(settings.partitions)]
    committed = AIOKafkaConsumer(**connection(settings), isolation_level="read_committed", auto_offset_reset="earliest")
    sent = AIOKafkaConsumer(**connection(settings))
    await asyncio.gather(committed.start(), sent.start())
    try:
        committed.assign(partitions)
        ends = await sent.end_offsets(partitions)
        found: list[PublicationEvent] = []
        for partition in partitions:
            while await committed.position(partition) < ends[partition]:
                records = await committed.getmany(partition, timeout_ms=500)
                for record in records.get(partition, []):
                    assert record.value is not None
                    event = read_event(record.value, type_prefix=settings.event_type_prefix)
                    assert event is not None
                    found.append(event)
        return found
    finally:
        await asyncio.gather(committed.stop(), sent.stop())

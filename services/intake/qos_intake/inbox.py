"""Relays inbox topics: what a source writes to Kafka itself goes through the same intake as what it posts.

Offsets are committed after everything of a batch is acknowledged, so after a crash some records are relayed again, with
the ids that they have. What can't be accepted goes to the dead letters; a broker that is away is waited for.
"""

from collections.abc import Iterable, Sequence
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, TypeAlias

from aiokafka import AIOKafkaConsumer, ConsumerRecord
from aiokafka.errors import KafkaError

from qos_domain.acceptance import decode_cloudevent
from qos_domain.errors import RejectedEvent, TransientFailure
from qos_intake.content_modes import KAFKA_PREFIX, STRUCTURED, Document, attributes_of, binary
from qos_intake.kafka import instant_of, persistently, uninterrupted
from qos_intake.ports import Publisher, Receipt, Record
from qos_intake.registry import RegistryFollower
from qos_intake.results import Rejected, Unavailable
from qos_intake.service import Intake
from qos_intake.settings import IntakeSettings
from qos_intake.sources import Source, Sources
from qos_intake.telemetry import DEAD_LETTER, RELAYED, Telemetry
from qos_runtime.dead_letters import dead_letter_id, encode_dead_letter
from qos_runtime.kafka import admin_client, connection
from qos_runtime.logging import get_logger
from qos_runtime.topics import DEAD_LETTERS, create_topics, inbox
from qos_runtime.tracing import OFF, Received, Tracing

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

log = get_logger(__name__)

Letter: TypeAlias = "ConsumerRecord[bytes, bytes]"

_POLL_MS = 1_000
_RECORDS_AT_ONCE = 500


class InboxRelay:
    """One consumer in a group over the inbox topics of all sources that have one."""

    def __init__(
        self,
        *,
        settings: IntakeSettings,
        sources: Sources,
        intake: Intake,
        publisher: Publisher,
        registry: RegistryFollower,
        telemetry: Telemetry,
        tracing: Tracing = OFF,
    ) -> None:
        self._settings = settings
        self._intake = intake
        self._publisher = publisher
        self._registry = registry
        self._telemetry = telemetry
        self._tracing = tracing
        self._sources = {settings.topic(inbox(source.name).name): source for source in sources.all if source.inbox}

    async def run(self) -> None:
        """Relay until cancelled; returns at once when no source has an inbox."""
        if self._sources:
            await persistently(self._relay, what="inbox_relay")

    async def _relay(self) -> None:
        await self._registry.wait()
        await uninterrupted(self._create_topics())
        async with self._consumer() as consumer:
            while True:
                batches = await consumer.getmany(timeout_ms=_POLL_MS, max_records=_RECORDS_AT_ONCE)
                for partition, records in batches.items():
                    source = self._sources[partition.topic]
                    received = Received(inbox(source.name).name, partition.partition, records)
                    with self._tracing.processing([received], group=self._settings.group):
                        dead = await self._take(source, records)
                        await consumer.commit({partition: records[-1].offset + 1})
                    self._telemetry.relayed(source=source.name, outcome=RELAYED, count=len(records) - dead)
                    self._telemetry.relayed(source=source.name, outcome=DEAD_LETTER, count=dead)

    async def _take(self, source: Source, records: Sequence[Letter]) -> int:
        """Publish what can be accepted and bury what can't; how many are buried. Raises TransientFailure unless all is
        acknowledged."""
        results = await self._intake.take(
            [document_of(record.value, record.headers) for record in records],
            source=source,
            decode=decode_cloudevent,
            recorded_at=[instant_of(record.timestamp) for record in records],
        )
        if any(isinstance(result, Unavailable) for result in results):
            raise TransientFailure("not every relayed event was acknowledged")
        letters = [
            self._letter(record, result)
            for record, result in zip(records, results, strict=True)
            if isinstance(result, Rejected)
        ]
        receipts = await self._publisher.publish(letters) if letters else ()
        if not all(isinstance(receipt, Receipt) for receipt in receipts):
            raise TransientFailure("not every dead letter was acknowledged")
        if letters:
            log.warning("inbox_records_refused", source=source.name, count=len(letters), first=records[0].offset)
        return len(letters)

    def _letter(self, record: Letter, result: Rejected) -> Record:
        topic = record.topic.removeprefix(self._settings.topic_prefix)
        told = result.problem
        value = encode_dead_letter(
            topic=topic,
            partition=record.partition,
            offset=record.offset,
            appended_at=instant_of(record.timestamp),
            rejection=RejectedEvent(reason=told.reason, field=told.field or "value", rule=told.rule or told.title),
            key=record.key,
            value=record.value,
            headers=record.headers,
        )
        return Record(DEAD_LETTERS, dead_letter_id(topic, record.partition, record.offset).encode(), value)

    async def _create_topics(self) -> None:
        """An inbox exists once its source is registered. Where intake may not create topics, somebody else has."""
        definitions = [inbox(source.name) for source in self._sources.values()]
        async with admin_client(self._settings, client_id="qos-intake-admin") as admin:
            try:
                report = await create_topics(admin, self._settings, definitions)
            except KafkaError as error:
                log.warning("inbox_topics_not_created", error_type=type(error).__name__)
            else:
                log.info("inbox_topics", created=len(report.created), existing=len(report.existing))

    @asynccontextmanager
    async def _consumer(self) -> "AsyncIterator[AIOKafkaConsumer]":
        consumer = AIOKafkaConsumer(
            *self._sources,
            **connection(self._settings),
            client_id="qos-intake-inbox",
            group_id=self._settings.group,
            enable_auto_commit=False,
            auto_offset_reset="earliest",
        )
        try:
            await uninterrupted(consumer.start())
            yield consumer
        finally:
            await consumer.stop()


def document_of(value: bytes | None, headers: Iterable[tuple[str, bytes | None]]) -> Document:
    """The structured document of a Kafka record, in either mode of the CloudEvents binding for Kafka."""
    value = value or b""
    texts = [(name, (content or b"").decode("utf-8", "replace")) for name, content in headers]
    attributes = attributes_of(texts, KAFKA_PREFIX)
    content_type = {name.lower(): content for name, content in texts}.get("content-type", STRUCTURED)
    if attributes and not content_type.startswith(STRUCTURED):
        return binary(attributes, value)
    return value

"""Follows the `procedures` topic, so that intake knows which organisation a procedure belongs to."""

import asyncio
from collections.abc import Sequence
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from aiokafka import AIOKafkaConsumer, ConsumerRecord, TopicPartition

from qos_domain.acceptance import AcceptanceRules, accept
from qos_domain.errors import RejectedEvent, TransientFailure
from qos_intake.kafka import instant_of, persistently, uninterrupted
from qos_intake.owners import OwnersInMemory
from qos_intake.settings import IntakeSettings
from qos_intake.telemetry import Telemetry
from qos_runtime.kafka import connection
from qos_runtime.logging import get_logger

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

log = get_logger(__name__)

_POLL_MS = 1_000


class RegistryFollower:
    """Reads the registry from its beginning, without a group, and goes on for ever."""

    def __init__(self, settings: IntakeSettings, owners: OwnersInMemory, telemetry: Telemetry) -> None:
        self._settings = settings
        self._owners = owners
        self._telemetry = telemetry
        self._caught_up = asyncio.Event()

    @property
    def caught_up(self) -> bool:
        """Whether all that was in the topic at some moment since the start has been read."""
        return self._caught_up.is_set()

    async def ready(self) -> None:
        """Raises TransientFailure until the registry has been read once."""
        if not self.caught_up:
            raise TransientFailure("the registry is still being read")

    async def wait(self) -> None:
        """Return when the registry has been read once."""
        await self._caught_up.wait()

    async def run(self) -> None:
        """Follow until cancelled. After a failure it reads from the beginning again, which changes nothing."""
        await persistently(self._follow, what="registry")

    async def _follow(self) -> None:
        async with self._consumer() as (consumer, partitions):
            ends = await consumer.end_offsets(partitions)
            behind = set(partitions)
            while True:
                for partition in list(behind):
                    if await consumer.position(partition) >= ends[partition]:
                        behind.discard(partition)
                if not behind and not self.caught_up:
                    self._caught_up.set()
                    log.info("registry_read", procedures=len(self._owners))
                for records in (await consumer.getmany(timeout_ms=_POLL_MS)).values():
                    learn(self._owners, records, self._settings.rules)
                    self._telemetry.procedures.set(len(self._owners))

    @asynccontextmanager
    async def _consumer(self) -> "AsyncIterator[tuple[AIOKafkaConsumer, list[TopicPartition]]]":
        topic = self._settings.topic("procedures")
        consumer = AIOKafkaConsumer(
            topic,
            **connection(self._settings),
            client_id="qos-intake-registry",
            group_id=None,
            enable_auto_commit=False,
            auto_offset_reset="earliest",
        )
        try:
            await uninterrupted(consumer.start())
            partitions = sorted(consumer.assignment())
            if not partitions:
                raise TransientFailure(f"missing topic {topic}: create it with `qos topics create`")
            yield consumer, partitions
        finally:
            await consumer.stop()


def learn(owners: OwnersInMemory, records: "Sequence[ConsumerRecord[bytes, bytes]]", rules: AcceptanceRules) -> None:
    """Take in records of the topic; one that processing would not accept says nothing about owners."""
    for record in records:
        appended_at = instant_of(record.timestamp)
        try:
            owners.learn(
                accept(topic="procedures", key=record.key, value=record.value, appended_at=appended_at, rules=rules)
            )
        except RejectedEvent as refusal:
            log.warning(
                "registry_record_refused", partition=record.partition, offset=record.offset, reason=refusal.reason
            )

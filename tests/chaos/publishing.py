"""The broker refuses what goes out, and takes what comes in: the outbox grows, and is sent in order later."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from random import Random
from time import monotonic

from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType
from aiokafka.errors import KafkaError, for_code

from chaos.fault import Fault, Part
from chaos.ground import Ground
from qos_domain.errors import TransientFailure
from qos_runtime.kafka import admin_client
from qos_runtime.settings import RuntimeSettings
from qos_runtime.topics import QOS_LEVELS, SLA_EVENTS, TOPICS
from support.eventually import eventually

_PATIENCE_SECONDS = 240.0
_TOO_SMALL = {"max.message.bytes": "100"}
"""Less than any message needs. (Too few replicas in sync can't be had with one broker: Kafka 4 asks for no more of them
than there are replicas.)"""


@asynccontextmanager
async def refusing(settings: RuntimeSettings) -> AsyncIterator[None]:
    """While the block lasts, the broker takes nothing for `sla-events` and `qos-levels`."""
    await _configure(settings, _TOO_SMALL)
    try:
        yield
    finally:
        await _configure(settings, {})


async def _configure(settings: RuntimeSettings, override: Mapping[str, str]) -> None:
    """Another fault may have the broker away just now: then as soon as it answers again."""
    resources = [
        ConfigResource(ConfigResourceType.TOPIC, settings.topic(topic.name), {**topic.config(settings), **override})
        for topic in TOPICS
        if topic.name in {SLA_EVENTS, QOS_LEVELS}
    ]

    async def configured() -> bool:
        try:
            await _alter(settings, resources)
        except (KafkaError, TransientFailure) as error:
            raise AssertionError(f"the broker does not configure its topics: {error!r}") from error
        return True

    await eventually(configured, within=_PATIENCE_SECONDS)


async def _alter(settings: RuntimeSettings, resources: list[ConfigResource]) -> None:
    async with admin_client(settings) as admin:
        for response in await admin.alter_configs(resources):
            for code, message, *_ in response.resources:  # type: ignore[attr-defined]
                if code:
                    raise for_code(code)(message)


class _OutboxRefused(Fault):
    name = "outbox-refused"
    summary = "the broker refuses announcements and levels for some seconds, and takes everything else"
    parts: frozenset[Part] = frozenset({"outgoing"})

    async def inject(self, ground: Ground, dice: Random) -> float:
        async with refusing(ground.settings):
            await asyncio.sleep(dice.uniform(5.0, 25.0))
        return monotonic()


FAULTS: tuple[Fault, ...] = (_OutboxRefused(),)

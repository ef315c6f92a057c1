"""The broker refuses what goes out, and takes what comes in: the outbox grows, and is sent in order later."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from random import Random
from time import monotonic

from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType
from aiokafka.errors import for_code

from chaos.fault import Fault, Part
from chaos.ground import Ground
from qos_runtime.kafka import admin_client
from qos_runtime.settings import RuntimeSettings
from qos_runtime.topics import QOS_LEVELS, SLA_EVENTS, TOPICS

TOO_FEW_REPLICAS: Mapping[str, str] = {"min.insync.replicas": "2"}
"""More than there are: the broker waits for others, and the producer gives up after a while."""
TOO_SMALL: Mapping[str, str] = {"max.message.bytes": "100"}
"""Less than any message needs: the broker refuses at once, and for good."""


@asynccontextmanager
async def refusing(settings: RuntimeSettings, setting: Mapping[str, str]) -> AsyncIterator[None]:
    """While the block lasts, the broker takes nothing for `sla-events` and `qos-levels`."""
    await _configure(settings, setting)
    try:
        yield
    finally:
        await _configure(settings, {})


async def _configure(settings: RuntimeSettings, override: Mapping[str, str]) -> None:
    resources = [
        ConfigResource(ConfigResourceType.TOPIC, settings.topic(topic.name), {**topic.config(settings), **override})
        for topic in TOPICS
        if topic.name in {SLA_EVENTS, QOS_LEVELS}
    ]
    async with admin_client(settings) as admin:
        for response in await admin.alter_configs(resources):
            for code, message, *_ in response.resources:
                if code:
                    raise for_code(code)(message)


class _OutboxRefused:
    name = "outbox-refused"
    summary = "the broker refuses announcements and levels for some seconds, and takes everything else"
    parts: frozenset[Part] = frozenset({"outgoing"})

    async def inject(self, ground: Ground, dice: Random) -> float:
        async with refusing(ground.settings, dice.choice([TOO_FEW_REPLICAS, TOO_SMALL])):
            await asyncio.sleep(dice.uniform(5.0, 25.0))
        return monotonic()


FAULTS: tuple[Fault, ...] = (_OutboxRefused(),)

"""A log in Kafka, and a service in this process that reads the same log from memory: what one has, the other has."""

from collections.abc import AsyncIterator

import pytest

from qos_runtime.settings import RuntimeSettings
from support.ground import Ground, standing_on


@pytest.fixture
async def ground(runtime_settings: RuntimeSettings) -> AsyncIterator[Ground]:
    """At noon of 20 May 2025 in Tokyo, for the service in this process."""
    async with standing_on(runtime_settings) as ground:
        yield ground

"""A log in Kafka that lacks what the service in this process was given."""

from collections.abc import AsyncIterator

import pytest

from qos_runtime.settings import RuntimeSettings
from support.ground import Ground, standing_on


@pytest.fixture
async def ground(runtime_settings: RuntimeSettings) -> AsyncIterator[Ground]:
    """At noon of 20 May 2025 in Tokyo, for the service in this process."""
    async with standing_on(runtime_settings) as made:
        yield made

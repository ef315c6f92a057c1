"""Topics with two partitions, a service in this process that has read them, and topics with five to move to."""

from collections.abc import AsyncIterator

import pytest

from qos_runtime.settings import RuntimeSettings
from support.ground import Ground, standing_on


@pytest.fixture
async def ground(runtime_settings: RuntimeSettings) -> AsyncIterator[Ground]:
    """At noon of 20 May 2025 in Tokyo, for the service in this process."""
    async with standing_on(runtime_settings) as made:
        yield made

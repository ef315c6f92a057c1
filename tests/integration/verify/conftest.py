"""A processing service on a database of its own, and verifications of it."""

from collections.abc import AsyncIterator

import pytest

from qos_runtime.settings import RuntimeSettings
from support.processing import Processing, processing
from support.verifying import Verify, verifier


@pytest.fixture
async def p(database_url: str) -> AsyncIterator[Processing]:
    """At noon of 20 May 2025 in Tokyo, with two partitions."""
    async with processing(database_url) as made:
        yield made


@pytest.fixture
def verified(database_url: str) -> Verify:
    """Verifies it, without the log: there is no broker."""
    return verifier(RuntimeSettings(kafka_bootstrap_servers="unused.invalid:9092", database_url=database_url))

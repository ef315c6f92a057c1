"""A processing service on a database of its own."""

from collections.abc import AsyncIterator

import pytest

from support.processing import Processing, processing


@pytest.fixture
async def p(database_url: str) -> AsyncIterator[Processing]:
    """At noon of 20 May 2025 in Tokyo, with two partitions."""
    async with processing(database_url) as made:
        yield made

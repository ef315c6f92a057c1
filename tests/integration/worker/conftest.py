"""A log with numbered records for every test of the worker."""

from collections.abc import AsyncIterator

import pytest

from qos_runtime.settings import RuntimeSettings
from support.numbered import Numbered


@pytest.fixture
async def numbered(runtime_settings: RuntimeSettings) -> AsyncIterator[Numbered]:
    async with Numbered.prepared(runtime_settings) as prepared:
        yield prepared

"""An empty database is brought up to date, by one at a time, as often as anyone likes."""

import asyncio

import asyncpg
import pytest

from qos_domain.contributions import LOGIC_VERSION
from qos_processing.migrate import migrate
from qos_runtime.errors import NotConfigured

pytestmark = pytest.mark.real


async def test_several_at_once_on_an_empty_database(database_url: str) -> None:
    await asyncio.gather(*(migrate(database_url) for _ in range(4)))
    await migrate(database_url)
    connection = await asyncpg.connect(database_url)
    try:
        assert await connection.fetchval("SELECT version_num FROM alembic_version") == "0004"
        generations = await connection.fetch("SELECT generation, status, logic_version FROM generations")
    finally:
        await connection.close()
    assert [tuple(row) for row in generations] == [(1, "live", LOGIC_VERSION)]


async def test_an_address_that_is_none() -> None:
    with pytest.raises(NotConfigured, match="DATABASE_URL"):
        await migrate("mysql://somewhere")

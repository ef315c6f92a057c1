"""An empty database is brought up to date, by one at a time, as often as anyone likes."""

import asyncio

import asyncpg
import pytest

from qos_domain.contributions import LOGIC_VERSION
from qos_processing.migrate import migrate
from qos_runtime.errors import NotConfigured
from support.builders import happened, registered
from support.processing import processing

pytestmark = pytest.mark.real


async def test_several_at_once_on_an_empty_database(database_url: str) -> None:
    await asyncio.gather(*(migrate(database_url) for _ in range(4)))
    await migrate(database_url)
    connection = await asyncpg.connect(database_url)
    try:
        assert await connection.fetchval("SELECT version_num FROM alembic_version") == "0006"
        generations = await connection.fetch("SELECT generation, status, logic_version FROM generations")
    finally:
        await connection.close()
    assert [tuple(row) for row in generations] == [(1, "live", LOGIC_VERSION)]


async def test_a_database_with_results_of_the_first_version(database_url: str) -> None:
    """Its announcements go on, and what it didn't count counts from now on."""
    async with processing(database_url, revision="0001") as p:
        await p.receive(registered(), happened("application.submitted", "2025-05-02 23:50", channel="online"))
        await migrate(database_url)
        assert await p.sweep.sweep() == 1
        await p.receive(happened("notification.sent", "2025-05-13", channel="mail"), at=p.clock.at)
        assert await p.sweep.sweep() == 1
        assert await p.pool.fetchval("SELECT sum(breaches) FROM retracted_breaches") == 1


async def test_an_address_that_is_none() -> None:
    with pytest.raises(NotConfigured, match="DATABASE_URL"):
        await migrate("mysql://somewhere")

"""An empty database is brought up to date, by one at a time, as often as anyone likes."""

import asyncio

import asyncpg
import pytest
from alembic.script import ScriptDirectory

from qos_domain.calendar import Calendar
from qos_domain.contributions import LOGIC_VERSION
from qos_processing import migrations
from qos_processing.migrate import migrate
from qos_processing.schema import newest_revision
from qos_runtime.errors import NotConfigured
from support.builders import happened, registered, tokyo
from support.processing import processing
from support.results import folded, store

pytestmark = pytest.mark.real


async def test_several_at_once_on_an_empty_database(database_url: str) -> None:
    await asyncio.gather(*(migrate(database_url) for _ in range(4)))
    await migrate(database_url)
    connection = await asyncpg.connect(database_url)
    try:
        assert await connection.fetchval("SELECT version_num FROM alembic_version") == newest_revision()
        generations = await connection.fetch("SELECT generation, status, logic_version FROM generations")
    finally:
        await connection.close()
    assert [tuple(row) for row in generations] == [(1, "live", LOGIC_VERSION)]


def test_versions_are_four_digits_that_grow_in_one_line() -> None:
    """As which the programs compare them."""
    scripts = ScriptDirectory(migrations.__path__[0])
    versions = [script.revision for script in scripts.walk_revisions()]
    assert versions == sorted(versions, reverse=True)
    assert all(len(version) == 4 and version.isdecimal() for version in versions)
    assert versions[0] == newest_revision() == scripts.get_current_head()


async def test_a_database_with_results_of_the_first_version(database_url: str) -> None:
    """Its announcements go on, and what it didn't count counts from now on. Its assessments name its calendar."""
    story = [registered(), happened("application.submitted", "2025-05-02 23:50", channel="online")]
    calendar, now = Calendar.load(), tokyo("2025-05-20")
    await migrate(database_url, "0001")
    await store(database_url, folded(story, calendar), now=now)
    async with processing(database_url, partitions=8) as p:
        await p.pool.execute("UPDATE cases SET next_announcement_at = '2025-05-14', partition = 0")
        assert await p.pool.fetchrow("SELECT calendar, calendar_digest FROM generations") == (calendar.version, None)
        assert await p.sweep.sweep() == 1
        assert await p.pool.fetchval("SELECT calendar_digest FROM generations") == calendar.digest
        await p.receive(happened("notification.sent", "2025-05-13", channel="mail"), at=p.clock.at)
        assert await p.sweep.sweep() == 1
        assert await p.pool.fetchval("SELECT sum(breaches) FROM retracted_breaches") == 1


async def test_an_address_that_is_none() -> None:
    with pytest.raises(NotConfigured, match="DATABASE_URL"):
        await migrate("mysql://somewhere")

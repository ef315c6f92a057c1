"""A database that was filled before it got its views for reports."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection, create_async_engine
from sqlalchemy.pool import NullPool

from qos_domain.events import Event
from qos_local.simulation.simulate import simulate
from qos_processing.migrate import migrate, upgrade
from qos_processing.migrations.versions import v0003_views
from support.builders import happened, registered
from support.metrics import CALENDAR
from support.results import folded, store


async def fill(url: str) -> list[Event]:
    """Fill the empty database `url`, then migrate it to the newest version; the events it holds the results of."""
    async with connecting(url) as connection:
        await connection.run_sync(upgrade, v0003_views.down_revision)
        now = (await connection.execute(text("SELECT now()"))).scalar_one()
    simulated = simulate(seed=5, today=CALENDAR.local_date(now), cases=600, calendar=CALENDAR)
    # A small office with an objective of its own, no name in English, and two results.
    day = (CALENDAR.local_date(now) - timedelta(2)).isoformat()
    small = [registered(procedure="small", organisation="small-office", objective=0.4)]
    for number in range(2):
        application = {"procedure": "small", "application": f"S-{number}"}
        small.append(happened("application.submitted", day, channel="counter", **application))
        small.append(happened("notification.sent", day, channel="counter", **application))
    events = [*simulated.procedures, *simulated.events, *small]
    await store(url, folded(events, CALENDAR), now=now)
    await migrate(url)
    return events


@asynccontextmanager
async def connecting(url: str) -> AsyncIterator[AsyncConnection]:
    """A connection as migrations have it, in a transaction that is committed at the end."""
    engine = create_async_engine(url.replace("postgresql://", "postgresql+asyncpg://"), poolclass=NullPool)
    async with engine.begin() as connection:
        yield connection
    await engine.dispose()

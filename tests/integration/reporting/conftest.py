"""A database that was filled before it got its views, and the metrics API over it at the moment of a transaction."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from typing import TypeAlias
from urllib.parse import urlsplit, urlunsplit
from uuid import uuid4

import asyncpg
import httpx
import pytest

from qos_domain.events import Event
from qos_metrics.bootstrap import build, connected
from support.metrics import CALENDAR, Api, Clock, settings_of
from support.reporting import fill
from support.results import folded

Connection: TypeAlias = "asyncpg.Connection[asyncpg.Record]"


@pytest.fixture(scope="module")
def filled(postgres: str) -> Iterator[tuple[str, list[Event]]]:
    """The URL of a database that held the results of these events when the migration to views came."""
    name = f"reporting_{uuid4().hex[:12]}"
    url = urlunsplit(urlsplit(postgres)._replace(path=f"/{name}"))
    asyncio.run(_execute(postgres, f'CREATE DATABASE "{name}"'))
    yield url, asyncio.run(fill(url))
    asyncio.run(_execute(postgres, f'DROP DATABASE "{name}" WITH (FORCE)'))


@pytest.fixture
async def reader(filled: tuple[str, list[Event]]) -> AsyncIterator[Connection]:
    """A connection as a reader of reports has it, in a transaction: `now()` stands still."""
    connection = await asyncpg.connect(filled[0])
    async with connection.transaction():
        await connection.execute("SET LOCAL ROLE qos_reader")
        yield connection
    await connection.close()


@pytest.fixture
async def api(filled: tuple[str, list[Event]], reader: Connection) -> AsyncIterator[Api]:
    """The metrics API at the moment at which the reader's transaction began."""
    url, events = filled
    settings = settings_of(url)
    async with connected(settings) as pool:
        service = build(settings, pool, clock=Clock(await reader.fetchval("SELECT now()")))
        transport = httpx.ASGITransport(service.app, raise_app_exceptions=False)
        async with httpx.AsyncClient(transport=transport, base_url="http://metrics") as http:
            yield Api(http, service, folded(events, CALENDAR))


async def _execute(url: str, statement: str) -> None:
    connection = await asyncpg.connect(url)
    try:
        await connection.execute(statement)
    finally:
        await connection.close()

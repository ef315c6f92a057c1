"""The pages in a real browser (Debian's Chromium), over the results of the simulated procedures."""

import asyncio
import os
import shutil
from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from urllib.parse import urlsplit, urlunsplit
from uuid import uuid4

import asyncpg
import pytest
from msgspec import structs
from playwright.async_api import Browser, async_playwright

from qos_domain.events import Attachments, Event
from qos_domain.periods import last_complete_month
from qos_domain.procedures import DeclaredAttributes, Name
from qos_local.simulation.simulate import simulate
from qos_local.stack.processes import choose_port
from support.absent import absent
from support.builders import happened, registered
from support.metrics import CALENDAR
from support.published import publish
from support.results import folded, migrate, store
from support.services import running_service

RESTATED = "automobile-tax-environmental"
_CHROMIUM = ("chromium", "chromium-browser", "google-chrome")
_ARGUMENTS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
)


@pytest.fixture(scope="session")
def chromium() -> str:
    """The path of a browser."""
    found = os.environ.get("CHROMIUM") or next(filter(None, map(shutil.which, _CHROMIUM)), None)
    if found is None:
        absent("no Chromium: apt-get install chromium, or set CHROMIUM to its path")
    return found


@pytest.fixture
async def browser(chromium: str) -> AsyncIterator[Browser]:
    async with async_playwright() as playwright:
        running = await playwright.chromium.launch(executable_path=chromium, args=list(_ARGUMENTS))
        yield running
        await running.close()


@pytest.fixture(scope="module")
def site(postgres: str, kafka: str) -> Iterator[str]:
    """The address of the metrics service over ten simulated procedures and sixty that only stand in the registry."""
    name = f"pages_{uuid4().hex[:12]}"
    database_url = urlunsplit(urlsplit(postgres)._replace(path=f"/{name}"))
    asyncio.run(_execute(postgres, f'CREATE DATABASE "{name}"'))
    migrate(database_url)
    asyncio.run(_fill(database_url))
    port = choose_port()
    url = f"http://127.0.0.1:{port}"
    environment = {
        "KAFKA_BOOTSTRAP_SERVERS": kafka,
        "DATABASE_URL": database_url,
        "QOS_TOPIC_PREFIX": f"{name}.",
        "QOS_METRICS_PORT": str(port),
        "QOS_METRICS_STAFF_OPEN": "true",
    }
    with running_service("qos_metrics", environment, ready=f"{url}/health/ready", ready_within=120.0):
        yield url
    asyncio.run(_execute(postgres, f'DROP DATABASE "{name}" WITH (FORCE)'))


async def _execute(url: str, statement: str) -> None:
    connection = await asyncpg.connect(url)
    try:
        await connection.execute(statement)
    finally:
        await connection.close()


async def _fill(database_url: str) -> None:
    now = datetime.now(UTC)
    simulated = simulate(seed=3, today=CALENDAR.local_date(now), cases=1_500, calendar=CALENDAR)
    quiet = [registered(procedure=f"zz-permit-{number:02}", organisation="quiet-office") for number in range(60)]
    says = DeclaredAttributes(attachments_as_data=True)
    claims = registered(procedure="claims-too-much", organisation="claims", attributes=says)
    name = Name(ja="紙を求める手続", en="Permit that asks for paper")
    claims = structs.replace(claims, data=structs.replace(claims.data, name=name))
    day = (CALENDAR.local_date(now) - timedelta(3)).isoformat()
    papers = [
        happened(
            "application.submitted",
            day,
            procedure="claims-too-much",
            application=f"P-{number}",
            channel="online",
            attachments=Attachments(digital=1, paper=1),
        )
        for number in range(40)
    ]
    events = [*simulated.procedures, *simulated.events, *quiet, claims, *papers]
    replay = folded(events, CALENDAR)
    await store(database_url, replay, now=now)
    # The answers of one procedure came late: its figures of the last month are restated, all others stand.
    late = [event for event in simulated.events if event.type == "notification.sent" and _restated(event)]
    known = [event for event in events if not (event.type == "notification.sent" and _restated(event))]
    month = last_complete_month(CALENDAR.local_date(now) - timedelta(1))
    await publish(database_url, known, late, month, replay)


def _restated(event: Event) -> bool:
    return event.data.procedure_id == RESTATED and int(sha256(event.id.encode()).hexdigest(), 16) % 3 == 0

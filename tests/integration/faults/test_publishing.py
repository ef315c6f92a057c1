"""The broker refuses what goes out: results go on, the outbox grows and says so, and everything is sent later, once."""

import json
from collections import defaultdict

import asyncpg
import httpx
import pytest
from prometheus_client.parser import text_string_to_metric_families

from chaos.publishing import refusing
from chaos.topics import read
from qos_domain.events import Event
from qos_processing.migrate import migrate
from qos_runtime.kafka import admin_client
from qos_runtime.settings import RuntimeSettings
from qos_runtime.topics import QOS_LEVELS, SLA_EVENTS, create_topics
from support.builders import happened, registered
from support.eventually import eventually
from support.live_results import LiveResults, append
from support.services import running_service
from support.stack import environment_of

pytestmark = [pytest.mark.real, pytest.mark.timeout(240)]


async def test_what_is_refused_is_sent_later_in_its_order(runtime_settings: RuntimeSettings, free_port: int) -> None:
    settings = runtime_settings.model_copy(update={"partitions": 2})
    await migrate(settings.database_url)
    async with admin_client(settings) as admin:
        await create_topics(admin, settings)
    url = f"http://127.0.0.1:{free_port}"
    environment = {**environment_of(settings), "QOS_PROCESSING_PORT": str(free_port)}
    connection = await asyncpg.connect(settings.database_url)
    try:
        with running_service("qos_processing", environment, ready=f"{url}/health/ready", ready_within=60) as worker:
            async with refusing(settings):
                await append(settings, [registered(), *_submitted(range(20))])
                await eventually(lambda: _announced(connection, 20), within=90)
                # More comes in, and counts; what is said of it waits behind the rest.
                await append(settings, _submitted(range(20, 40)))
                await eventually(lambda: _announced(connection, 40), within=60)
                assert len(await LiveResults(connection).cases()) == 40
                await eventually(lambda: _pending(url, SLA_EVENTS, 40), within=30)
                await eventually(lambda: worker.events("outbox_not_published"), within=60)
                assert (await read(settings, [SLA_EVENTS]))[SLA_EVENTS] == []
                waiting = await connection.fetch("SELECT event_id FROM outbox ORDER BY partition, seq")
            await eventually(lambda: _pending(url, SLA_EVENTS, 0), within=120)
            assert worker.exit_code is None
    finally:
        await connection.close()
    records = await read(settings, [SLA_EVENTS, QOS_LEVELS])
    ids: defaultdict[int, list[str]] = defaultdict(list)
    for record in [*records[SLA_EVENTS], *records[QOS_LEVELS]]:
        ids[record.partition].append(json.loads(record.value)["id"])
    sent = [name for names in ids.values() for name in names]
    assert len(sent) == len(set(sent))
    announced = [json.loads(record.value)["id"] for record in records[SLA_EVENTS]]
    assert announced == [row[0] for row in waiting if row[0].startswith("sla:")]


def _submitted(numbers: range) -> list[Event]:
    return [
        happened("application.submitted", "2026-05-07", application=f"A-{number}", channel="online")
        for number in numbers
    ]


async def _announced(connection: "asyncpg.Connection[asyncpg.Record]", count: int) -> bool:
    found: int = await connection.fetchval("SELECT count(*) FROM cases WHERE announced = 'breached'")
    return found == count


async def _pending(url: str, topic: str, count: int) -> bool:
    """The metric says that so many messages wait."""
    async with httpx.AsyncClient(timeout=10) as http:
        exposition = (await http.get(f"{url}/metrics")).text
    for family in text_string_to_metric_families(exposition):
        if family.name == "qos_outbox_pending":
            return any(s.labels == {"topic": topic} and s.value == count for s in family.samples)
    return False

"""A worker whose clock is an hour off leads: what it says is said at the right time, and dated right."""

import json
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta

import asyncpg
import httpx
import pytest
from prometheus_client.parser import text_string_to_metric_families

from chaos.ports import choose_lasting_port
from chaos.skew import clock_off, leads, library
from chaos.topics import read
from qos_domain.calendar import Calendar
from qos_domain.events import Event
from qos_domain.procedures import Period
from qos_processing.migrate import migrate
from qos_runtime.kafka import admin_client
from qos_runtime.settings import RuntimeSettings
from qos_runtime.topics import QOS_LEVELS, SLA_EVENTS, create_topics
from support.absent import absent
from support.builders import TOKYO, happened, registered
from support.eventually import eventually
from support.live_results import append
from support.services import RunningService, running_service
from support.stack import environment_of

pytestmark = [pytest.mark.real, pytest.mark.timeout(240)]

TWO_HOURS = Period(unit="hours", maximum=2)


@pytest.mark.parametrize("seconds", [3600, -3600], ids=["ahead", "behind"])
async def test_nothing_is_said_by_a_wrong_clock(runtime_settings: RuntimeSettings, seconds: int) -> None:
    if library() is None:
        absent("libfaketime isn't installed (Debian and Ubuntu: apt-get install libfaketime)")
    settings = runtime_settings.model_copy(update={"partitions": 2})
    await migrate(settings.database_url)
    async with admin_client(settings) as admin:
        await create_topics(admin, settings)
    connection = await asyncpg.connect(settings.database_url)
    now = datetime.now(UTC)
    try:
        with ExitStack() as workers:

            def start(**environment: str) -> tuple[str, RunningService]:
                port = choose_lasting_port()
                url = f"http://127.0.0.1:{port}"
                env = {**environment_of(settings), "QOS_PROCESSING_PORT": str(port), **environment}
                return url, workers.enter_context(
                    running_service("qos_processing", env, ready=f"{url}/health/ready", ready_within=60)
                )

            url, wrong = start(**clock_off(seconds))
            await eventually(lambda: leads(url), within=60)
            right, _ = start()
            assert not await leads(right)
            # Two hours each: one was over ten minutes ago, one will be in half an hour.
            over, to_come = now - timedelta(hours=2, minutes=10), now - timedelta(hours=1, minutes=30)
            await append(
                settings, [registered(period=TWO_HOURS), _submitted("over", over), _submitted("to-come", to_come)]
            )
            await eventually(lambda: _announced(connection, "over", "breached"), within=60)
            await eventually(lambda: _announced(connection, "to-come", "due_soon"), within=60)
            await eventually(lambda: _sent(connection), within=60)
            assert await leads(url)
            assert wrong.events("clock_off")
            assert abs(await _metric(url, "qos_clock_skew_seconds") - seconds) < 30
            assert abs(await _metric(right, "qos_clock_skew_seconds")) < 30
            rows = await connection.fetch("SELECT processed_at FROM partition_offsets WHERE processed_at IS NOT NULL")
            (levels,) = await connection.fetch("SELECT revision, as_of, assessed_at FROM levels")
    finally:
        await connection.close()
    assert all(_about(row[0]) for row in rows)
    assert _about(levels["assessed_at"])
    assert _about(datetime.fromtimestamp(levels["revision"] / 1000, UTC))
    assert levels["as_of"] in {Calendar.load().local_date(moment) for moment in (now, datetime.now(UTC))}
    records = await read(settings, [SLA_EVENTS, QOS_LEVELS])
    events = [json.loads(record.value) for record in [*records[SLA_EVENTS], *records[QOS_LEVELS]]]
    assert all(_about(datetime.fromisoformat(event["time"])) for event in events)
    breached = [event["subject"] for event in events if event["type"].endswith("sla.breached.v1")]
    assert breached == ["over"]


def _about(moment: datetime) -> bool:
    """Within the last minutes."""
    return timedelta(minutes=-1) < datetime.now(UTC) - moment < timedelta(minutes=10)


def _submitted(application: str, at: datetime) -> Event:
    time = at.astimezone(TOKYO).strftime("%Y-%m-%d %H:%M:%S")
    return happened("application.submitted", time, application=application, channel="online")


async def _announced(connection: "asyncpg.Connection[asyncpg.Record]", application: str, said: str) -> bool:
    found = await connection.fetchval("SELECT announced FROM cases WHERE application_id = $1", application)
    assert found == said
    return True


async def _sent(connection: "asyncpg.Connection[asyncpg.Record]") -> bool:
    """All that is to be told of the levels is told, too."""
    (found,) = await connection.fetch(
        "SELECT (SELECT count(*) FROM touched_procedures), (SELECT count(*) FROM outbox), (SELECT count(*) FROM levels)"
    )
    return tuple(found) == (0, 0, 1)


async def _metric(url: str, name: str) -> float:
    async with httpx.AsyncClient(timeout=10) as http:
        exposition = (await http.get(f"{url}/metrics")).text
    (family,) = (each for each in text_string_to_metric_families(exposition) if each.name == name)
    return float(family.samples[0].value)

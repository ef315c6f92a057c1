"""The live stream over a real broker: what is published comes out, once, resumable; a slow client is let go."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import date
from hashlib import sha256
from typing import Any

import httpx
import msgspec
import pytest
from aiokafka import AIOKafkaProducer

from qos_domain.assessment import Assessment
from qos_runtime.kafka import admin_client
from qos_runtime.settings import RuntimeSettings
from qos_runtime.topics import create_topics
from support.builders import registered
from support.eventually import eventually
from support.metrics import CALENDAR, TOKEN
from support.results import assessment, folded, migrate
from support.services import RunningService, running_service
from support.stack import environment_of

PREFIX = "jp.lg.tokyo.qos."
STAFF = {"Authorization": f"Bearer {TOKEN}"}


@dataclass
class Stage:
    """A running service, and what a worker would publish to it."""

    url: str
    service: RunningService
    producer: AIOKafkaProducer
    settings: RuntimeSettings
    assessed: Assessment

    async def publish_levels(self, *revisions: int, procedure: str = "road-occupation") -> None:
        data = {"procedure_id": procedure, "organisation_id": "construction", "assessment": self.assessed}
        for revision in revisions:
            name = f"level:{procedure}:{revision}"
            await self._publish("qos-levels", procedure, name, "level.assessed", {**data, "revision": revision})
        await self.producer.flush()

    async def publish_breach(self, number: int) -> None:
        data = {"procedure_id": "road-occupation", "application_id": "A-1", "organisation_id": "construction"}
        await self._publish("sla-events", "road-occupation", f"sla:{number}", "sla.breached", data)
        await self.producer.flush()

    async def _publish(self, topic: str, key: str, event_id: str, kind: str, data: Any) -> None:
        value = {
            "specversion": "1.0",
            "id": event_id,
            "source": "urn:procedure-qos:processing",
            "type": f"{PREFIX}{kind}.v1",
            "time": "2026-11-20T09:00:00Z",
            "data": data,
        }
        await self.producer.send(self.settings.topic(topic), msgspec.json.encode(value), key=key.encode())


@dataclass
class Client:
    """One reader of the stream; `events` are (event, id, data)."""

    events: list[tuple[str, str | None, Any]]
    comments: list[str]
    ended: bool = False

    def ids(self) -> list[str]:
        return [data["id"] for event, _, data in self.events if event not in {"gap", "overflow"}]


@asynccontextmanager
async def reading(url: str, *, headers: dict[str, str] | None = None, **asked: str) -> AsyncIterator[Client]:
    """A client that reads in the background until the block ends."""
    client = Client([], [])
    connected = asyncio.Event()

    async def read() -> None:
        async with (
            httpx.AsyncClient(timeout=30) as http,
            http.stream("GET", f"{url}/v1/stream", params=asked, headers=headers or {}) as answer,
        ):
            assert answer.status_code == 200, await answer.aread()
            fields: dict[str, str] = {}
            async for line in answer.aiter_lines():
                if line.startswith(":"):
                    client.comments.append(line.removeprefix(":").strip())
                    connected.set()
                elif line:
                    name, _, value = line.partition(": ")
                    fields[name] = value
                elif fields.get("data"):
                    client.events.append((fields.get("event", ""), fields.get("id"), json.loads(fields["data"])))
                    fields = {}
        client.ended = True

    task = asyncio.create_task(read())
    try:
        await asyncio.wait_for(connected.wait(), 15)
        yield client
    finally:
        task.cancel()
        await asyncio.wait([task])


@pytest.fixture
async def stage(runtime_settings: RuntimeSettings, free_port: int) -> AsyncIterator[Stage]:
    await asyncio.to_thread(migrate, runtime_settings.database_url)
    async with admin_client(runtime_settings) as admin:
        await create_topics(admin, runtime_settings)
    environment = {
        **environment_of(runtime_settings),
        "QOS_METRICS_PORT": str(free_port),
        "QOS_METRICS_STAFF_TOKEN_SHA256": sha256(TOKEN.encode()).hexdigest(),
        "QOS_METRICS_STREAM_HEARTBEAT_SECONDS": "0.3",
        "QOS_METRICS_STREAM_CLIENTS": "4",
        "QOS_METRICS_STREAM_QUEUE": "50",
    }
    url = f"http://127.0.0.1:{free_port}"
    replay = folded([registered()], CALENDAR)
    producer = AIOKafkaProducer(bootstrap_servers=runtime_settings.kafka_bootstrap_servers)
    await producer.start()
    try:
        with running_service("qos_metrics", environment, ready=f"{url}/health/ready") as service:
            await eventually(lambda: bool(service.events("stream_following")), within=60)
            found = assessment(replay.history("road-occupation"), {}, date(2026, 11, 20))
            yield Stage(url, service, producer, runtime_settings, found)
    finally:
        await producer.stop()


async def test_what_is_published_comes_out_once(stage: Stage) -> None:
    async with reading(stage.url, headers=STAFF, audience="staff") as staff, reading(stage.url) as everybody:
        await stage.publish_levels(1)
        await stage.publish_breach(1)
        await stage.publish_levels(3)
        await stage.publish_levels(2)
        await stage.publish_breach(1)
        await stage.publish_levels(4)
        await eventually(lambda: "level:road-occupation:4" in staff.ids() and "sla:1" in staff.ids())
        levels = [f"level:road-occupation:{revision}" for revision in (1, 3, 4)]
        assert sorted(staff.ids()) == [*levels, "sla:1"]
        await eventually(lambda: everybody.ids() == levels)
        await eventually(lambda: "heartbeat" in everybody.comments)
        assert {event for event, _, _ in staff.events} == {"level.assessed", "sla.breached"}
        assert staff.events[0][2]["assessment"]["principles"]["faster"]["evidenced"]["level"] == 1


async def test_a_client_goes_on_where_it_was_also_after_a_restart_of_the_service(stage: Stage) -> None:
    async with reading(stage.url) as client:
        await stage.publish_levels(1)
        await eventually(lambda: client.ids() == ["level:road-occupation:1"])
        _, last_id, _ = client.events[-1]
    assert last_id is not None
    await stage.publish_levels(2)
    await stage.publish_levels(3)
    async with reading(stage.url, headers={"Last-Event-ID": last_id}) as client:
        await eventually(lambda: client.ids() == [f"level:road-occupation:{revision}" for revision in (2, 3)])

    stage.service.stop()
    environment = {
        **environment_of(stage.settings),
        "QOS_METRICS_PORT": stage.url.rpartition(":")[2],
        "QOS_METRICS_STAFF_OPEN": "true",
    }
    with running_service("qos_metrics", environment, ready=f"{stage.url}/health/ready") as again:
        await eventually(lambda: bool(again.events("stream_following")), within=60)
        async with reading(stage.url, last_event_id=last_id) as client:
            await eventually(lambda: client.ids() == [f"level:road-occupation:{revision}" for revision in (2, 3)])


async def test_a_client_that_was_away_for_too_long_is_told(stage: Stage) -> None:
    async with reading(stage.url, headers={"Last-Event-ID": "1000-qos-levels-0-5"}) as client:
        await eventually(lambda: [event for event, _, _ in client.events] == ["gap"])


async def test_only_what_was_asked_for(stage: Stage) -> None:
    async with (
        reading(stage.url, procedure="parking") as one,
        reading(stage.url, organisation="nobody") as none,
        reading(stage.url) as everything,
    ):
        await stage.publish_levels(1)
        await stage.publish_levels(1, procedure="parking")
        await eventually(lambda: len(everything.ids()) == 2)
        await eventually(lambda: one.ids() == ["level:parking:1"])
        assert none.ids() == []


async def test_a_client_that_does_not_read_is_let_go(stage: Stage) -> None:
    """It connects, and reads nothing while more is published than the network and its queue can hold."""
    reader, writer = await asyncio.open_connection("127.0.0.1", int(stage.url.rpartition(":")[2]), limit=1)
    writer.write(b"GET /v1/stream HTTP/1.1\r\nHost: x\r\n\r\n")
    await writer.drain()
    await eventually(lambda: reader.at_eof() is False)
    async with reading(stage.url) as quick:
        for first in range(1, 2_001, 40):  # the quick one keeps up, so what is measured is the other's reading
            last = first + 39
            await stage.publish_levels(*range(first, last + 1))
            await eventually(lambda r=last: f"level:road-occupation:{r}" in quick.ids())
    rest = bytearray()
    while chunk := await asyncio.wait_for(reader.read(1 << 20), 10):
        rest += chunk
        if b"event: overflow" in rest:
            break
    assert b"event: overflow" in rest
    assert b"Connect again" in rest
    writer.close()


async def test_there_are_only_so_many_streams(stage: Stage) -> None:
    async with reading(stage.url), reading(stage.url), reading(stage.url), reading(stage.url):
        async with httpx.AsyncClient() as http:
            answer = await http.get(f"{stage.url}/v1/stream")
        assert (answer.status_code, answer.json()["reason"]) == (503, "too_many_streams")


@pytest.mark.parametrize(("asked", "status"), [({"audience": "staff"}, 401), ({"last_event_id": "x"}, 422)])
async def test_what_is_refused(stage: Stage, asked: dict[str, str], status: int) -> None:
    async with httpx.AsyncClient() as http:
        assert (await http.get(f"{stage.url}/v1/stream", params=asked)).status_code == status


async def test_the_log_is_watched_and_a_signal_ends_streams_in_order(stage: Stage) -> None:
    async with httpx.AsyncClient() as http:

        async def known() -> bool:
            answer = (await http.get(f"{stage.url}/v1/indicators")).json()["freshness"]
            return answer["lag_seconds"] == 0 and answer["stale"] is False

        await eventually(known)
        await stage.producer.send_and_wait(stage.settings.topic("applications"), b"{}", key=b"x")

        async def waiting() -> bool:
            return (await http.get(f"{stage.url}/v1/indicators")).json()["freshness"]["lag_seconds"] > 0

        await eventually(waiting)
        exposition = (await http.get(f"{stage.url}/metrics")).text
        assert "qos_metrics_backlog_records 1.0" in exposition
        assert "qos_figures_collected_timestamp_seconds" in exposition
    async with reading(stage.url) as client:
        assert await asyncio.to_thread(stage.service.stop) == 0
        await eventually(lambda: client.ended)
    assert "Traceback" not in stage.service.logs()

"""An intake with its sources, on fresh topics of a real Kafka, spoken to over HTTP within the process."""

import json
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import httpx
import pytest
from aiokafka import AIOKafkaConsumer

from qos_domain.acceptance import AcceptanceRules, decode_cloudevent
from qos_domain.events import Event
from qos_intake.bootstrap import Service, build, running
from qos_intake.keys import new_key, operator_stanza, stanza
from qos_intake.settings import IntakeSettings
from qos_intake.sources import load_sources
from qos_runtime.kafka import admin_client, connection
from qos_runtime.settings import RuntimeSettings
from qos_runtime.topics import DEAD_LETTER_DECISIONS, DEAD_LETTERS, INPUT, TOPICS, create_topics
from qos_runtime.tracing import OFF, Tracing
from support.builders import tokyo
from support.eventually import eventually

RULES = AcceptanceRules()
E_APPLICATION = "urn:tokyo:e-application"
REGISTRY = "urn:tokyo:registry"
COUNTER = "urn:tokyo:counter"
STRUCTURED = "application/cloudevents+json"
BATCHED = "application/cloudevents-batch+json"
NDJSON = "application/x-ndjson"


class StandingClock:
    """The time stands still, at a Friday in Tokyo."""

    def __init__(self, at: datetime | None = None) -> None:
        self.at = at or tokyo("2026-11-20 10:00")

    def now(self) -> datetime:
        return self.at


@dataclass
class Keys:
    """What was handed to the sources, and the file that lets them in.

    E_APPLICATION may emit anything for the waterworks and for construction, and has an inbox; REGISTRY any procedure of
    any organisation; COUNTER applications of the waterworks, of the last 30 days. `operator` is the key of "saito".
    """

    file: Path
    e_application: str
    registry: str
    counter: str
    operator: str


@pytest.fixture
def keys(tmp_path: Path) -> Keys:
    e_application, registry, counter, operator = (new_key() for _ in range(4))
    file = tmp_path / "sources.toml"
    file.write_text(
        stanza(
            key=e_application,
            source=E_APPLICATION,
            name="e-application",
            organisations=("waterworks", "construction"),
            inbox=True,
        )
        + stanza(key=registry, source=REGISTRY, name="registry", event_types=("procedure.*",))
        + stanza(
            key=counter,
            source=COUNTER,
            name="counter",
            organisations=("waterworks",),
            event_types=("application.*",),
            max_age_days=30,
        )
        + operator_stanza(key=operator, name="saito"),
        encoding="utf-8",
    )
    return Keys(file, e_application, registry, counter, operator)


@pytest.fixture
def intake_settings(kafka: str, topic_prefix: str, consumer_group: str, keys: Keys) -> IntakeSettings:
    return IntakeSettings(
        kafka_bootstrap_servers=kafka,
        topic_prefix=topic_prefix,
        partitions=2,
        group=consumer_group,
        sources_file=keys.file,
    )


@dataclass
class RunningIntake:
    """Intake as its emitters see it; and Kafka, to see what arrived there."""

    settings: IntakeSettings
    service: Service
    http: httpx.AsyncClient
    keys: Keys
    clock: StandingClock

    async def post(self, body: Any, *, key: str | None = None, content_type: str = STRUCTURED) -> httpx.Response:
        """Send to /v1/events: a dict or list is written as JSON, and a list of a NDJSON post as lines."""
        if content_type == NDJSON and isinstance(body, list):
            body = "\n".join(json.dumps(each) for each in body)
        elif not isinstance(body, bytes | str) and not hasattr(body, "__aiter__"):
            body = json.dumps(body, ensure_ascii=False)
        headers = {"X-API-Key": key or self.keys.e_application, "Content-Type": content_type}
        return await self.http.post("/v1/events", content=body, headers=headers)

    async def put_csv(self, body: Any, *, key: str | None = None, time: str | None = None) -> httpx.Response:
        headers = {"X-API-Key": key or self.keys.registry, "Content-Type": "text/csv; charset=utf-8"}
        params = {} if time is None else {"time": time}
        return await self.http.put("/v1/procedures", content=body, headers=headers, params=params)

    async def records(self, topic: str) -> list[Any]:
        """Everything in a topic, by base name: Kafka's own records, partition by partition."""
        return await records_of(self.settings, topic)

    async def events(self, topic: str) -> list[Event]:
        return [decode_cloudevent(record.value, RULES) for record in await self.records(topic)]

    async def learned(self, procedure_id: str) -> None:
        """Return when intake has read of a procedure in the registry."""
        await eventually(lambda: self.service.owners.of(procedure_id))


async def records_of(settings: RuntimeSettings, topic: str) -> list[Any]:
    consumer = AIOKafkaConsumer(
        settings.topic(topic), **connection(settings), group_id=None, auto_offset_reset="earliest"
    )
    await consumer.start()
    try:
        partitions = sorted(consumer.assignment())
        ends = await consumer.end_offsets(partitions)
        records = []
        for partition in partitions:
            while await consumer.position(partition) < ends[partition]:
                records += [
                    each for batch in (await consumer.getmany(partition, timeout_ms=200)).values() for each in batch
                ]
        return records
    finally:
        await consumer.stop()


async def create(settings: IntakeSettings, names: Sequence[str] = ()) -> None:
    """Make the topics that intake writes to, or those of the names."""
    usual = [*(topic.name for topic in INPUT), DEAD_LETTERS, DEAD_LETTER_DECISIONS]
    wanted = [each for each in TOPICS if each.name in (names or usual)]
    async with admin_client(settings) as admin:
        await create_topics(admin, settings, wanted)


@asynccontextmanager
async def running_intake(
    settings: IntakeSettings, keys: Keys, *, wait: bool = True, tracing: Tracing = OFF
) -> AsyncIterator[RunningIntake]:
    """The whole service but for the socket. With `wait` it is ready."""
    clock = StandingClock()
    sources = load_sources(keys.file, max_age_days=settings.max_age_days)
    service = build(settings, sources=sources, clock=clock, tracing=tracing)
    transport = httpx.ASGITransport(app=service.app)
    async with running(service), httpx.AsyncClient(transport=transport, base_url="http://intake", timeout=60) as http:

        async def ready() -> bool:
            return (await http.get("/health/ready")).status_code == 200

        if wait:
            await eventually(ready, within=60)
        yield RunningIntake(settings, service, http, keys, clock)


@pytest.fixture
async def intake(intake_settings: IntakeSettings, keys: Keys) -> AsyncIterator[RunningIntake]:
    await create(intake_settings)
    async with running_intake(intake_settings, keys) as running:
        yield running


def submitted(event_id: str = "e-1", **changes: Any) -> dict[str, Any]:
    """An application for a water supply contract, ten minutes ago; `data` is merged, other attributes replace."""
    data = {"procedure_id": "water-supply", "application_id": "A-1", "channel": "online"} | changes.pop("data", {})
    return {
        "specversion": "1.0",
        "id": event_id,
        "source": E_APPLICATION,
        "type": "jp.lg.tokyo.qos.application.submitted.v1",
        "time": "2026-11-20T09:50:00+09:00",
        "data": data,
    } | changes


def registration(procedure_id: str, organisation: str, **changes: Any) -> dict[str, Any]:
    """A version of a procedure, as the registry sends it."""
    data = {
        "procedure_id": procedure_id,
        "name": {"ja": "手続"},
        "organisation": {"id": organisation, "name": {"ja": "局"}, "kind": "bureau"},
        "effective_from": "2025-04-01",
    } | changes.pop("data", {})
    return {
        "specversion": "1.0",
        "id": f"{procedure_id}-{organisation}",
        "source": REGISTRY,
        "type": "jp.lg.tokyo.qos.procedure.registered.v1",
        "time": "2025-03-01T09:00:00+09:00",
        "data": data,
    } | changes

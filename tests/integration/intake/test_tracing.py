"""Records name the request or the inbox record that they come from; what they are doesn't depend on it."""

import json
from collections.abc import Sequence
from typing import Any

import httpx
import pytest
from aiokafka import AIOKafkaProducer
from opentelemetry.trace import SpanKind, format_span_id, format_trace_id

from qos_intake.settings import IntakeSettings
from qos_runtime.kafka import connection
from support.eventually import eventually
from support.intake import STRUCTURED, Keys, RunningIntake, create, running_intake, submitted
from support.services import running_service
from support.tracing import CALLER, Recorded, attributes_of, context_of, sender

pytestmark = pytest.mark.real

CONTENT_TYPE = ("content-type", b"application/cloudevents+json")


@pytest.fixture
def recorded() -> Recorded:
    return Recorded()


async def post(intake: RunningIntake, *events: str) -> None:
    headers = {"X-API-Key": intake.keys.e_application, "Content-Type": "application/x-ndjson", "traceparent": CALLER}
    body = "\n".join(json.dumps(submitted(event)) for event in events)
    answer = await intake.http.post("/v1/events", content=body, headers=headers)
    assert answer.status_code == 202, answer.text


async def headers_of(intake: RunningIntake, topic: str) -> list[Any]:
    return [list(record.headers) for record in await intake.records(topic)]


async def test_off_a_record_has_no_header_for_it(intake: RunningIntake) -> None:
    await post(intake, "e-1")
    assert await headers_of(intake, "applications") == [[CONTENT_TYPE]]


async def test_every_record_of_a_request_names_its_sending(
    intake_settings: IntakeSettings, keys: Keys, recorded: Recorded
) -> None:
    await create(intake_settings)
    async with running_intake(intake_settings, keys, tracing=recorded.tracing(intake_settings)) as intake:
        await post(intake, "e-1", "e-2")
        found = await headers_of(intake, "applications")
        bodies = [json.loads(record.value) for record in await intake.records("applications")]
    sent = recorded.only(f"send {intake_settings.topic('applications')}")
    request = recorded.only("POST /v1/events")
    assert sent.kind is SpanKind.PRODUCER
    assert sent.parent == context_of(request)
    assert attributes_of(sent)["messaging.batch.message_count"] == 2
    assert found == [[CONTENT_TYPE, ("traceparent", named(sent))]] * 2
    assert format_trace_id(context_of(sent).trace_id) in CALLER
    assert all("traceparent" not in body for body in bodies)


def named(span: Any) -> bytes:
    context = context_of(span)
    ids = f"{format_trace_id(context.trace_id)}-{format_span_id(context.span_id)}"
    return f"00-{ids}-{context.trace_flags:02x}".encode()


async def test_what_comes_by_an_inbox_is_followed_through_the_relay(
    intake_settings: IntakeSettings, keys: Keys, recorded: Recorded
) -> None:
    """Two senders, in both modes; and one whose header names no span. None of them is a dead letter."""
    text = keys.file.read_text(encoding="utf-8").replace("inbox = true", 'inbox = true\nmax_age_days = "unlimited"')
    keys.file.write_text(text, encoding="utf-8")
    await create(intake_settings)
    event = submitted(time="2025-05-02T23:50:00+09:00")
    data = json.dumps(event.pop("data")).encode()
    binary = [(f"ce_{name}", value.encode()) for name, value in event.items()]
    binary = [("content-type", b"application/json"), *((name, value) for name, value in binary if name != "ce_id")]
    async with running_intake(intake_settings, keys, tracing=recorded.tracing(intake_settings)) as intake:
        await send_to_inbox(
            intake_settings,
            [
                (data, [*binary, ("ce_id", b"e-1"), ("traceparent", sender(1))]),
                (data, [*binary, ("ce_id", b"e-2"), ("ce_traceparent", sender(2)), ("traceparent", sender(3))]),
                (data, [*binary, ("ce_id", b"e-3"), ("traceparent", b"\xff taro")]),
            ],
        )

        async def relayed() -> bool:
            return len(await intake.records("applications")) == 3

        await eventually(relayed)
        assert await intake.records("dead-letters") == []
        found = {bytes(dict(headers)["traceparent"]) for headers in await headers_of(intake, "applications")}
    relays = [span for span in recorded.spans if span.kind is SpanKind.CONSUMER]
    assert {link.context.span_id for span in relays for link in span.links} == {1, 3}
    sends = [span for span in recorded.spans if span.kind is SpanKind.PRODUCER]
    assert found == {named(span) for span in sends}
    assert all(span.parent in [context_of(relay) for relay in relays] for span in sends)
    assert {attributes_of(span)["messaging.consumer.group.name"] for span in relays} == {intake_settings.group}


async def send_to_inbox(settings: IntakeSettings, records: Sequence[tuple[bytes, Any]]) -> None:
    topic = settings.topic("inbox.e-application")
    producer = AIOKafkaProducer(**connection(settings))
    await producer.start()
    try:

        async def exists() -> bool:
            return bool(await producer.partitions_for(topic))

        await eventually(exists)
        for value, headers in records:
            await producer.send_and_wait(topic, value, headers=headers, partition=0)
    finally:
        await producer.stop()


async def test_a_collector_that_is_away_is_nobodys_trouble(
    intake_settings: IntakeSettings, keys: Keys, free_port: int
) -> None:
    await create(intake_settings)
    environment = {
        "KAFKA_BOOTSTRAP_SERVERS": intake_settings.kafka_bootstrap_servers,
        "QOS_TOPIC_PREFIX": intake_settings.topic_prefix,
        "QOS_INTAKE_SOURCES_FILE": str(keys.file),
        "QOS_INTAKE_PORT": str(free_port),
        "QOS_INTAKE_GROUP": intake_settings.group,
        "QOS_TRACING": "otlp",
        "OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:1",
        "OTEL_BSP_SCHEDULE_DELAY": "50",
    }
    url = f"http://127.0.0.1:{free_port}"
    with running_service("qos_intake", environment, ready=f"{url}/health/ready") as service:

        def told() -> bool:
            return any(line["logger"].startswith("opentelemetry.") for line in service.events())

        async with httpx.AsyncClient(base_url=url, timeout=30) as http:
            headers = {"X-API-Key": keys.registry, "Content-Type": STRUCTURED}
            for _ in range(20):
                answer = await http.post("/v1/events", content=b"{", headers=headers)
                assert answer.status_code == 400
            await eventually(told)
        assert service.stop() == 0  # in the time that every service has for it
        about_it = [line for line in service.events() if line["logger"].startswith("opentelemetry.")]
        assert len(about_it) < 20

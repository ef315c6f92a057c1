"""A source that speaks Kafka writes to its inbox, and intake relays: the same rules, the same masking, nothing lost."""

import json
from base64 import b64decode
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from aiokafka import AIOKafkaProducer

from qos_intake.settings import IntakeSettings
from qos_runtime.dead_letters import KEPT_BYTES
from qos_runtime.kafka import connection
from qos_runtime.topics import MAX_EVENT_BYTES
from support.eventually import eventually
from support.intake import Keys, create, records_of, running_intake, submitted

pytestmark = pytest.mark.real

INBOX = "inbox.e-application"


def mail(event_id: str, **changes: Any) -> dict[str, Any]:
    return submitted(event_id, time="2025-05-02T23:50:00+09:00", **changes)


@pytest.fixture
async def settings(intake_settings: IntakeSettings, keys: Keys) -> IntakeSettings:
    """Events of any age: what decides on age and future here is the append time of the inbox record."""
    text = keys.file.read_text(encoding="utf-8").replace("inbox = true", 'inbox = true\nmax_age_days = "unlimited"')
    keys.file.write_text(text, encoding="utf-8")
    await create(intake_settings)
    return intake_settings


@asynccontextmanager
async def emitter(settings: IntakeSettings) -> AsyncIterator[AIOKafkaProducer]:
    """Who compresses gets more into the log than a topic takes, as the broker measures what is sent."""
    producer = AIOKafkaProducer(**connection(settings), compression_type="lz4", max_request_size=20_000_000)
    await producer.start()
    try:
        yield producer
    finally:
        await producer.stop()


async def test_good_records_are_relayed_and_bad_ones_are_dead_letters(settings: IntakeSettings, keys: Keys) -> None:
    inbox = settings.topic(INBOX)
    binary = {name: value for name, value in mail("e-binary").items() if name not in ("data", "time")}
    headers = [(f"ce_{name}", value.encode()) for name, value in binary.items()]
    headers += [("ce_time", b"2025-05-02T23:50:00+09:00"), ("content-type", b"application/json")]
    comment = {"rating": 1, "comment": "call 03-1234-5678"}
    feedback = mail("e-comment", type="jp.lg.tokyo.qos.feedback.submitted.v1", data=comment)
    bad: list[tuple[bytes | None, str, str]] = [
        (b"{poison", "malformed_json", "value"),
        (b'{"id": "\xff\xfe"}', "malformed_json", "value"),
        (json.dumps(mail("e-bad", data={"channel": "fax"})).encode(), "invalid_field", "data.channel"),
        (json.dumps(mail("e-other", source="urn:tokyo:counter")).encode(), "wrong_source", "source"),
        (json.dumps(mail("e-future") | {"time": "2049-01-01T00:00:00Z"}).encode(), "time_in_future", "time"),
        (json.dumps(mail("e-vanished", type="jp.lg.tokyo.qos.vanished.v1")).encode(), "unknown_type", "type"),
        (json.dumps({"specversion": "1.0", "id": "e-empty"}).encode(), "missing_field", "source"),
        (b"\xff" * 1_000_000, "too_large", "value"),
        (b"\xff" * 10_000_000, "too_large", "value"),
        (None, "malformed_json", "value"),
    ]
    strange: list[tuple[str, bytes | None]] = [("", b""), ("trace", None), ("content-type", b"\xff"), ("x", b"\xfe")]
    half = [("ce_id", b"e-half"), ("ce_specversion", b"\xff"), ("content-type", b"application/json")]
    async with running_intake(settings, keys) as intake, emitter(settings) as producer:

        async def exists() -> bool:
            return bool(await producer.partitions_for(inbox))

        await eventually(exists, within=60)
        await producer.send_and_wait(inbox, json.dumps(mail("e-1")).encode(), partition=0)
        for value, _, _ in bad:
            await producer.send_and_wait(inbox, value, key=b"anything", partition=0, headers=strange)
        await producer.send_and_wait(inbox, json.dumps(mail("")["data"]).encode(), headers=half, partition=0)
        await producer.send_and_wait(inbox, json.dumps(mail("")["data"]).encode(), headers=headers, partition=0)
        await producer.send_and_wait(inbox, json.dumps(feedback).encode(), partition=0)

        await eventually(lambda: intake.events("feedback"), within=60)
        assert [event.id for event in await intake.events("applications")] == ["e-1", "e-binary"]
        [record] = await intake.records("feedback")
        assert json.loads(record.value)["data"]["comment"] == "call ***"
        assert record.key == b"water-supply"
        letters = [json.loads(record.value) for record in await intake.records("dead-letters")]
        metrics = (await intake.http.get("/metrics")).text

    letters.sort(key=lambda letter: letter["offset"])
    assert [(each["topic"], each["partition"], each["offset"]) for each in letters] == [
        (INBOX, 0, offset) for offset in range(1, len(bad) + 2)
    ]
    *letters, half_an_event = letters
    assert (half_an_event["reason"], half_an_event["field"]) == ("invalid_field", "specversion")
    assert [(each["reason"], each["field"]) for each in letters] == [(reason, field) for _, reason, field in bad]
    assert [each["value"] and b64decode(each["value"]) for each in letters] == [
        value and value[: KEPT_BYTES if len(value) > MAX_EVENT_BYTES else None] for value, _, _ in bad
    ]
    assert sorted(each["left_out_bytes"] for each in letters)[-2:] > [0, 10_000_000 - KEPT_BYTES]
    assert all(each["rule"] and each["appended_at"] and each["id"] for each in letters)
    assert 'qos_intake_relayed_total{outcome="dead_letter",source="e-application"} 11.0' in metrics
    assert 'qos_intake_relayed_total{outcome="relayed",source="e-application"} 3.0' in metrics


async def test_another_intake_goes_on_where_the_first_one_stopped(settings: IntakeSettings, keys: Keys) -> None:
    inbox = settings.topic(INBOX)

    async def send(*events: str) -> None:
        async with emitter(settings) as producer:
            for event_id in events:
                await producer.send_and_wait(inbox, json.dumps(mail(event_id)).encode(), partition=0)

    async def relayed() -> list[str]:
        return [json.loads(record.value)["id"] for record in await records_of(settings, "applications")]

    async def there(*events: str) -> bool:
        return list(events) == await relayed()

    async with running_intake(settings, keys) as intake:

        async def caught_up() -> bool:
            metrics = (await intake.http.get("/metrics")).text
            return 'qos_intake_relayed_total{outcome="relayed",source="e-application"} 2.0' in metrics

        await eventually(lambda: records_exist(settings), within=60)
        await send("e-1", "e-2")
        await eventually(caught_up, within=60)
    await send("e-3")
    async with running_intake(settings, keys):
        await eventually(lambda: there("e-1", "e-2", "e-3"), within=60)


async def records_exist(settings: IntakeSettings) -> bool:
    """Whether the inbox topic is there: it is made by intake when it starts."""
    async with emitter(settings) as producer:
        return bool(await producer.partitions_for(settings.topic(INBOX)))

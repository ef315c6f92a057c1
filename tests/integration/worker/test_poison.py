"""Poison of every kind on every input topic of a real broker, read by a real worker: each record is one dead letter
with its reason and its bytes, the events around it count, and nothing is lost."""

import json
from collections.abc import AsyncIterator, Mapping
from typing import Any, NamedTuple

import pytest
from aiokafka import AIOKafkaProducer
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType
from aiokafka.errors import MessageSizeTooLargeError

from qos_domain.acceptance import encode_cloudevent
from qos_domain.calendar import Calendar
from qos_domain.events import INPUT_TOPICS, Event
from qos_processing.migrate import migrate
from qos_runtime.dead_letters import KEPT_BYTES, decode_dead_letter
from qos_runtime.kafka import admin_client, connection, partition_of, producer
from qos_runtime.postgres import Pool, create_pool
from qos_runtime.settings import RuntimeSettings
from qos_runtime.topics import INPUT, MAX_EVENT_BYTES, create_topics
from support.builders import happened, registered
from support.eventually import eventually
from support.intake import records_of
from support.live_results import LiveResults
from support.log import RULES
from support.processing import replayed
from support.services import running_service
from support.stack import environment_of

pytestmark = pytest.mark.real

KEY = b"road-occupation"
STRANGE = [
    ("", b""),
    ("content-type", b"\xff\xfe"),
    ("null", None),
    ("twice", b"1"),
    ("twice", b"2"),
    ("名前", b"x"),
    ("\0", b"\0"),
]
# A batch of one record without headers: 61 bytes, and what stands around key and value.
LARGEST_VALUE = MAX_EVENT_BYTES - 61 - (3 + 1 + 1 + 1) - (1 + len(KEY)) - 3 - 1

# One good event for each topic before the poison, one after it.
GOOD: Mapping[str, tuple[Event, Event]] = {
    "procedures": (registered(), registered("2025-04-01", at="2025-03-01")),
    "applications": (
        happened("application.submitted", "2025-05-02", channel="online"),
        happened("application.submitted", "2025-05-02", application="A-2", channel="counter"),
    ),
    "reviews": (
        happened("review.started", "2025-05-07"),
        happened("review.decided", "2025-05-08", outcome="approved"),
    ),
    "notifications": (
        happened("notification.sent", "2025-05-09", channel="electronic"),
        happened("notification.sent", "2025-06-09", application="A-2", channel="mail"),
    ),
    "feedback": (
        happened("feedback.submitted", "2025-05-10", rating=5, channel="online"),
        happened("feedback.submitted", "2025-05-10", application="A-2", rating=1, channel="counter"),
    ),
}


class Poison(NamedTuple):
    value: bytes | None
    key: bytes | None = KEY
    astray: bool = False


def poison_of(topic: str) -> dict[tuple[str, str], Poison]:
    """By (kind, reason)."""
    event: dict[str, Any] = json.loads(encode_cloudevent(GOOD[topic][0], RULES)) | {"id": "poison"}
    data = event["data"]
    elsewhere = INPUT_TOPICS[INPUT_TOPICS.index(topic) - 1]

    def wire(**changes: Any) -> bytes:
        return json.dumps(event | changes).encode()

    def without(document: Mapping[str, Any], field: str) -> dict[str, Any]:
        return {name: value for name, value in document.items() if name != field}

    return {
        ("not JSON", "malformed_json"): Poison(b'{"specversion": "1.0", '),
        ("not UTF-8", "malformed_json"): Poison(b'{"specversion": "\xff\xfe"}'),
        ("an empty value", "tombstone"): Poison(b""),
        ("a tombstone", "tombstone"): Poison(None),
        ("neither key nor value", "tombstone"): Poison(b"", key=None),
        ("a wrong key", "key_mismatch"): Poison(wire(), key=b"another-procedure"),
        ("no key", "key_mismatch"): Poison(wire(), key=None),
        ("another partition", "wrong_partition"): Poison(wire(), astray=True),
        ("the largest that fits", "too_large"): Poison(b"\xff" * LARGEST_VALUE),
        ("no data", "missing_field"): Poison(json.dumps(without(event, "data")).encode()),
        ("no procedure", "missing_field"): Poison(wire(data=without(data, "procedure_id"))),
        ("an array", "invalid_field"): Poison(b"[1, 2]"),
        ("a further field", "unknown_field"): Poison(wire(data=data | {"applicant": "03-1234-5678"})),
        ("an unknown type", "unknown_type"): Poison(wire(type="jp.lg.tokyo.qos.application.vanished.v1")),
        ("another version", "unknown_type"): Poison(wire(type=event["type"].replace(".v1", ".v9"))),
        ("another topic", "wrong_topic"): Poison(encode_cloudevent(GOOD[elsewhere][0], RULES)),
        ("a future time", "time_in_future"): Poison(wire(time="2049-12-31T00:00:00Z")),
        ("no offset of time", "time_without_offset"): Poison(wire(time="2025-05-02T12:00:00")),
    }


@pytest.fixture
async def settings(runtime_settings: RuntimeSettings) -> RuntimeSettings:
    settings = runtime_settings.model_copy(update={"partitions": 2})
    await migrate(settings.database_url)
    async with admin_client(settings) as admin:
        await create_topics(admin, settings)
    return settings


@pytest.fixture
async def pool(settings: RuntimeSettings) -> AsyncIterator[Pool]:
    pool = await create_pool(settings.database_url, application_name="test")
    try:
        yield pool
    finally:
        await pool.close()


@pytest.fixture
async def careless(settings: RuntimeSettings) -> AsyncIterator[AIOKafkaProducer]:
    """A producer that checks nothing: what it may not do the broker has to say."""
    sender = AIOKafkaProducer(**connection(settings), max_request_size=20_000_000)
    await sender.start()
    try:
        yield sender
    finally:
        await sender.stop()


async def test_poison_of_every_kind_on_every_topic(
    settings: RuntimeSettings, pool: Pool, careless: AIOKafkaProducer
) -> None:
    home = partition_of(KEY, settings.partitions)
    sent: dict[str, tuple[str, str, str]] = {}
    originals: dict[str, Poison] = {}
    for topic in INPUT_TOPICS:
        name = settings.topic(topic)
        before, after = (encode_cloudevent(event, RULES) for event in GOOD[topic])
        # Headers are nobody's business on an input topic: what is good counts, whatever they are.
        await careless.send(name, before, KEY, partition=home, headers=STRANGE)
        records = {
            kind: await careless.send(
                name, each.value, each.key, partition=1 - home if each.astray else home, headers=headers(each)
            )
            for kind, each in poison_of(topic).items()
        }
        last = await careless.send(name, after, KEY, partition=home)
        for (kind, reason), acknowledged in records.items():
            metadata = await acknowledged
            letter_id = f"{topic}-{metadata.partition}-{metadata.offset}"
            sent[letter_id] = (topic, kind, reason)
            originals[letter_id] = poison_of(topic)[kind, reason]
        await last
    assert len(sent) == 18 * len(INPUT_TOPICS)

    await work_off(settings, pool, len(sent) + 2 * len(INPUT_TOPICS))

    letters = await pool.fetch("SELECT * FROM dead_letters")
    found = {f"{row['topic']}-{row['partition']}-{row['offset']}": row for row in letters}
    assert {each: (*sent[each][:2], row["reason"]) for each, row in found.items()} == sent
    assert {each: (row["key"], row["value"]) for each, row in found.items()} == {
        each: (original.key, original.value) for each, original in originals.items()
    }
    events = [event for pair in GOOD.values() for event in pair]
    assert await LiveResults(pool).buckets() == replayed(events, Calendar.load()).buckets()

    bodies = [decode_dead_letter(record.value) for record in await records_of(settings, "dead-letters")]
    assert {body.id: body.original() for body in bodies} == {
        each: (original.key, original.value, tuple(headers(original))) for each, original in originals.items()
    }


async def work_off(settings: RuntimeSettings, pool: Pool, records: int) -> None:
    """A worker reads so many records and tells of the dead letters among them; then it stops as it should."""

    async def all_read() -> bool:
        stored = await pool.fetchval("SELECT coalesce(sum(next_offset), 0) FROM partition_offsets")
        return int(stored) == records

    async def all_told() -> bool:
        return not await pool.fetchval("SELECT count(*) FROM outbox WHERE topic = 'dead-letters'")

    environment = {**environment_of(settings), "QOS_PROCESSING_PORT": "0"}
    with running_service("qos_processing", environment) as worker:
        await eventually(all_read, within=120)
        await eventually(all_told, within=60)
        assert worker.stop() == 0


def headers(poison: Poison) -> list[tuple[str, bytes | None]]:
    """Strange ones where there is room."""
    return [] if len(poison.value or b"") > 1_000 else STRANGE


async def test_what_is_too_large_for_the_log_is_refused_where_it_comes_from(
    settings: RuntimeSettings, careless: AIOKafkaProducer
) -> None:
    """One byte more than the largest record, and 10 MB: by the broker; by our own producer before it is sent."""
    async with producer(settings, client_id="test") as ours:
        for topic in INPUT_TOPICS:
            name = settings.topic(topic)
            for value in (b"\xff" * (LARGEST_VALUE + 1), b"\xff" * 10_000_000):
                with pytest.raises(MessageSizeTooLargeError):
                    await careless.send_and_wait(name, value, KEY, partition=0)
            with pytest.raises(MessageSizeTooLargeError):
                await ours.send_and_wait(name, b"\xff" * 10_000_000, KEY)
            assert await records_of(settings, topic) == []


async def test_records_of_10_mb_that_reach_the_log_all_the_same(settings: RuntimeSettings, pool: Pool) -> None:
    """A broker measures what is sent, so a compressed record gets in, and a topic's limit may have been raised. Each is
    one dead letter: whole in the table, cut on the topic, which takes no more. What stands after them counts.
    """
    home = partition_of(KEY, settings.partitions)
    huge = b"\xff" * 10_000_000
    async with AIOKafkaProducer(**connection(settings), max_request_size=20_000_000, compression_type="lz4") as sender:
        for topic in INPUT_TOPICS:
            name = settings.topic(topic)
            before, after = (encode_cloudevent(event, RULES) for event in GOOD[topic])
            await sender.send_and_wait(name, before, KEY, partition=home)
            await sender.send_and_wait(name, huge, KEY, partition=home)
            await sender.send_and_wait(name, before, huge, partition=home)
            await sender.send_and_wait(name, b"{", KEY, partition=home, headers=[("huge", huge)])
            await sender.send_and_wait(name, after, KEY, partition=home)
    async with admin_client(settings) as admin:
        [reviews] = [definition for definition in INPUT if definition.name == "reviews"]
        raised = reviews.config(settings) | {"max.message.bytes": "20000000"}
        await admin.alter_configs([ConfigResource(ConfigResourceType.TOPIC, settings.topic("reviews"), raised)])
    async with AIOKafkaProducer(**connection(settings), max_request_size=20_000_000) as sender:
        await eventually(lambda: sent(sender, settings.topic("reviews"), huge, home))

    await work_off(settings, pool, 5 * len(INPUT_TOPICS) + 1)

    letters = await pool.fetch("SELECT topic, reason, key, value, headers::text FROM dead_letters")
    expected = {(topic, reason) for topic in INPUT_TOPICS for reason in ("too_large", "key_mismatch", "malformed_json")}
    assert {(row["topic"], row["reason"]) for row in letters} == expected
    assert len(letters) == len(expected) + 1
    assert all(len(row["key"]) + len(row["value"]) + len(row["headers"]) > len(huge) for row in letters)
    events = [event for pair in GOOD.values() for event in pair]
    assert await LiveResults(pool).buckets() == replayed(events, Calendar.load()).buckets()
    bodies = [decode_dead_letter(record.value) for record in await records_of(settings, "dead-letters")]
    assert len(bodies) == len(letters)
    for body in bodies:
        key, value, kept = body.original()
        assert max(len(key or b""), len(value or b"")) <= KEPT_BYTES
        assert kept == ()
        assert body.left_out_bytes >= len(huge) - KEPT_BYTES


async def sent(sender: AIOKafkaProducer, topic: str, value: bytes, partition: int) -> bool:
    """False while the broker's limit isn't raised yet."""
    try:
        await sender.send_and_wait(topic, value, KEY, partition=partition)
    except MessageSizeTooLargeError:
        return False
    return True

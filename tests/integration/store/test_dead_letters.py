"""Poison straight on a topic: kept with its reason and its bytes, and the events around it are applied."""

import base64
import json
from datetime import timedelta

import pytest

from qos_domain.acceptance import encode_cloudevent
from qos_processing.dead_letters import DeadLetterLimit, TooManyDeadLetters
from qos_processing.retention import Retention
from support.builders import happened, registered, tokyo
from support.log import RULES
from support.processing import Processing, processing, replayed

pytestmark = pytest.mark.real

AT = tokyo("2025-05-02 12:00")
KEY = b"road-occupation"
GOOD = happened("application.submitted", "2025-05-02", channel="online")


def wire(**changes: object) -> bytes:
    return json.dumps(json.loads(encode_cloudevent(GOOD, RULES)) | changes).encode()


POISON = {
    "malformed_json": (KEY, b'{"specversion": "1.0", '),
    "tombstone": (KEY, None),
    "key_mismatch": (b"another-procedure", wire()),
    "too_large": (KEY, b"\x00\xff" * 500_000),
    "unknown_type": (KEY, wire(type="jp.lg.tokyo.qos.application.vanished.v1")),
    "unknown_field": (KEY, wire(applicant="somebody")),
    "time_without_offset": (KEY, wire(time="2025-05-02T12:00:00")),
    "time_in_future": (KEY, wire(time="2025-05-02T12:05:01+09:00")),
    "wrong_topic": (KEY, encode_cloudevent(happened("review.started", "2025-05-02"), RULES)),
}


@pytest.mark.parametrize("reason", POISON)
async def test_poison_between_good_events(p: Processing, reason: str) -> None:
    key, value = POISON[reason]
    other = happened("application.submitted", "2025-05-02", application="A-2", channel="counter")
    await p.receive(registered(), GOOD)
    partition = (await p.case())["partition"]
    record = p.log.append_raw("applications", key, value, AT, partition=partition)
    await p.receive(other)
    assert await p.buckets() == replayed([registered(), GOOD, other], p.calendar).buckets()
    (letter,) = await p.pool.fetch("SELECT * FROM dead_letters")
    assert (letter["topic"], letter["partition"], letter["offset"]) == ("applications", partition, record.offset)
    assert letter["reason"] == reason
    assert (letter["key"], letter["value"], letter["appended_at"]) == (key, value, AT)
    assert json.loads(letter["headers"]) == [["via", base64.b64encode(b"test").decode()]]
    (message,) = await p.pool.fetch("SELECT * FROM outbox")
    body = json.loads(message["value"])
    assert (message["topic"], message["event_id"]) == ("dead-letters", f"applications-{partition}-{record.offset}")
    assert body["id"] == message["event_id"]
    assert body["rule"] == letter["rule"]
    assert body["value"] == (None if value is None else base64.b64encode(value).decode())
    assert p.outcomes("applications") == {"folded": 2, "repeated": 0, "dead_letter": 1}


async def test_a_record_without_a_key(p: Processing) -> None:
    p.log.append_raw("applications", None, wire(), AT)
    await p.catch_up()
    (letter,) = await p.pool.fetch("SELECT reason, key FROM dead_letters")
    assert tuple(letter) == ("key_mismatch", None)


async def test_a_record_that_is_not_in_the_partition_of_its_key(p: Processing) -> None:
    """Its case is under the lock of another partition number: applied here, it could be lost there."""
    await p.receive(registered(), GOOD)
    home = (await p.case())["partition"]
    p.log.append_raw("applications", KEY, wire(id="astray"), AT, partition=1 - home)
    await p.catch_up()
    assert await p.pool.fetchval("SELECT reason FROM dead_letters") == "wrong_partition"


async def test_a_dead_letter_delivered_again_is_one(p: Processing) -> None:
    p.log.append_raw("applications", KEY, b"{", AT)
    await p.catch_up()
    await p.pool.execute("UPDATE partition_offsets SET next_offset = 0")
    for partition in range(p.log.partitions):
        if batch := p.log.batch("applications", partition).records:
            assert len(batch) == 1
            await p.another_service().process(p.log.batch("applications", partition))
    assert await p.pool.fetchval("SELECT count(*) FROM dead_letters") == 1


async def test_when_most_records_are_poison_the_worker_stops(database_url: str) -> None:
    """A broken decoder must not dead-letter the world; a restart doesn't make it forget how many there were."""
    limit = DeadLetterLimit(share=0.5, window=10)
    async with processing(database_url, partitions=1, dead_letter_limit=limit) as p:
        for _ in range(5):
            p.log.append_raw("applications", KEY, b"{", AT)
        await p.catch_up()
        p.log.append_raw("applications", KEY, b"{", AT)
        (batch,) = p.log.new()
        for service in (p.service, p.another_service()):
            with pytest.raises(TooManyDeadLetters, match="6 of the last 10 records"):
                await service.process(batch)
        assert await p.pool.fetchval("SELECT count(*) FROM dead_letters") == 5
        assert await p.service.start_offset("applications", 0) == 5


async def test_dead_letters_are_forgotten_after_thirty_days(p: Processing) -> None:
    p.log.append_raw("applications", KEY, b"{", AT)
    await p.catch_up()
    retention = Retention(p.transactions, clock=p.clock)
    p.clock.at += timedelta(days=30)
    assert await retention.forget_dead_letters() == 0
    p.clock.at += timedelta(seconds=1)
    assert await retention.forget_dead_letters() == 1
    assert await p.pool.fetchval("SELECT count(*) FROM dead_letters") == 0

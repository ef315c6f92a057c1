"""Poison straight on a topic: kept with its reason and its bytes, and the events around it are applied."""

import base64
import json
from datetime import timedelta

import pytest

from qos_domain.acceptance import encode_cloudevent
from qos_processing import postgres_outbox
from qos_processing.dead_letters import DeadLetterLimit, Decided, TooManyDeadLetters
from qos_processing.decisions import DecisionFollower
from qos_processing.retention import Retention
from qos_runtime.dead_letters import DeadLetterDecision, State, encode_decision
from qos_runtime.errors import TopicsNotReady
from qos_runtime.kafka import admin_client, producer
from qos_runtime.settings import RuntimeSettings
from qos_runtime.topics import DEAD_LETTER_DECISIONS, create_topics
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


def decided(letter: int, state: State, *, at: str = "2025-05-20 12:00", reason: str | None = None) -> Decided:
    """About a letter of applications-0."""
    decision = DeadLetterDecision(
        id=f"applications-0-{letter}",
        topic="applications",
        partition=0,
        offset=letter,
        state=state,
        by="saito",
        reason=reason,
        field=reason and "data.channel",
        rule=reason and "a channel",
    )
    return Decided(decision, tokyo(at))


async def test_settled_letters_do_not_count_towards_the_limit_and_keep_their_place(database_url: str) -> None:
    """Their records stay refused where they stand; but somebody has seen them."""
    limit = DeadLetterLimit(share=0.5, window=10)
    async with processing(database_url, partitions=1, dead_letter_limit=limit) as p:
        for _ in range(5):
            p.log.append_raw("applications", KEY, b"{", AT)
        await p.catch_up()
        for _ in range(2):
            p.log.append_raw("applications", KEY, b"{", AT)
        (batch,) = p.log.new()
        advice = "qos dead-letters list --position applications-0`.* redrive` or `discard`"
        with pytest.raises(TooManyDeadLetters, match=advice):
            await p.service.process(batch)
        async with p.pool.acquire() as connection:
            await postgres_outbox.settle_dead_letters(connection, [decided(0, "redriven"), decided(3, "open")])
            with pytest.raises(TooManyDeadLetters, match="6 of the last 10 records"):
                await p.another_service().process(batch)
            await postgres_outbox.settle_dead_letters(connection, [decided(1, "discarded")])
        await p.another_service().process(batch)
        states = await p.pool.fetch('SELECT state, decided_by FROM dead_letters ORDER BY "offset"')
        open_ones = [("open", None)]
        assert [tuple(row) for row in states] == [
            ("redriven", "saito"),
            ("discarded", "saito"),
            *open_ones,
            ("open", "saito"),
            *open_ones * 3,
        ]


async def test_what_was_decided_about_a_letter_that_comes_later_holds(database_url: str) -> None:
    """After the database was set back, decisions are read before the records that they are about."""
    async with processing(database_url, partitions=1, dead_letter_limit=DeadLetterLimit(share=0.5, window=10)) as p:
        for _ in range(7):
            p.log.append_raw("applications", KEY, b"{", AT)
        (batch,) = p.log.new()
        async with p.pool.acquire() as connection:
            for decision in (
                decided(2, "redriven", at="2025-05-20 12:01"),
                decided(2, "open"),
                decided(5, "discarded"),
            ):
                await postgres_outbox.settle_dead_letters(connection, [decision])
        await p.service.process(batch)
        states = await p.pool.fetch('SELECT state FROM dead_letters ORDER BY "offset"')
        assert [state for (state,) in states] == ["open", "open", "redriven", "open", "open", "discarded", "open"]
        assert await p.pool.fetchval("SELECT count(*) FROM early_decisions") == 0


async def test_decisions_are_followed_from_the_topic(runtime_settings: RuntimeSettings) -> None:
    """The last one about a letter counts, whatever was read before; what is no decision is passed over."""
    async with processing(runtime_settings.database_url, partitions=1) as p:
        for _ in range(3):
            p.log.append_raw("applications", KEY, b"{", AT)
        await p.catch_up()
        async with admin_client(runtime_settings) as admin:
            await create_topics(admin, runtime_settings)
        topic = runtime_settings.topic(DEAD_LETTER_DECISIONS)
        async with producer(runtime_settings, client_id="test") as sender:
            for each, _ in (
                decided(0, "open", reason="invalid_field"),
                decided(1, "discarded"),
                decided(1, "redriven"),
                decided(99, "discarded"),
            ):
                await sender.send_and_wait(topic, encode_decision(each), each.id.encode())
            await sender.send_and_wait(topic, b"{", b"poison")
        follower = DecisionFollower(p.transactions, runtime_settings)
        for _ in range(2):
            await follower.catch_up()
            letters = await p.pool.fetch('SELECT state, reason, field FROM dead_letters ORDER BY "offset"')
            assert [tuple(row) for row in letters] == [
                ("open", "invalid_field", "data.channel"),
                ("redriven", "malformed_json", "value"),
                ("open", "malformed_json", "value"),
            ]


async def test_a_worker_without_the_topic_of_decisions_is_told_so(runtime_settings: RuntimeSettings) -> None:
    async with processing(runtime_settings.database_url) as p:
        with pytest.raises(TopicsNotReady, match=runtime_settings.topic(DEAD_LETTER_DECISIONS)):
            await DecisionFollower(p.transactions, runtime_settings).catch_up()


async def test_dead_letters_are_forgotten_after_thirty_days(p: Processing) -> None:
    p.log.append_raw("applications", KEY, b"{", AT)
    await p.catch_up()
    retention = Retention(p.transactions, clock=p.clock)
    p.clock.at += timedelta(days=30)
    assert await retention.forget_dead_letters() == 0
    p.clock.at += timedelta(seconds=1)
    assert await retention.forget_dead_letters() == 1
    assert await p.pool.fetchval("SELECT count(*) FROM dead_letters") == 0

"""The outbox against a real broker: in order, all of it, and never by two publishers at once."""

import json
from collections.abc import AsyncIterator

import pytest
from aiokafka.errors import ProducerFenced

from qos_processing import postgres, postgres_outbox
from qos_processing.outbox import Publisher
from qos_processing.ports import Message
from qos_runtime.settings import RuntimeSettings
from support.builders import happened, registered, tokyo
from support.outbox_sent import everything_published, read, with_topics
from support.processing import Processing, processing

pytestmark = pytest.mark.real


@pytest.fixture
async def settings(runtime_settings: RuntimeSettings) -> RuntimeSettings:
    """With topics of two partitions."""
    return await with_topics(runtime_settings)


@pytest.fixture
async def p(settings: RuntimeSettings) -> AsyncIterator[Processing]:
    async with processing(settings.database_url, partitions=2) as made:
        yield made


def publisher(p: Processing, settings: RuntimeSettings, most_messages: int = 7) -> Publisher:
    return Publisher(p.transactions, settings, most_messages=most_messages, every_seconds=0.02)


async def put(p: Processing, partition: int, *event_ids: str) -> None:
    """Put messages for `sla-events` into the outbox, in one transaction."""

    async def work(connection: object, _doubtful: bool) -> None:
        state, _ = await postgres.lock_at(connection, partition, ["applications"])
        messages = [Message("sla-events", b"key", name, name.encode()) for name in event_ids]
        await postgres_outbox.append(connection, state, messages, p.clock.now())

    await p.transactions.run(work)


async def test_everything_arrives_in_its_order(p: Processing, settings: RuntimeSettings) -> None:
    for number in range(20):
        await put(p, number % 2, *(f"{number % 2}-{number:02}-{n}" for n in range(3)))
    await everything_published(p, publisher(p, settings))
    records = await read(settings, "sla-events")
    assert len(records) == 60
    for partition in (0, 1):
        values = [record.value.decode() for record in records if record.partition == partition]
        assert values == sorted(values)
        assert {value[0] for value in values} == {str(partition)}
    assert {record.key for record in records} == {b"key"}
    assert dict(records[0].headers) == {"content-type": b"application/cloudevents+json"}


async def test_what_was_sent_and_not_taken_out_is_sent_again_with_its_id(
    p: Processing, settings: RuntimeSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The publisher dies between the broker's acknowledgement and the removal."""
    await put(p, 0, "a", "b")

    class Died(Exception):
        pass

    async def dies(*_: object) -> None:
        raise Died

    monkeypatch.setattr(postgres_outbox, "remove", dies)
    with pytest.raises(Died):
        await publisher(p, settings).run()
    monkeypatch.undo()
    await put(p, 0, "c")
    await everything_published(p, publisher(p, settings))
    assert [record.value for record in await read(settings, "sla-events")] == [b"a", b"b", b"a", b"b", b"c"]


async def test_a_former_publisher_is_fenced(p: Processing, settings: RuntimeSettings) -> None:
    first, second = publisher(p, settings), publisher(p, settings)
    zombie, producer = first.producer(), second.producer()
    await zombie.start()
    try:
        await put(p, 0, "by the first")
        assert await first.publish(zombie) == 1
        await producer.start()
        await put(p, 0, "by the second")
        with pytest.raises(ProducerFenced):
            await first.publish(zombie)
        assert await second.publish(producer) == 1
    finally:
        await zombie.stop()
        await producer.stop()
    assert [record.value for record in await read(settings, "sla-events")] == [b"by the first", b"by the second"]


async def test_a_transaction_that_is_rolled_back_sends_nothing(p: Processing, settings: RuntimeSettings) -> None:
    class Failed(Exception):
        pass

    async def work(connection: object, _doubtful: bool) -> None:
        state, _ = await postgres.lock_at(connection, 0, ["applications"])
        await postgres_outbox.append(connection, state, [Message("sla-events", b"k", "no", b"no")], p.clock.now())
        raise Failed

    with pytest.raises(Failed):
        await p.transactions.run(work)
    await put(p, 0, "yes")
    await everything_published(p, publisher(p, settings))
    assert [record.value for record in await read(settings, "sla-events")] == [b"yes"]


async def test_a_megabyte_of_garbage_goes_to_the_dead_letters(p: Processing, settings: RuntimeSettings) -> None:
    await p.receive(registered())
    p.log.append_raw("applications", b"\x00" * 520_000, b"\xff" * 520_000, tokyo("2025-05-02"), partition=1)
    await p.receive(happened("application.submitted", "2025-05-02", channel="online"))
    await everything_published(p, publisher(p, settings))
    (record,) = await read(settings, "dead-letters")
    assert json.loads(record.value)["reason"] == "too_large"
    assert record.partition == 1

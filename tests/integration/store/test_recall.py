"""What readers were told stands in the topics: a database that knows less learns it there, and says nothing twice."""

import json
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta

import pytest
from prometheus_client import CollectorRegistry

from qos_processing import postgres_outbox
from qos_processing.outbox import Publisher
from qos_processing.recall import Recall
from qos_runtime.database_clock import DatabaseClock
from qos_runtime.settings import RuntimeSettings
from qos_runtime.topics import QOS_LEVELS, SLA_EVENTS
from support.builders import happened, registered
from support.outbox_sent import everything_published, read, with_topics
from support.processing import Processing, SetClock, processing

pytestmark = pytest.mark.real


@pytest.fixture
async def settings(runtime_settings: RuntimeSettings) -> RuntimeSettings:
    """With topics of two partitions."""
    return await with_topics(runtime_settings)


@pytest.fixture
async def p(settings: RuntimeSettings) -> AsyncIterator[Processing]:
    async with processing(settings.database_url, partitions=2) as made:
        yield made


def recall(p: Processing, settings: RuntimeSettings) -> Recall:
    return Recall(p.transactions, settings, calendar=p.calendar, outgoing=p.outgoing)


async def test_a_publisher_that_was_cut_off_doubles_nothing(
    p: Processing, settings: RuntimeSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Between the broker's acknowledgement and its note of it."""
    await p.receive(registered(), happened("application.submitted", "2025-05-02", channel="online"))
    await p.assessor.assess_touched()
    assert await p.sweep.sweep() == 1

    class Died(Exception):
        pass

    async def dies(*_: object) -> None:
        raise Died

    monkeypatch.setattr(postgres_outbox, "remove", dies)
    with pytest.raises(Died):
        await Publisher(p.transactions, settings).run()
    monkeypatch.undo()
    await p.receive(happened("notification.sent", "2025-05-19", channel="mail"))
    assert await p.sweep.sweep() == 1
    await everything_published(p, Publisher(p.transactions, settings, recall=recall(p, settings).take_in))
    events = [json.loads(record.value) for record in await read(settings, SLA_EVENTS)]
    assert [event["id"] for event in events] == [f"sla:road-occupation:A-1:{number}" for number in (1, 2)]
    assert len(await read(settings, QOS_LEVELS)) == 1
    assert await recall(p, settings).take_in() == 0


async def test_a_database_that_knows_nothing_learns_what_was_said(p: Processing, settings: RuntimeSettings) -> None:
    await p.receive(
        registered(),
        happened("application.submitted", "2025-05-02", channel="online"),
        happened("application.submitted", "2025-05-02", application="A-2", channel="online"),
    )
    await p.assessor.assess_touched()
    assert await p.sweep.sweep() == 2
    taken_back = happened("notification.sent", "2025-05-07", application="A-2", channel="mail")
    await p.receive(taken_back)
    assert await p.sweep.sweep() == 1
    await everything_published(p, Publisher(p.transactions, settings))
    (before,) = await p.pool.fetch("SELECT revision, digest FROM levels")

    await p.forget_everything()
    assert await recall(p, settings).take_in() == 4
    assert await recall(p, settings).take_in() == 0
    told = await p.pool.fetch("SELECT application_id, announced, announcements FROM cases ORDER BY 1")
    assert list(map(tuple, told)) == [("A-1", "breached", 1), ("A-2", "retracted", 2)]
    assert await p.pool.fetchval("SELECT sum(breaches) FROM retracted_breaches") == 1
    assert tuple((await p.pool.fetch("SELECT revision, digest FROM levels"))[0]) == tuple(before)
    assert await p.pool.fetchval("SELECT count(*) FROM touched_procedures") == 1


async def test_a_message_is_taken_out_by_its_id_too(p: Processing) -> None:
    """In a database that was set back while it was sent, its number is another one's."""
    await p.receive(registered(), happened("application.submitted", "2025-05-02", channel="online"))
    assert await p.sweep.sweep() == 1
    (item,) = await p.transactions.run(lambda connection, _: postgres_outbox.pending(connection, 10, 10_000))
    await p.pool.execute("UPDATE outbox SET event_id = 'another'")
    await p.transactions.run(lambda connection, _: postgres_outbox.remove(connection, [item]))
    assert await p.pool.fetchval("SELECT count(*) FROM outbox") == 1


async def test_the_time_is_the_databases(p: Processing) -> None:
    registry = CollectorRegistry()
    own = SetClock(datetime.now(UTC) + timedelta(hours=1))
    clock = DatabaseClock(p.pool, registry=registry, own=own)
    await clock.read()
    assert await p.pool.fetchval("SELECT clock_timestamp() - $1 BETWEEN '0' AND '1 minute'", clock.now())
    assert 3500 < (registry.get_sample_value("qos_clock_skew_seconds") or 0) < 3700

"""A database that was lost whole is what it was, and nobody is told anything twice."""

from typing import Any

import pytest
from aiokafka import TopicPartition
from aiokafka.admin import RecordsToDelete

from qos_domain import criteria
from qos_domain.events import Event
from qos_domain.periods import Month
from qos_domain.procedures import DeclaredAttributes
from qos_processing.publish.publishing import Publishing, Rules
from qos_processing.topic_ids import TopicIdentity
from qos_processing.verify.verification import Scope
from qos_runtime.kafka import admin_client, producer
from qos_runtime.topics import SLA_EVENTS
from support.builders import happened, registered, tokyo
from support.ground import Ground
from support.lost import results
from support.processing import replayed, scope_sums
from support.verifying import verifier

from .conftest import Loss, rows

pytestmark = pytest.mark.real

PERMITS = [f"permit-{n}" for n in range(4)]


def story() -> list[Event]:
    """Of each permit: a breach, a result in time, one that came late; one procedure of nobody; a breach taken back."""
    events = [registered(), *(registered(procedure=permit, organisation=f"bureau-{permit}") for permit in PERMITS)]
    events.append(happened("application.submitted", "2025-05-02", procedure="nobody", channel="online"))
    for permit in PERMITS:
        events += [
            happened("application.submitted", "2025-05-02", procedure=permit, id=f"{permit}-1", channel="online"),
            happened("application.submitted", "2025-05-08", procedure=permit, application="A-2", channel="counter"),
            happened("notification.sent", "2025-05-12", procedure=permit, application="A-2", channel="electronic"),
            happened("application.submitted", "2025-05-01", procedure=permit, application="A-3", channel="online"),
            happened("notification.sent", "2025-05-19", procedure=permit, application="A-3", channel="electronic"),
        ]
    return events


def kinds(sent: list[dict[str, Any]]) -> list[tuple[str, str]]:
    return [(event["id"], event["type"].rsplit(".", 2)[-2]) for event in sent]


async def test_everything_is_what_it_was_and_nothing_is_told_again(loss: Loss) -> None:
    ground, events = loss.ground, story()
    p = ground.p
    await ground.receive(*events)
    assert await p.sweep.sweep() > 8
    # The result of permit-0 had come in time, and was told late.
    late = happened("notification.sent", "2025-05-07", procedure="permit-0", channel="electronic")
    await ground.receive(late)
    assert await p.sweep.sweep() == 1
    p.clock.at = tokyo("2025-05-21 00:05")
    await p.assessor.assess_days()
    await p.assessor.assess_touched()
    await ground.publish()
    before = await results(p.pool)
    assert before["retracted"]

    recovered = await loss.recover()

    assert (recovered.records, recovered.presumed) == (len(events) + 1, 0)
    assert recovered.settled_levels == recovered.assessed == 5
    async with loss.going_on() as after:
        assert await results(after.p.pool) == before
        replay = replayed([*events, late], p.calendar)
        assert await after.live.buckets() == replay.buckets()
        assert await after.p.scope_buckets() == scope_sums(replay.buckets())
        assert await after.p.sweep.sweep() == 0
        assert await after.p.assessor.assess_touched() == 5
        assert await after.p.assessor.assess_days() == 5
        assert await after.p.sent("qos-levels") == await after.p.sent("sla-events") == []
        assert (await verifier(loss.empty)(Scope(log=True))).clean
        assert [status for _, status in await after.live.generations()] == ["live"]

        # Life goes on: each topic is the one that was read, the next announcement has the next number.
        result = happened("notification.sent", "2025-05-20", procedure="permit-1", channel="electronic")
        await after.receive(result)
        assert await after.p.sweep.sweep() == 1
        assert kinds(await after.p.sent("sla-events")) == [("sla:permit-1:A-1:2", "recovered")]


async def test_what_was_not_sent_yet_is_told_with_the_ids_that_it_had(loss: Loss) -> None:
    ground, p = loss.ground, loss.ground.p
    await ground.receive(*story())
    p.clock.at = tokyo("2025-05-10")
    await p.sweep.sweep()
    await ground.publish()
    p.clock.at = tokyo("2025-05-20")
    assert await p.sweep.sweep() > 0
    await p.assessor.assess_touched()
    lost, levels = await p.sent("sla-events"), await p.sent("qos-levels")
    assert lost
    assert levels

    await loss.recover()

    async with loss.going_on() as after:
        await after.p.sweep.sweep()
        await after.p.assessor.assess_touched()
        told = await after.p.sent("sla-events")
        assert sorted(kinds(told)) == sorted(kinds(lost))
        assert {event["data"]["procedure_id"] for event in await after.p.sent("qos-levels")} == {
            event["data"]["procedure_id"] for event in levels
        }
        await after.publish()


async def forget(ground: Ground, topic: str) -> None:
    """What a topic does with its oldest records when their time is over."""
    async with admin_client(ground.settings) as admin:
        name = ground.settings.topic(topic)
        await admin.delete_records({TopicPartition(name, n): RecordsToDelete(-1) for n in range(2)})


async def test_what_the_topic_has_forgotten_is_presumed(loss: Loss) -> None:
    """Two months later: the breaches of May are no news, and what is said next has an id that no message ever had."""
    ground, p = loss.ground, loss.ground.p
    await ground.receive(*story())
    assert await p.sweep.sweep() > 8
    await p.assessor.assess_touched()
    said = await ground.live.announced()
    await ground.publish()
    await forget(ground, SLA_EVENTS)
    (now,) = await rows(ground.settings, "SELECT now() + interval '60 days'")
    p.clock.at = now[0]

    recovered = await loss.recover()

    assert recovered.announced == 0
    async with loss.going_on() as after:
        known = await after.live.announced()
        assert {key: what for key, (what, _) in known.items() if what} == {key: what for key, (what, _) in said.items()}
        assert await after.p.sweep.sweep() == 0
        result = happened("notification.sent", "2025-05-20", procedure="permit-1", channel="electronic")
        await after.receive(result)
        assert await after.p.sweep.sweep() == 1
        ((name, kind),) = kinds(await after.p.sent("sla-events"))
        number = int(name.rpartition(":")[2])
        assert (kind, number) == ("recovered", int(p.clock.at.timestamp() // 60) + 1)


async def test_what_came_after_the_topic_began_to_forget_is_told_anew(loss: Loss) -> None:
    """Nothing could have been said of cases that the log did not have yet, so it is said now, with its first number."""
    ground, p = loss.ground, loss.ground.p
    await ground.receive(*story())
    await p.sweep.sweep()
    await ground.publish()
    await forget(ground, SLA_EVENTS)
    (now,) = await rows(ground.settings, "SELECT now() + interval '1 day'")
    p.clock.at = now[0]

    await loss.recover()

    async with loss.going_on() as after:
        assert await after.live.announced() == {}
        assert await after.p.sweep.sweep() > 8
        assert {event["data"]["backfill"] for event in await after.p.sent("sla-events")} == {True}


def submissions(day: str, *, paper: int) -> list[Event]:
    attachments = {"digital": 1, "paper": paper}
    return [
        happened("application.submitted", day, application=f"{day}-{n}", channel="online", attachments=attachments)
        for n in range(12)
    ]


async def test_a_level_that_is_about_to_change_goes_on_counting_its_days(loss: Loss) -> None:
    """The paper of 21 May shows from that day on: on the 27th, the seventh day in a row, the level changes."""
    declared = DeclaredAttributes(status_visible=True, attachments_as_data=True, smartphone_ready=True)

    async def assessed(ground: Ground, *days: int) -> list[tuple[str, str]]:
        for day in days:
            ground.p.clock.at = tokyo(f"2025-05-{day + 1} 00:01")
            await ground.p.assessor.assess_touched()
            await ground.p.assessor.assess_days()
        told = kinds(await ground.p.sent("sla-events"))
        await ground.publish()
        return told

    await loss.ground.receive(registered(attributes=declared), *submissions("2025-05-19", paper=0))
    assert await assessed(loss.ground, 20) == []
    await loss.ground.receive(*submissions("2025-05-21", paper=1))
    assert await assessed(loss.ground, 21, 22, 23, 24) == []
    before = await rows(loss.ground.settings, "SELECT revision, settled::text FROM levels")

    await loss.recover()

    assert await rows(loss.empty, "SELECT revision, settled::text FROM levels") == before
    async with loss.going_on() as after:
        assert await assessed(after, 24, 25, 26) == []
        assert await assessed(after, 27) == [("level-changed:road-occupation:2025-05-27", "changed")]


async def test_dead_letters_are_kept_and_settled_as_before(loss: Loss) -> None:
    ground, p = loss.ground, loss.ground.p
    await ground.receive(*story())
    sender = producer(ground.settings, client_id="somebody")
    await sender.start()
    try:
        for n in range(3):
            value = f"poison {n}".encode()
            where = await sender.send_and_wait(
                ground.settings.topic("applications"), value, key=b"permit-1", headers=[("via", b"x")]
            )
            at = tokyo("2025-05-20")
            p.log.append_raw(
                "applications", b"permit-1", value, at, partition=where.partition, headers=(("via", b"x"),)
            )
            await p.catch_up()
            if n == 1:
                await ground.publish()
    finally:
        await sender.stop()
    await p.pool.execute("DELETE FROM outbox")
    recovered = await loss.recover()
    assert (recovered.dead_letters, recovered.unpublished, recovered.refused) == (3, 1, 3)
    columns = 'topic, partition, "offset", reason, field, rule, key, value, headers::text, state'
    statement = f"SELECT {columns} FROM dead_letters ORDER BY 1, 2, 3"  # noqa: S608
    assert await rows(loss.empty, statement) == await rows(ground.settings, statement)
    async with loss.going_on() as after:
        sent = await after.p.sent("dead-letters")
        assert [letter["id"] for letter in sent] == [f"applications-{where.partition}-{where.offset}"]


async def test_publications_come_back_whole_or_are_made_again(loss: Loss) -> None:
    """That of April reached the topic; of May one statement was still in the outbox."""
    ground, p = loss.ground, loss.ground.p
    rules = Rules(calendar=p.calendar, criteria=criteria.load())

    async def publish(where: Ground, month: str) -> bool:
        published = await Publishing(where.settings, rules, where.p.clock, lambda *_: None).run(Month.named(month))
        return published.new

    await ground.receive(registered(), happened("application.submitted", "2025-04-01", channel="online"))
    await TopicIdentity(p.pool, ground.settings).verify()
    await p.totals.take_in()
    assert await publish(ground, "2025-04")
    await ground.publish()
    before = await results(p.pool)
    p.clock.at = (await rows(ground.settings, "SELECT now()"))[0][0]
    assert await publish(ground, "2025-05")
    deleted = await p.pool.execute("DELETE FROM outbox WHERE event_id LIKE 'publication:2025-05%:procedure:%'")
    assert deleted == "DELETE 1"
    await ground.publish()

    recovered = await loss.recover()

    assert (recovered.publications, recovered.incomplete) == (1, 1)
    async with loss.going_on() as after:
        found = await results(after.p.pool)
        assert (found["publications"], found["statements"]) == (before["publications"], before["statements"])
        await after.p.totals.take_in()
        assert not await publish(after, "2025-04")
        assert await publish(after, "2025-05")

"""What the log lacks goes back into it, whatever it is, and workers go on where log and results agree."""

from dataclasses import dataclass

import pytest

from qos_domain.acceptance import encode_cloudevent
from qos_domain.events import INPUT_TOPICS, Event
from qos_processing.log_shares import reading
from qos_processing.ports import Batch, Record
from qos_processing.restore_log.findings import Finding
from qos_processing.restore_log.report import as_text
from qos_processing.restore_log.restoring import Request, UnknownPosition, position_of, restore
from qos_processing.verify.verification import Scope
from qos_runtime.clock import SystemClock
from qos_runtime.kafka import partition_of, producer
from support.builders import happened, registered
from support.ground import PARTITIONS, Ground
from support.live_results import append
from support.log import RULES
from support.processing import replayed
from support.verifying import verifier

pytestmark = pytest.mark.real

PLACE = partition_of(b"road-occupation", PARTITIONS)


def opened(application: str) -> Event:
    return happened("application.submitted", "2025-05-02", application=application, id=application, channel="online")


async def restored(ground: Ground, request: Request = Request(at_once=4)) -> dict[str, Finding]:  # noqa: B008 - frozen
    """What was found, by place; each in several passes over the log."""
    found = await restore(ground.settings, request, clock=SystemClock())
    return {f"{finding.topic}-{finding.partition}": finding for finding in found}


async def both(ground: Ground, *events: Event) -> None:
    """The log gets them, and the results, too."""
    await append(ground.settings, events)
    await work_off(ground)


async def lose(ground: Ground, *events: Event, unusable: bytes | None = None) -> None:
    """The results get them, and the log has lost them: as they were processed before its tail was cut off."""
    appended_ms = int(ground.p.clock.at.timestamp() * 1000)
    records = [(event.topic, event.data.procedure_id.encode(), encode_cloudevent(event, RULES)) for event in events]
    if unusable is not None:
        records.append(("applications", b"road-occupation", unusable))
    for topic, key, value in records:
        partition = partition_of(key, PARTITIONS)
        offset = await ground.p.service.start_offset(topic, partition)
        record = Record(key, value, (), offset, appended_ms)
        await ground.p.service.process(Batch(topic, partition, offset, offset + 1, [record]))
    await ground.p.rejudging.rejudge_all()


async def work_off(ground: Ground) -> None:
    """As a worker does: read the log from the stored offsets on."""
    async with reading(ground.settings, client_id="test") as log:
        ends = await log.ends()
        for partition in range(PARTITIONS):
            stored = {topic: (await ground.p.service.start_offset(topic, partition)) for topic in INPUT_TOPICS}
            until = {topic: ends[topic, partition] for topic in INPUT_TOPICS}
            async for batch in log.batches(partition, stored, until):
                await ground.p.service.process(batch)
    await ground.p.rejudging.rejudge_all()


@dataclass
class Story:
    kept: list[Event]
    lost: list[Event]


def story() -> Story:
    """Of every topic something is lost: a registration, a correction, feedback to no application, a repetition."""
    kept = [registered(), opened("A-1"), opened("A-2")]
    lost = [
        registered("2025-05-01", organisation="roads", at="2025-04-20"),
        registered(procedure="water-supply", organisation="waterworks"),
        opened("A-3"),
        opened("A-1"),
        happened("application.submitted", "2025-05-01", application="A-2", corrects="A-2", channel="counter"),
        happened("review.suspended", "2025-05-08", suspension_id="S-1", reason="correction"),
        happened("notification.sent", "2025-05-09", application="A-2", channel="electronic"),
        happened("feedback.submitted", "2025-05-13", application=None, rating=4, channel="online"),
        happened("application.submitted", "2025-05-03", procedure="water-supply", channel="online"),
    ]
    return Story(kept, lost)


async def test_all_that_the_results_know_goes_back(ground: Ground) -> None:
    told = story()
    await both(ground, *told.kept)
    await lose(ground, *told.lost)
    before = await ground.p.buckets()
    dry = await restored(ground, Request(dry_run=True))
    found = await restored(ground)
    assert {place: finding.events for place, finding in dry.items()} == {
        place: finding.events for place, finding in found.items()
    }
    assert "Nothing was changed" in as_text(list(dry.values()), dry_run=True)
    assert f"applications-{PLACE}" in found
    lost = {(event.source, event.id) for event in told.lost} - {("urn:joint", "A-1")}
    assert {(event.source, event.id) for finding in found.values() for event in finding.events} == lost
    assert found[f"applications-{PLACE}"].repeats == 1
    await work_off(ground)
    assert await ground.p.buckets() == before == replayed([*told.kept, *told.lost], ground.p.calendar).buckets()
    assert (await verifier(ground.settings)(Scope(log=True))).clean
    assert await restored(ground) == {}
    whole = await restored(ground, Request(everything=True))
    assert len(whole) == len(INPUT_TOPICS) * PARTITIONS
    assert all(finding.whole for finding in whole.values())


async def test_new_records_stand_where_lost_ones_stood(ground: Ground) -> None:
    """More of them than were lost: no offset tells. They were skipped, and count now."""
    await both(ground, registered(), opened("A-1"))
    lost, new = [opened("A-2"), opened("A-3")], [opened(f"B-{n}") for n in range(5)]
    await lose(ground, *lost)
    await append(ground.settings, new)
    found = await restored(ground)
    assert list(found) == [f"applications-{PLACE}"]
    assert (found[f"applications-{PLACE}"].go_on_at, found[f"applications-{PLACE}"].lost) == (1, 2)
    assert found[f"applications-{PLACE}"].unknown_since is not None
    await work_off(ground)
    assert {key[1] for key in await ground.live.cases()} == {event.id for event in (opened("A-1"), *lost, *new)}
    assert (await verifier(ground.settings)(Scope(log=True))).clean


async def test_a_content_that_nobody_knows_any_more_is_told(ground: Ground) -> None:
    """Of an event that came with two contents results keep one. If the log keeps the other, both are there again."""
    await both(ground, registered(), opened("A-1"), opened("A-2"))
    earlier = [
        happened("application.submitted", "2025-05-01", application=name, id=name, channel="mail")
        for name in ("A-1", "A-3")
    ]
    await lose(ground, *earlier, opened("A-3"))
    finding = (await restored(ground))[f"applications-{PLACE}"]
    assert [event.id for event in finding.events] == ["A-1", "A-3"]
    assert finding.conflicts == 1
    assert "1 events came with two contents" in finding.told()
    await work_off(ground)
    result = await verifier(ground.settings)(Scope(log=True))
    assert [mismatch.place["application_id"] for mismatch in result.mismatches] == ["A-3"]


async def test_dead_letters_stay_and_a_new_one_may_have_the_place_of_a_lost_one(ground: Ground) -> None:
    await both(ground, registered())
    await lose(ground, unusable=b"lost")
    await ground.p.pool.execute("UPDATE dead_letters SET state = 'discarded'")
    await append_raw(ground, b"new")
    finding = (await restored(ground, Request([("applications", PLACE)])))[f"applications-{PLACE}"]
    assert (finding.go_on_at, finding.lost, finding.refused, finding.repeats) == (0, 1, 1, 0)
    assert "1 records were refused when they came" in finding.told()
    await work_off(ground)
    rows = await ground.p.pool.fetch('SELECT "offset", value, state, appended_at FROM dead_letters')
    assert [tuple(row)[:3] for row in rows] == [(0, b"new", "open")]
    assert rows[0]["appended_at"] > ground.p.clock.at
    sent = await ground.p.sent("dead-letters")
    assert [letter["offset"] for letter in sent] == [0, 0]
    assert await restored(ground) == {}


async def append_raw(ground: Ground, value: bytes) -> None:
    sender = producer(ground.settings, client_id="test")
    await sender.start()
    try:
        await sender.send_and_wait(
            ground.settings.topic("applications"), value, key=b"road-occupation", partition=PLACE
        )
    finally:
        await sender.stop()


def test_what_is_no_partition_is_named(ground: Ground) -> None:
    assert position_of("applications-1", ground.settings) == ("applications", 1)
    assert position_of(f"{ground.settings.topic_prefix}reviews-0", ground.settings) == ("reviews", 0)
    for text in ("applications", "applications-2", "sla-events-0", "applications-x"):
        with pytest.raises(UnknownPosition, match="not topic-partition"):
            position_of(text, ground.settings)

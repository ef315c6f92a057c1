"""One batch, one transaction: applied once whatever is delivered twice, and nothing written when it doesn't fit."""

import asyncio

import pytest

from qos_processing.made_with import OtherLogic
from qos_processing.ports import Batch, OffsetMismatch
from support.builders import happened, registered, tokyo
from support.processing import Processing, replayed

pytestmark = pytest.mark.real

STORY = [
    registered(),
    happened("application.started", "2025-05-02 23:30", channel="online"),
    happened("application.submitted", "2025-05-02 23:50", channel="online", device="smartphone"),
    happened("review.started", "2025-05-07"),
    happened("review.decided", "2025-05-13 10:00", outcome="approved"),
    happened("notification.sent", "2025-05-13 17:00", channel="electronic"),
    happened("feedback.submitted", "2025-05-14", rating=5, channel="online"),
]


async def test_a_case_from_its_form_to_its_result(p: Processing) -> None:
    await p.receive(*STORY)
    assert await p.buckets() == replayed(STORY, p.calendar).buckets()
    case = await p.case()
    assert (case["status"], case["result"]) == ("stopped", "met")
    assert str(case["due_date"]) == "2025-05-13"
    assert str(case["breach_date"]) == "2025-05-14"
    assert case["next_announcement_at"] is None


async def test_a_batch_delivered_again_changes_nothing(p: Processing) -> None:
    await p.receive(*STORY)
    before = await p.everything()
    partition = (await p.case())["partition"]
    for topic in ("procedures", "applications", "reviews", "notifications", "feedback"):
        with pytest.raises(OffsetMismatch) as mismatch:
            await p.service.process(p.log.batch(topic, partition))
        assert mismatch.value.fetched_from == 0
        assert mismatch.value.stored == p.log.batch(topic, partition).next_offset
    assert await p.everything() == before


async def test_a_gap_before_the_batch_changes_nothing(p: Processing) -> None:
    p.log.append(*STORY)
    (batch,) = (batch for batch in p.log.new() if batch.topic == "applications")
    before = await p.everything()
    with pytest.raises(OffsetMismatch) as mismatch:
        await p.service.process(p.log.batch(batch.topic, batch.partition, 1))
    assert (mismatch.value.fetched_from, mismatch.value.stored) == (1, 0)
    assert {table: rows for table, rows in (await p.everything()).items() if rows != before[table]} == {}


async def test_a_batch_that_reaches_past_the_stored_offset_is_trimmed(p: Processing) -> None:
    p.log.append(*STORY)
    batches = {batch.topic: batch for batch in p.log.new()}
    partition = batches["applications"].partition
    await p.service.process(batches["procedures"])
    await p.service.process(p.log.batch("applications", partition, 0, 1))
    await p.service.process(batches["applications"])
    assert await p.service.start_offset("applications", partition) == 2
    assert await p.buckets() == replayed(STORY[:3], p.calendar).buckets()


async def test_offsets_with_holes_are_followed(p: Processing) -> None:
    """Transactions and compaction leave offsets without a record: a batch may even have none at all."""
    p.log.append(*STORY[:3])
    for batch in p.log.new():
        holes = Batch(batch.topic, batch.partition, 0, batch.next_offset + 7, batch.records)
        await p.service.process(holes)
        await p.service.process(Batch(batch.topic, batch.partition, holes.next_offset, holes.next_offset + 2, ()))
        assert await p.service.start_offset(batch.topic, batch.partition) == holes.next_offset + 2
    assert await p.buckets() == replayed(STORY[:3], p.calendar).buckets()


async def test_two_workers_with_the_same_batch(p: Processing) -> None:
    p.log.append(*STORY)
    services = [p.another_service() for _ in range(4)]
    for batch in p.log.new():
        outcomes = await asyncio.gather(*(s.process(batch) for s in services), return_exceptions=True)
        assert [type(outcome) for outcome in outcomes if outcome is not None] == [OffsetMismatch] * 3
    assert await p.buckets() == replayed(STORY, p.calendar).buckets()


async def test_two_workers_on_two_topics_of_one_partition_number(p: Processing) -> None:
    """reviews-1 and applications-1 write the same cases: whoever has them must take turns."""
    story = [registered()]
    for number in range(60):
        application = f"A-{number}"
        story.append(happened("application.submitted", "2025-05-07", application=application, channel="online"))
        story.append(happened("review.started", "2025-05-08", application=application))
        story.append(happened("notification.sent", "2025-05-12", application=application, channel="mail"))
    p.log.append(*story)
    topics: dict[str, list[Batch]] = {}
    for batch in p.log.new(most=5):
        topics.setdefault(batch.topic, []).append(batch)

    async def work(batches: list[Batch]) -> None:
        service = p.another_service()
        for batch in batches:
            await service.process(batch)

    await asyncio.gather(*map(work, topics.values()))
    await p.rejudging.rejudge_all()
    assert await p.buckets() == replayed(story, p.calendar).buckets()


async def test_the_topics_of_a_partition_number_together(p: Processing) -> None:
    p.log.append(*STORY)
    await p.service.process(*p.log.new())
    assert await p.buckets() == replayed(STORY, p.calendar).buckets()
    assert await p.pool.fetchval("SELECT max(revision) FROM partition_state") == 1
    assert await p.pool.fetchval("SELECT sum(next_offset) FROM partition_offsets") == len(STORY)


async def test_of_batches_together_one_that_does_not_fit_keeps_all_back(p: Processing) -> None:
    p.log.append(*STORY)
    batches = list(p.log.new())
    (reviews,) = (batch for batch in batches if batch.topic == "reviews")
    await p.another_service().process(reviews)
    before = await p.everything()
    with pytest.raises(OffsetMismatch) as mismatch:
        await p.service.process(*batches)
    assert mismatch.value.topic == "reviews"
    assert await p.everything() == before
    await p.service.process(*(batch for batch in batches if batch is not reviews))
    await p.rejudging.rejudge_all()
    assert await p.buckets() == replayed(STORY, p.calendar).buckets()


async def test_known_events_change_nothing_but_the_offset(p: Processing) -> None:
    await p.receive(*STORY)
    case, buckets = await p.case(), await p.buckets()
    state = await p.pool.fetch("SELECT partition, revision, registry_revision FROM partition_state")
    await p.receive(*STORY)
    assert await p.case() == case
    assert await p.buckets() == buckets
    assert await p.pool.fetch("SELECT partition, revision, registry_revision FROM partition_state") == state
    assert p.outcomes("applications") == {"folded": 2, "repeated": 2, "dead_letter": 0}
    assert p.outcomes("procedures") == {"folded": 1, "repeated": 1, "dead_letter": 0}


async def test_the_same_id_with_other_content_is_a_conflict_and_counted(p: Processing) -> None:
    first = happened("application.submitted", "2025-05-07 10:00", id="same", channel="online")
    other = happened("application.submitted", "2025-05-07 09:00", id="same", channel="counter")
    await p.receive(registered(), first)
    await p.receive(other)
    expected = replayed([registered(), other, first], p.calendar).buckets()
    assert await p.buckets() == expected
    assert (await p.case())["channel"] == "counter"
    (procedure,) = expected.values()
    assert sum(count for row, count in procedure.items() if row.measure == "conflicts") == 1


async def test_when_it_was_read_and_how_far(p: Processing) -> None:
    await p.receive(STORY[2], at=tokyo("2025-05-03 00:01"))
    row = await p.pool.fetchrow("SELECT * FROM partition_offsets WHERE next_offset > 0")
    assert row is not None
    assert (row["topic"], row["next_offset"]) == ("applications", 1)
    assert row["last_appended_at"] == tokyo("2025-05-03 00:01")
    assert row["processed_at"] == p.clock.now()


async def test_other_logic_than_that_of_the_tables_stops_the_worker(p: Processing) -> None:
    await p.receive(STORY[0])
    await p.pool.execute("UPDATE partition_state SET logic_version = 0")
    p.log.append(STORY[2])
    before = await p.everything()
    (batch,) = p.log.new()
    with pytest.raises(OtherLogic):
        await p.service.process(batch)
    assert await p.everything() == before


async def test_a_worker_that_starts_is_told_where(p: Processing) -> None:
    assert await p.service.start_offset("reviews", 1) == 0
    assert p.service.owned == {1}
    p.service.forget([0, 1])
    assert p.service.owned == set()

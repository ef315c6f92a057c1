"""The registry is history: a procedure registered late, or a version dated back, judges just the cases it governs."""

from datetime import date, timedelta

import msgspec
import pytest

from qos_domain.events import Event
from qos_domain.procedures import Name, Period
from support.builders import happened, registered, tokyo
from support.processing import Processing, replayed

pytestmark = pytest.mark.real

TEN_DAYS = Period(unit="business_days", maximum=10)


def cases(count: int, arrival: str = "2025-05-02", prefix: str = "A") -> list[Event]:
    story = []
    for number in range(count):
        application = f"{prefix}-{number:02}"
        story.append(happened("application.submitted", arrival, application=application, channel="online"))
        story.append(happened("notification.sent", "2025-05-15", application=application, channel="electronic"))
    return story


async def test_cases_wait_for_their_procedure_and_count_once_it_is_registered(p: Processing) -> None:
    story = cases(8)
    await p.receive(*story)
    assert (await p.case("A-00"))["status"] == "unregistered"
    assert await p.buckets() == replayed(story, p.calendar).buckets()
    late = registered()
    await p.receive(late)
    assert (await p.case("A-07"))["status"] == "stopped"
    assert await p.buckets() == replayed([*story, late], p.calendar).buckets()
    assert await p.pool.fetchval("SELECT count(*) FROM rejudgements") == 0


async def test_a_version_dated_back_restates_the_cases_that_it_governs(p: Processing) -> None:
    story = [registered(), *cases(5), *cases(4, "2025-04-01", "B")]
    await p.receive(*story)
    before = (await p.case("A-00"))["breach_date"]
    longer = registered("2025-05-01", type="procedure.updated", at="2025-05-19", period=TEN_DAYS)
    p.log.append(longer)
    for batch in p.log.new():
        await p.service.process(batch)
    assert await p.pool.fetchval("SELECT from_date FROM rejudgements") == date(2025, 5, 1)
    assert await p.rejudging.rejudge_all() == 5
    assert (await p.case("A-00"))["breach_date"] > before
    assert await p.buckets() == replayed([*story, longer], p.calendar).buckets()


async def test_events_that_arrive_while_cases_are_judged_anew(p: Processing) -> None:
    """Whether a case is judged anew first, or meets a new event first, comes to the same."""
    story = [registered(), *cases(9)]
    await p.receive(*story)
    news = [
        registered("2025-04-01", type="procedure.updated", at="2025-05-19", period=TEN_DAYS),
        *[happened("review.started", "2025-05-09", application=f"A-{number:02}") for number in (0, 8)],
        happened("application.submitted", "2025-05-02", application="A-001", channel="counter"),
    ]
    p.log.append(*news)
    partition = (await p.case("A-00"))["partition"]
    batches = list(p.log.new())
    await p.service.process(batches[0])
    assert await p.rejudging.rejudge_chunk(partition) == 3
    for batch in batches[1:]:
        await p.service.process(batch)
    assert await p.rejudging.rejudge_all() == 6  # A-001 sorts among those already judged
    assert await p.buckets() == replayed([*story, *news], p.calendar).buckets()


async def test_a_second_change_begins_the_judging_anew(p: Processing) -> None:
    story = [registered(), *cases(9)]
    await p.receive(*story)
    partition = (await p.case("A-00"))["partition"]
    changes = [
        registered("2025-04-01", type="procedure.updated", at="2025-05-18", period=TEN_DAYS),
        registered("2025-04-01", type="procedure.updated", at="2025-05-19", period=None),
    ]
    for change in changes:
        p.log.append(change)
        for batch in p.log.new():
            await p.service.process(batch)
        await p.rejudging.rejudge_chunk(partition)
    await p.rejudging.rejudge_all()
    assert await p.buckets() == replayed([*story, *changes], p.calendar).buckets()


async def test_other_workers_see_a_new_version_at_once(p: Processing) -> None:
    """Nobody goes on with a cached registry: its revision is read under the same lock as the offset."""
    await p.receive(registered(), *cases(1))
    other = p.another_service()
    change = registered("2025-04-01", type="procedure.updated", at="2025-05-18", period=TEN_DAYS)
    p.log.append(change)
    for batch in p.log.new():
        await other.process(batch)
    p.log.append(happened("application.submitted", "2025-05-02", application="B-1", channel="online"))
    for batch in p.log.new():
        await p.service.process(batch)
    assert str((await p.case("B-1"))["due_date"]) == "2025-05-20"


async def test_a_catalogue_without_cases_queues_nothing(p: Processing) -> None:
    await p.receive(*[registered(procedure=f"P-{number}") for number in range(300)])
    assert await p.pool.fetchval("SELECT count(*) FROM rejudgements") == 0
    assert await p.pool.fetchval("SELECT count(*) FROM procedures") == 300


async def test_the_list_shows_the_version_in_force_and_when_the_next_one_is(p: Processing) -> None:
    await p.receive(
        registered("2024-04-01", organisation="construction"),
        registered("2025-06-01", organisation="ports", type="procedure.updated", at="2025-05-01", priority=True),
    )
    (row,) = await p.pool.fetch("SELECT * FROM procedures")
    assert (row["organisation_id"], row["effective_from"], row["next_effective_from"], row["priority"]) == (
        "construction",
        date(2024, 4, 1),
        date(2025, 6, 1),
        None,
    )
    p.clock.at = tokyo("2025-06-02")
    await p.receive(registered("2025-09-01", type="procedure.retired", at="2025-06-02"))
    (row,) = await p.pool.fetch("SELECT * FROM procedures")
    assert (row["organisation_id"], row["retired"], row["next_effective_from"]) == ("ports", False, date(2025, 9, 1))


async def test_a_version_that_was_corrected(p: Processing) -> None:
    wrong = registered(period=TEN_DAYS)
    story = [wrong, *cases(4)]
    await p.receive(*story)
    right = msgspec.structs.replace(registered(), corrects=wrong.id)
    await p.receive(right)
    assert str((await p.case("A-00"))["due_date"]) == "2025-05-13"
    assert await p.buckets() == replayed([*story, right], p.calendar).buckets()


async def row_versions(p: Processing) -> dict[tuple[str, str], str]:
    """Which transaction wrote each case."""
    rows = await p.pool.fetch("SELECT procedure_id, application_id, xmin::text FROM cases")
    return {(row[0], row[1]): row[2] for row in rows}


async def test_a_correction_writes_the_cases_that_it_concerns_and_no_other(p: Processing) -> None:
    """Not those that arrived before it, not those of other procedures, not those of which it changes nothing."""
    other = [happened("application.submitted", "2025-05-02", procedure="cemetery", channel="online")]
    early, late = cases(2, "2025-04-01", "B"), cases(5)
    paid = [
        happened("application.submitted", "2025-05-02", application="C-1", channel="online", due_date=date(2025, 5, 9))
    ]
    await p.receive(registered(), registered(procedure="cemetery"), *early, *late, *paid, *other)
    before = await row_versions(p)
    p.clock.at += timedelta(minutes=1)
    await p.receive(registered("2025-05-01", type="procedure.updated", at="2025-05-19", period=TEN_DAYS))
    after = await row_versions(p)
    # The due date that C-1 brought with it is what it was.
    assert {key for key, version in after.items() if before[key] != version} == {
        ("road-occupation", f"A-{number:02}") for number in range(5)
    }
    causes = await p.pool.fetch("SELECT procedure_id, cause FROM touched_procedures ORDER BY procedure_id")
    assert [tuple(row) for row in causes] == [("cemetery", None), ("road-occupation", "restatement")]


async def test_a_correction_of_what_does_not_matter_writes_no_case(p: Processing) -> None:
    """Another name, dated back: cases are judged anew, and nothing of them is written."""
    await p.receive(registered(), *cases(4), happened("application.submitted", "2025-05-14", channel="counter"))
    await p.sweep.sweep()
    await p.assessor.assess_touched()
    before, buckets = await row_versions(p), await p.buckets()
    named = Name(ja="道路占用許可", en="Permit to occupy a road")
    p.log.append(registered(type="procedure.updated", at="2025-05-19", name=named))
    for batch in p.log.new():
        await p.service.process(batch)
    assert await p.rejudging.rejudge_all() == 5
    assert await row_versions(p) == before
    assert await p.buckets() == buckets
    assert await p.pool.fetchval("SELECT count(*) FROM touched_procedures WHERE cause IS NOT NULL") == 0

"""What falls due is announced once, in the order of the story, and never before the log is read."""

import asyncio
from typing import Any

import pytest

from support.builders import happened, registered, tokyo
from support.processing import Processing

pytestmark = pytest.mark.real

# Five business days from 2 May, with Golden Week between: due on 13 May, breached on the 14th; from the 12th on one
# day is left, which is due soon.
ARRIVED = [registered(), happened("application.submitted", "2025-05-02 23:50", channel="online")]


async def swept(p: Processing, at: str) -> list[str]:
    """What a sweep at that time announces, by short type."""
    before = len(await p.sent("sla-events"))
    p.clock.at = tokyo(at)
    announced = await p.sweep.sweep()
    events = (await p.sent("sla-events"))[before:]
    assert len(events) == announced
    return [short(event) for event in events]


def short(event: dict[str, Any]) -> str:
    text: str = event["type"].removeprefix("jp.lg.tokyo.qos.sla.").removesuffix(".v1")
    return f"{text} (backfill)" if event["data"].get("backfill") else text


async def test_a_case_that_is_due_soon_breaches_and_recovers(p: Processing) -> None:
    await p.receive(*ARRIVED)
    assert await swept(p, "2025-05-11 23:59") == []
    assert await swept(p, "2025-05-12 00:00") == ["due_soon"]
    assert await swept(p, "2025-05-13 23:59") == []
    assert await swept(p, "2025-05-14 00:00") == ["breached"]
    assert await swept(p, "2025-05-15 09:00") == []
    await p.receive(happened("notification.sent", "2025-05-15 10:00", channel="electronic"))
    assert await swept(p, "2025-05-15 10:01") == ["recovered"]
    assert await swept(p, "2025-05-15 10:02") == []
    assert (await p.case())["next_announcement_at"] is None


async def test_an_announcement_says_what_is_needed(p: Processing) -> None:
    await p.receive(*ARRIVED)
    await swept(p, "2025-05-14 00:00")
    (event,) = await p.sent("sla-events")
    assert event == {
        "specversion": "1.0",
        "id": "sla:road-occupation:A-1:1",
        "source": "urn:procedure-qos:processing",
        "type": "jp.lg.tokyo.qos.sla.breached.v1",
        "time": "2025-05-14T00:00:00+09:00",
        "subject": "A-1",
        "datacontenttype": "application/json",
        "data": {
            "procedure_id": "road-occupation",
            "application_id": "A-1",
            "organisation_id": "construction",
            "channel": "online",
            "status": "open",
            "due_date": "2025-05-13",
            "breach_date": "2025-05-14",
        },
    }


async def test_a_result_that_arrives_late_takes_the_breach_back(p: Processing) -> None:
    await p.receive(*ARRIVED)
    assert await swept(p, "2025-05-14 08:00") == ["breached"]
    await p.receive(happened("notification.sent", "2025-05-13 16:00", channel="mail"), at=tokyo("2025-05-14 09:00"))
    assert await swept(p, "2025-05-14 09:01") == ["breach_retracted"]
    assert await swept(p, "2025-05-20 09:01") == []


async def test_an_old_log_is_announced_as_backfill(p: Processing) -> None:
    await p.receive(*ARRIVED, happened("notification.sent", "2025-05-16", channel="mail"))
    assert await swept(p, "2025-06-20 12:00") == ["breached (backfill)", "recovered (backfill)"]


async def test_a_correction_keeps_what_was_said(p: Processing) -> None:
    """A batch that changes a case doesn't forget what was announced of it."""
    await p.receive(*ARRIVED)
    assert await swept(p, "2025-05-14 08:00") == ["breached"]
    await p.receive(happened("review.started", "2025-05-14 08:30"))
    assert await swept(p, "2025-05-14 09:00") == []


async def test_a_restatement_is_announced_too(p: Processing) -> None:
    await p.receive(*ARRIVED)
    assert await swept(p, "2025-05-14 08:00") == ["breached"]
    await p.receive(registered("2025-05-01", type="procedure.updated", at="2025-05-14 08:30", period=None))
    assert await swept(p, "2025-05-14 09:00") == ["breach_retracted"]


async def test_a_suspended_case_falls_due_when_it_goes_on(p: Processing) -> None:
    await p.receive(*ARRIVED, happened("review.suspended", "2025-05-08 10:00", suspension_id="s1", reason="correction"))
    assert await swept(p, "2025-05-14 00:00") == []
    await p.receive(happened("review.resumed", "2025-05-14 10:00", suspension_id="s1"))
    later = [await swept(p, f"2025-05-{day:02} 00:00") for day in range(15, 23)]
    assert [one for one in later if one] == [["due_soon"], ["breached"]]


async def test_many_cases_in_chunks_by_two_sweeps_at_once(p: Processing) -> None:
    await p.receive(
        ARRIVED[0],
        *[
            happened("application.submitted", "2025-05-02", application=f"A-{number}", channel="online")
            for number in range(20)
        ],
    )
    p.clock.at = tokyo("2025-05-14")
    counts = await asyncio.gather(*(p.another_sweep().sweep() for _ in range(4)))
    assert sum(counts) == 20
    ids = [event["id"] for event in await p.sent("sla-events")]
    assert len(set(ids)) == 20
    assert await p.sweep.sweep() == 0


async def test_nothing_is_announced_while_a_backlog_waits(p: Processing) -> None:
    """What waits in the log may hold the result: the sweep is as of the instant up to which everything is read."""
    await p.receive(*ARRIVED)
    p.clock.at = tokyo("2025-05-14 09:00")
    sweep = p.another_sweep()
    known_until: dict[int, Any] = {}
    sweep._known_until = known_until.get
    assert await sweep.sweep() == 0
    partition = (await p.case())["partition"]
    known_until[partition] = tokyo("2025-05-13 23:59")
    await sweep.sweep()
    assert [short(event) for event in await p.sent("sla-events")] == ["due_soon"]
    known_until[partition] = tokyo("2025-05-14 08:59")
    await sweep.sweep()
    assert [short(event) for event in await p.sent("sla-events")] == ["due_soon", "breached"]

"""Results belong to the calendar that made them, and what was ever in force is kept and published."""

import json
from datetime import date

import pytest

from qos_domain import criteria
from qos_domain.calendar import Calendar
from qos_domain.rulebooks import OtherContent, of_calendar, of_criteria
from qos_processing import rulebooks
from qos_processing.made_with import ChangedCalendar, OtherCalendar
from qos_processing.ports import Batch
from qos_processing.rulebook_publication import RulebookPublication
from support.builders import happened, registered
from support.calendars import with_holiday
from support.processing import Processing

pytestmark = pytest.mark.real


async def test_the_first_results_say_which_calendar_they_are_of(p: Processing) -> None:
    made_with = "SELECT calendar, calendar_digest, time_zone FROM generations"
    assert [tuple(row) for row in await p.pool.fetch(made_with)] == [(None, None, None)]
    await p.receive(registered(), happened("application.submitted", "2025-05-02", channel="online"))
    assert [tuple(row) for row in await p.pool.fetch(made_with)] == [
        (p.calendar.version, p.calendar.digest, "Asia/Tokyo")
    ]


@pytest.mark.parametrize("part", ["batch", "sweep", "assessor", "rejudging"])
async def test_nothing_with_another_calendar_adds_to_them(p: Processing, part: str) -> None:
    """Neither another version, nor other days under the same name, nor another time zone."""
    await p.receive(registered(), happened("application.submitted", "2025-05-02", channel="online"))
    before = await p.everything()
    p.log.append(happened("notification.sent", "2025-05-13", channel="mail"))
    (batch,) = p.log.new()
    others = {
        OtherCalendar: (with_holiday("2025-05-08"), Calendar.load(time_zone="Europe/Amsterdam")),
        ChangedCalendar: (with_holiday("2025-05-08", version=p.calendar.version),),
    }
    for error, calendars in others.items():
        for calendar in calendars:
            with pytest.raises(error):
                await _write(Processing(p.pool, p.clock, p.log, calendar=calendar), part, batch)
    assert await p.everything() == before
    await p.service.process(batch)


async def _write(p: Processing, part: str, batch: Batch) -> None:
    match part:
        case "batch":
            await p.service.process(batch)
        case "sweep":
            await p.sweep.sweep()
        case "assessor":
            await p.assessor.assess_touched()
        case _:
            await p.rejudging.rejudge_chunk(batch.partition)


async def test_a_worker_is_told_before_it_begins(p: Processing) -> None:
    await p.receive(registered())
    tokyo_1 = of_criteria(criteria.load())
    async with p.pool.acquire() as connection:
        await rulebooks.check_live(connection, p.calendar, tokyo_1)
        with pytest.raises(OtherCalendar, match=r"jp-tokyo-2.*set QOS_CALENDAR.*qos rebuild --calendar"):
            await rulebooks.check_live(connection, with_holiday("2025-05-08"), tokyo_1)
        with pytest.raises(OtherCalendar, match="set QOS_TIME_ZONE"):
            await rulebooks.check_live(connection, Calendar.load(time_zone="Europe/Amsterdam"), tokyo_1)
        with pytest.raises(ChangedCalendar, match="a calendar never changes under its name"):
            await rulebooks.check_live(connection, with_holiday("2025-05-08", version="jp-tokyo-1"), tokyo_1)


async def test_results_of_a_release_that_kept_no_calendar(p: Processing) -> None:
    """Their assessments name its version: that one goes on, another one doesn't."""
    await p.receive(registered(), happened("application.submitted", "2025-05-02", channel="online"))
    await p.pool.execute("UPDATE generations SET calendar_digest = NULL, time_zone = NULL")
    p.log.append(happened("notification.sent", "2025-05-13", channel="mail"))
    (batch,) = p.log.new()
    with pytest.raises(OtherCalendar):
        await Processing(p.pool, p.clock, p.log, calendar=with_holiday("2025-05-08")).service.process(batch)
    await p.service.process(batch)
    assert await p.pool.fetchval("SELECT calendar_digest FROM generations") == p.calendar.digest


async def test_what_comes_into_force_is_published_once(p: Processing) -> None:
    publication = RulebookPublication(p.transactions, clock=p.clock, outgoing=p.outgoing)
    assert await publication.publish() == 0
    await p.receive(registered())
    await p.assessor.assess_touched()
    assert await publication.publish() == 2
    assert await publication.publish() == 0
    published = {event["type"]: event for event in await p.sent("publications")}
    assert set(published) == {f"jp.lg.tokyo.qos.{kind}.published.v1" for kind in ("calendar", "criteria")}
    event = published["jp.lg.tokyo.qos.calendar.published.v1"]
    assert (event["id"], event["data"]["version"]) == ("calendar:jp-tokyo-1", "jp-tokyo-1")
    again = Calendar.parse(event["data"]["content"].encode())
    assert again.digest == event["data"]["digest"] == p.calendar.digest
    assert again.is_business_day(date(2025, 5, 7))
    event = published["jp.lg.tokyo.qos.criteria.published.v1"]
    assert criteria.parse_json(event["data"]["content"]) == criteria.load()
    assert len(json.dumps(event)) < 1_000_000


async def test_a_version_never_changes_its_content(p: Processing) -> None:
    await p.receive(registered())
    other = of_calendar(with_holiday("2025-05-08", version="jp-tokyo-1"))
    async with p.pool.acquire() as connection:
        with pytest.raises(OtherContent, match=r"calendar 'jp-tokyo-1' was in force with other content"):
            await rulebooks.keep(connection, other, p.clock.now())
        assert await rulebooks.content(connection, "calendar", "jp-tokyo-1") == p.calendar.content

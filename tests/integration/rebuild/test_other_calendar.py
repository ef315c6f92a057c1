"""Another calendar is a new generation: asked for in so many words, and what it changes says that it did."""

from typing import Any

import msgspec
import pytest

from qos_domain.assessment import Settled
from qos_domain.procedures import DeclaredAttributes, Period
from qos_processing.made_with import OtherCalendar
from qos_processing.rebuild.refusals import OtherCalendarNotAsked, RebuildRefused
from support.builders import happened, registered, tokyo
from support.calendars import with_holiday
from support.processing import Processing, replayed
from support.verifying import verifier

from .conftest import Ground

pytestmark = pytest.mark.real

ONLINE_PERIOD = Period(unit="business_days", maximum=3)
# Applied on Monday 12 May with three business days, answered on Friday the 16th: late, unless the 14th is a holiday.
NEW_HOLIDAY = "2025-05-14"


def story() -> list[Any]:
    """Twelve online cases that were late by a day; status shown, so that nothing but compliance keeps Faster from 2."""
    events = [registered(online_period=ONLINE_PERIOD, attributes=DeclaredAttributes(status_visible=True))]
    for n in range(12):
        application = f"A-{n}"
        events.append(happened("application.submitted", "2025-05-12", application=application, channel="online"))
        events.append(happened("notification.sent", "2025-05-16", application=application, channel="electronic"))
    return events


def faster(row: Any) -> int:
    return int(row["faster_evidenced"])


async def levels(p: Processing) -> Any:
    return await p.pool.fetchrow("SELECT * FROM levels")


async def days(p: Processing, first: int, last: int) -> list[tuple[int, str | None]]:
    """The settled evidenced level of Faster, and its cause, after the assessment of each day of May."""
    found = []
    for day in range(first, last + 1):
        p.clock.at = tokyo(f"2025-05-{day + 1:02} 00:01")
        await p.assessor.assess_touched()
        await p.assessor.assess_days()
        settled = msgspec.json.decode((await levels(p))["settled"], type=Settled)
        one = settled.levels["faster"]["evidenced"]
        found.append((one.level, one.cause))
    return found


async def test_another_calendar_has_to_be_asked_for(ground: Ground) -> None:
    await ground.receive(*story())
    other = with_holiday(NEW_HOLIDAY)
    with pytest.raises(OtherCalendarNotAsked, match=r"say --calendar jp-tokyo-2 if.*else set QOS_CALENDAR"):
        await ground.rebuild(calendar=other)
    with pytest.raises(RebuildRefused, match="give what is new a version of its own"):
        await ground.rebuild(calendar=with_holiday(NEW_HOLIDAY, version="jp-tokyo-1"), another_calendar=True)
    assert await ground.live.generations() == [(1, "live")]


async def test_a_rebuild_with_another_calendar_restates(ground: Ground) -> None:
    """Old workers go on until the swap and then end; new ones begin after it. The level that changes names its cause,
    as it is now and, a week later, when it settles.
    """
    p, events = ground.p, story()
    await ground.receive(*events)
    assert (await days(p, 19, 20))[-1] == (1, None)
    before = await p.sent("qos-levels")
    assert "cause" not in before[-1]["data"]
    other = with_holiday(NEW_HOLIDAY)
    new = Processing(p.pool, p.clock, p.log, calendar=other)
    with pytest.raises(OtherCalendar):
        await new.sweep.sweep()

    await ground.rebuild(calendar=other, another_calendar=True)

    assert await ground.live.buckets() == replayed(events, other).buckets()
    assert (await verifier(ground.settings, other)()).clean
    with pytest.raises(OtherCalendar):
        await verifier(ground.settings)()
    with pytest.raises(OtherCalendar):
        await p.sweep.sweep()
    p.log.append(happened("inquiry.received", "2025-05-20", channel="phone"))
    (batch,) = p.log.new()
    with pytest.raises(OtherCalendar):
        await p.service.process(batch)
    assert await new.assessor.assess_touched() == 1
    (told,) = (await p.sent("qos-levels"))[len(before) :]
    assert told["data"]["cause"] == "restatement"
    assert told["data"]["assessment"]["lineage"]["calendar"] == "jp-tokyo-2"
    assert faster(await levels(p)) == 2
    settled = await days(new, 21, 29)
    assert settled == [(1, None)] * 6 + [(2, "restatement")] * 3
    changed = [event["data"] for event in await p.sent("sla-events") if event["type"].endswith("level.changed.v1")]
    assert [one["changes"] for one in changed] == [
        [{"principle": "faster", "reading": "evidenced", "before": 1, "after": 2, "cause": "restatement"}]
    ]
    # What an event changes later has no such cause.
    await new.service.process(batch)
    late = [happened("application.submitted", "2025-05-12", application=f"L-{n}", channel="online") for n in range(9)]
    await new.receive(*late)
    await new.assessor.assess_touched()
    assert "cause" not in (await p.sent("qos-levels"))[-1]["data"]


async def test_other_criteria_restate_levels_at_once(ground: Ground) -> None:
    p = ground.p
    await ground.receive(*story())
    await days(p, 19, 20)
    loaded = p.assessor._assessing.criteria
    milder = msgspec.structs.replace(loaded, version="mild-1", criteria=tuple(map(_mild, loaded.criteria)))
    other = p.another_assessor(milder)
    await other.touch_other_criteria()
    assert await other.assess_touched() == 1
    assert await other.assess_touched() == 0
    told = (await p.sent("qos-levels"))[-1]["data"]
    assert (told["cause"], told["assessment"]["lineage"]["criteria"]) == ("restatement", "mild-1")
    assert faster(await levels(p)) == 2
    kept = await p.pool.fetch("SELECT version FROM rulebooks WHERE kind = 'criteria' ORDER BY version")
    assert [version for (version,) in kept] == ["mild-1", "tokyo-1"]


def _mild(criterion: Any) -> Any:
    mild = criterion.id == "faster-2-compliance"
    return msgspec.structs.replace(criterion, threshold=0.0) if mild else criterion


async def test_the_same_calendar_again_restates_nothing(ground: Ground) -> None:
    p = ground.p
    await ground.receive(*story())
    await days(p, 19, 20)
    before = await p.sent("qos-levels")
    await ground.rebuild()
    assert await p.assessor.assess_touched() == 1
    assert await p.sent("qos-levels") == before
    assert not (await levels(p))["restated"]
    await days(p, 21, 22)
    assert not any("cause" in event["data"] for event in await p.sent("qos-levels"))

"""Levels as now, levels as settled, and what of them goes out."""

import json
from datetime import date, timedelta
from typing import Any

import msgspec
import pytest

from qos_domain.assessment import Assessment, Settled
from qos_domain.events import Event
from qos_domain.procedures import DeclaredAttributes
from support.builders import happened, registered, tokyo
from support.processing import Processing

pytestmark = pytest.mark.real

DECLARED = DeclaredAttributes(status_visible=True, attachments_as_data=True, smartphone_ready=True)


def submissions(count: int, day: str, *, paper: int = 0, first: int = 0) -> list[Event]:
    return [
        happened(
            "application.submitted",
            day,
            application=f"A-{number}",
            channel="online",
            attachments={"digital": 1, "paper": paper},
        )
        for number in range(first, first + count)
    ]


async def levels(p: Processing) -> dict[str, Any]:
    (row,) = await p.pool.fetch("SELECT * FROM levels")
    return dict(row)


async def test_a_registration_is_assessed_and_goes_out(p: Processing) -> None:
    await p.receive(registered(attributes=DECLARED))
    assert await p.assessor.assess_touched() == 1
    row = await levels(p)
    live = msgspec.json.decode(row["live"], type=Assessment)
    assert live.as_of == row["as_of"] == date(2025, 5, 20)
    assert (row["faster_declared"], row["simpler_declared"], row["simpler_evidenced"]) == (1, 1, 0)
    assert row["settled"] is None
    (event,) = await p.sent("qos-levels")
    assert event["type"] == "jp.lg.tokyo.qos.level.assessed.v1"
    assert event["data"]["procedure_id"] == "road-occupation"
    assert event["data"]["organisation_id"] == "construction"
    assert event["data"]["revision"] == row["revision"]
    assert event["data"]["assessment"] == json.loads(row["live"])
    assert await p.assessor.assess_touched() == 0


async def test_a_change_that_changes_no_level_or_figure_is_not_news(p: Processing) -> None:
    await p.receive(registered(attributes=DECLARED), *submissions(1, "2025-05-19"))
    await p.assessor.assess_touched()
    before = await levels(p)
    p.clock.at += timedelta(minutes=1)
    await p.receive(happened("inquiry.received", "2025-05-20", channel="phone"))
    assert await p.assessor.assess_touched() == 1
    after = await levels(p)
    assert after["revision"] == before["revision"]
    assert after["assessed_at"] == p.clock.at
    assert len(await p.sent("qos-levels")) == 1


async def test_evidence_that_contradicts_what_is_declared(p: Processing) -> None:
    await p.receive(registered(attributes=DECLARED), *submissions(12, "2025-05-19", paper=1))
    await p.assessor.assess_touched()
    row = await levels(p)
    assert (row["simpler_declared"], row["simpler_evidenced"], row["contradictions"]) == (1, 0, 1)


async def test_the_revision_grows_with_each_change(p: Processing) -> None:
    await p.receive(registered(attributes=DECLARED))
    await p.assessor.assess_touched()
    for number in range(3):  # at one and the same time
        await p.receive(*submissions(10, "2025-05-19", paper=1, first=10 * number))
        await p.assessor.assess_touched()
    revisions = [event["data"]["revision"] for event in await p.sent("qos-levels")]
    assert revisions == sorted(set(revisions))
    assert len(revisions) == 4


async def test_a_procedure_touched_while_it_is_assessed_stays_touched(
    p: Processing, monkeypatch: pytest.MonkeyPatch
) -> None:
    await p.receive(registered(attributes=DECLARED))
    assess = p.assessor._assessing.assess

    async def with_an_event_meanwhile(*arguments: Any) -> Any:
        found = await assess(*arguments)
        monkeypatch.undo()
        await p.receive(*submissions(12, "2025-05-19", paper=1))
        return found

    monkeypatch.setattr(p.assessor._assessing, "assess", with_an_event_meanwhile)
    await p.assessor.assess_touched()
    assert (await levels(p))["contradictions"] == 0
    assert await p.assessor.assess_touched() == 1
    assert (await levels(p))["contradictions"] == 1


async def test_what_another_leader_assessed_meanwhile_is_not_overwritten(
    p: Processing, monkeypatch: pytest.MonkeyPatch
) -> None:
    await p.receive(registered(attributes=DECLARED))
    assess = p.assessor._assessing.assess

    async def while_another_one_leads(*arguments: Any) -> Any:
        found = await assess(*arguments)
        monkeypatch.undo()
        await p.another_assessor().assess_touched()
        return found

    monkeypatch.setattr(p.assessor._assessing, "assess", while_another_one_leads)
    await p.assessor.assess_touched()
    assert len(await p.sent("qos-levels")) == 1


async def test_every_procedure_has_its_day(p: Processing) -> None:
    """At the end of 20 May all are assessed as of that day, also those of which nothing was heard."""
    await p.receive(*[registered(procedure=f"P-{number}") for number in range(10)])
    p.clock.at = tokyo("2025-05-21 00:01")
    assert await p.assessor.assess_days() == 10
    assert await p.assessor.assess_days() == 0
    rows = await p.pool.fetch("SELECT * FROM levels")
    assert {row["settled_on"] for row in rows} == {date(2025, 5, 20)}
    assert {row["as_of"] for row in rows} == {date(2025, 5, 21)}
    assert await p.pool.fetchval("SELECT count(*) FROM assessments WHERE as_of = '2025-05-20'") == 10
    assert len(await p.sent("qos-levels")) == 10


async def test_a_settled_level_changes_after_seven_equal_days(p: Processing) -> None:
    await p.receive(registered(attributes=DECLARED), *submissions(12, "2025-05-19"))
    settled = []
    for day in range(20, 30):
        p.clock.at = tokyo(f"2025-05-{day + 1} 00:01") if day < 30 else p.clock.at
        if day == 21:
            await p.receive(*submissions(12, "2025-05-21", paper=1, first=100), at=tokyo("2025-05-21 13:00"))
        await p.assessor.assess_touched()
        await p.assessor.assess_days()
        row = await levels(p)
        found = msgspec.json.decode(row["settled"], type=Settled)
        assert found.as_of == date(2025, 5, day)
        settled.append(found.levels["simpler"]["evidenced"].level)
    # the paper of the 21st shows in the daily assessments of the 21st to the 27th: seven equal days
    assert settled == [1, 1, 1, 1, 1, 1, 1, 0, 0, 0]
    (changed,) = [event for event in await p.sent("sla-events") if event["type"].endswith("level.changed.v1")]
    assert changed["data"] == {
        "procedure_id": "road-occupation",
        "organisation_id": "construction",
        "as_of": "2025-05-27",
        "changes": [{"principle": "simpler", "reading": "evidenced", "before": 1, "after": 0}],
    }


async def test_missed_days_are_made_up_for(p: Processing) -> None:
    await p.receive(registered(attributes=DECLARED))
    p.clock.at = tokyo("2025-05-21 00:01")
    await p.assessor.assess_days()
    p.clock.at = tokyo("2025-05-25 09:00")
    await p.assessor.assess_days()
    assert (await levels(p))["settled_on"] == date(2025, 5, 24)
    # what says the same as the day before isn't kept again
    assert await p.pool.fetchval("SELECT count(*) FROM assessments") == 1


async def test_a_day_waits_for_the_log_to_be_read(p: Processing) -> None:
    await p.receive(registered(attributes=DECLARED))
    p.clock.at = tokyo("2025-05-21 00:01")
    known_until: dict[int, Any] = {0: tokyo("2025-05-20 23:59"), 1: tokyo("2025-05-20 23:59")}
    p.assessor._assessing.known_until = known_until.get
    await p.assessor.assess_days()
    assert (await levels(p))["settled_on"] == date(2025, 5, 19)
    known_until |= {0: tokyo("2025-05-21 00:00"), 1: tokyo("2025-05-21 00:00")}
    await p.assessor.assess_days()
    assert (await levels(p))["settled_on"] == date(2025, 5, 20)


async def test_the_list_follows_the_version_in_force(p: Processing) -> None:
    await p.receive(
        registered("2024-04-01", organisation="construction"),
        registered("2025-05-21", organisation="ports", type="procedure.updated", at="2025-05-01"),
    )
    assert await p.pool.fetchval("SELECT organisation_id FROM procedures") == "construction"
    p.clock.at = tokyo("2025-05-21 00:01")
    await p.assessor.assess_days()
    assert await p.pool.fetchval("SELECT organisation_id FROM procedures") == "ports"
    (event,) = await p.sent("qos-levels")
    assert event["data"]["organisation_id"] == "ports"


async def test_a_retired_procedure_is_not_assessed_any_more(p: Processing) -> None:
    await p.receive(registered(), registered("2025-05-01", type="procedure.retired", at="2025-05-01"))
    await p.assessor.assess_touched()
    assert await p.pool.fetchval("SELECT count(*) FROM levels") == 0
    assert await p.assessor.assess_touched() == 0

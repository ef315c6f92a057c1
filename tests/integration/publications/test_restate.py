"""What changes after a publication is restated beside it, with its causes, each step equal to a fold in memory."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import date, timedelta

import msgspec
import pytest

from qos_domain import criteria
from qos_domain.calendar import Calendar, Holiday
from qos_domain.cells import Buckets
from qos_domain.criteria import Criteria
from qos_domain.events import Event
from qos_domain.indicators import Indicators
from qos_domain.periods import Month
from qos_domain.procedures import DeclaredAttributes, Period, Procedure
from qos_domain.publication_events import PublicationRestated
from qos_domain.replay import Replay
from qos_domain.reporting import indicators
from qos_domain.restatement import changes
from qos_processing.publish.refusals import NeverPublished
from qos_processing.rejudging import Rejudging
from support.builders import happened, registered
from support.publishing import Office

pytestmark = pytest.mark.real

APRIL = Month(2025, 4)
LATE = happened("notification.sent", "2025-04-03 09:00", application="A-11", channel="electronic")
# Back to the beginning, with a longer period: the one that was late no longer is.
CORRECTED = registered(
    at="2025-05-20 09:00",
    period=Period(unit="business_days", maximum=30),
    attributes=DeclaredAttributes(status_visible=True),
)


def folded(events: Sequence[Event], calendar: Calendar) -> Indicators:
    """The indicators of the permit in April, by a fold in memory."""
    replay = Replay(calendar)
    replay.add_all(events)
    rows = replay.buckets()["road-occupation"]
    dated = [(date.fromordinal(r.day), (r.channel, r.online, r.measure, r.bin), n) for r, n in rows.items()]
    version = replay.history("road-occupation").at(APRIL.span.end)
    assert version is not None
    buckets = Buckets.gather(dated, APRIL.window, APRIL.span.end)
    return indicators(buckets, one_procedure=True, objective=version.procedure.objective)


def another_calendar(calendar: Calendar) -> Calendar:
    """On which 2 April was a holiday."""
    holidays = (*calendar.data.holidays, Holiday(date(2025, 4, 2), "休日", "Holiday"))
    return Calendar(msgspec.structs.replace(calendar.data, version="another", holidays=holidays))


def stricter() -> Criteria:
    """By which it doesn't do to set a standard period: there must be an online one."""
    found = criteria.load()
    changed = tuple(
        msgspec.structs.replace(each, attribute="online_standard_period")
        if each.id == "faster-1-standard-period"
        else each
        for each in found.criteria
    )
    return msgspec.structs.replace(found, version="stricter-1", criteria=changed)


async def judge_anew(office: Office, calendar: Calendar) -> None:
    """All cases by another calendar, as a rebuild does."""
    await office.p.pool.execute(
        "INSERT INTO rejudgements (generation, procedure_id, partition, from_date)"
        " SELECT generation, procedure_id, partition, date '-infinity' FROM procedures"
    )
    p = office.p
    anew = Rejudging(
        p.transactions, calendar=calendar, clock=p.clock, sla_results=p.counters.sla_results, owned=lambda: range(2)
    )
    await anew.rejudge_all()


async def test_late_events_a_corrected_registry_another_calendar_and_other_criteria(april: Office) -> None:
    with pytest.raises(NeverPublished, match=r"2025-04 was never published, .*nothing was published yet"):
        await april.restate("2025-04")
    published = await april.publish()
    said = await april.statement(published)
    with pytest.raises(NeverPublished, match=r"2025-03 was never published.*published are 2025-04"):
        await april.restate("2025-03")

    # What is repeated, or is of another month, changes nothing.
    repeated = [happened("notification.sent", "2025-04-03", application="A-1", channel="electronic", id="twice")]
    await april.receive(*repeated, *repeated, happened("application.submitted", "2025-05-19", channel="online"))
    (first,) = await april.restate()
    assert (first.scopes, first.differing, first.recorded) == (4, 0, 0)

    await april.receive(LATE)
    (month,) = await april.restate()
    assert (month.differing, month.recorded, month.causes) == (3, 3, {"late_events": 3})
    found = await restatement(april, published)
    assert found.causes == ("late_events",)
    assert found.published == said.digest
    assert found.late_events == 3  # the one that was told twice, too, and the application of May
    differs = {each.field: each.difference for each in changes(said.statement, found.steps[-1].statement)}
    assert differs["indicators.compliance.within_period.numerator"] == 1
    assert differs["indicators.standing.open"] == -1
    organisation = await april.restatement(published, "construction", "organisation")
    everything = await april.restatement(published, "", "all")
    for several in (organisation, everything):
        assert several is not None
        assert several.causes == ("late_events",)
    assert await april.restatement(published, "cemetery") is None

    (again,) = await april.restate("2025-04")
    assert (again.differing, again.recorded) == (3, 0)

    await april.receive(CORRECTED)
    calendar = another_calendar(april.p.calendar)
    await judge_anew(april, calendar)
    office = april.by_other_rules(calendar=calendar, criteria=stricter())
    april.p.clock.at += timedelta(days=1)
    (month,) = await office.restate()
    found = await restatement(april, published)
    assert found.causes == ("late_events", "registry", "calendar", "criteria")
    assert (found.lineage.calendar, found.lineage.criteria) == ("another", "stricter-1")
    await equal_folds(april, found, calendar)
    late, registry, _, by_criteria = (step.statement for step in found.steps)
    assert late.levels["faster"].declared.level == registry.levels["faster"].declared.level == 1
    assert (registry.criteria["faster-2-status-visible"], late.criteria["faster-2-status-visible"]) == (
        "met",
        "unknown",
    )
    assert by_criteria.levels["faster"].declared.level == 0
    together = await april.restatement(published, "", "all")
    assert together is not None
    assert together.causes == ("late_events", "registry")  # elapsed business days are of one procedure only
    assert together.steps[-1].statement.indicators.compliance == found.steps[-1].statement.indicators.compliance

    # What was published stands, and the topic tells all of it.
    assert (await april.statement(published)) == said
    told = [event for event in await april.told() if isinstance(event, PublicationRestated)]
    assert sorted(event.id for event in told) == ["", "", "cemetery", *["construction"] * 2, *["road-occupation"] * 2]
    assert found in told


async def restatement(office: Office, published: object) -> PublicationRestated:
    found = await office.restatement(published)  # type: ignore[arg-type]
    assert found is not None
    return found


async def equal_folds(office: Office, found: PublicationRestated, calendar: Calendar) -> None:
    events = office.p.log.events()
    then = [event for event in events if event is not CORRECTED]
    registry = [event for event in events if isinstance(event.data, Procedure)]
    assert CORRECTED.id in {event.id for event in registry}
    without = [event for event in then if event.id != CORRECTED.id]
    by_step = dict(zip(found.causes, (step.statement.indicators for step in found.steps), strict=True))
    assert by_step["late_events"] == folded(without, office.p.calendar)
    assert by_step["registry"] == folded(events, office.p.calendar)
    assert by_step["calendar"] == by_step["criteria"] == folded(events, calendar)


async def test_without_the_log_of_then_nothing_is_made_up(april: Office) -> None:
    published = await april.publish()
    await april.receive(LATE)
    await april.p.pool.execute("UPDATE partition_offsets SET topic_id = gen_random_uuid()")
    (month,) = await april.restate()
    assert not month.attributable
    found = await restatement(april, published)
    assert found.causes == ("unexplained",)
    assert found.late_events is None


async def test_figures_that_changed_without_a_cause_are_told_as_such(april: Office) -> None:
    published = await april.publish()
    await april.p.pool.execute("UPDATE day_buckets SET value = value + 1 WHERE measure = 'arrived'")
    await april.receive(LATE)
    await april.restate()
    found = await restatement(april, published)
    assert found.causes == ("unexplained", "late_events")
    said = (await april.statement(published)).statement
    first = {each.field: each.difference for each in changes(said, found.steps[0].statement)}
    assert first["indicators.volume.applications"] == 1
    assert "indicators.compliance.within_period.numerator" not in first
    assert replace(found, steps=()).causes == ()

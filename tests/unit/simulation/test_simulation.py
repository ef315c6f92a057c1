"""22 November 2025, Tokyo: 400 simulated days lie behind us, and they tell the stories that they are meant to tell."""

from collections import Counter
from datetime import date, datetime
from itertools import pairwise

import pytest

from qos_domain import criteria
from qos_domain.acceptance import AcceptanceRules, decode_cloudevent, encode_cloudevent
from qos_domain.calendar import Calendar
from qos_domain.events import ApplicationFeePaid, ApplicationSubmitted, Event
from qos_domain.periods import window
from qos_domain.replay import Replay
from qos_local.offline.fold import Fold, fold
from qos_local.simulation.profiles import PROFILES
from qos_local.simulation.simulate import Simulation, simulate

CALENDAR = Calendar.load()
TODAY = date(2025, 11, 22)
YESTERDAY = date(2025, 11, 21)
RULES = AcceptanceRules()


@pytest.fixture(scope="module")
def simulation() -> Simulation:
    return simulate(seed=1, today=TODAY, cases=20_000, calendar=CALENDAR)


@pytest.fixture(scope="module")
def figures(simulation: Simulation) -> Fold:
    replay = Replay(CALENDAR)
    replay.add_all([*simulation.procedures, *simulation.events])
    return fold(replay, as_of=YESTERDAY, window=window("28d", YESTERDAY), criteria=criteria.load())


def small(seed: int, today: date = TODAY) -> list[bytes]:
    simulation = simulate(seed=seed, today=today, cases=200, calendar=CALENDAR)
    return [encode_cloudevent(event, RULES) for event in (*simulation.procedures, *simulation.events)]


def test_the_same_seed_and_day_tell_the_same_story_to_the_byte() -> None:
    assert small(1) == small(1)
    assert small(1) != small(2)
    assert small(1) != small(1, date(2025, 11, 21))


def test_about_100_000_events_of_20_000_applications(simulation: Simulation) -> None:
    applications = {
        event.data.application_id for event in simulation.events if isinstance(event.data, ApplicationSubmitted)
    }
    assert 19_900 <= len(applications) <= 20_000  # the last mail is not recorded yet
    assert 90_000 <= len(simulation.events) <= 110_000


def test_every_event_is_one_that_intake_accepts(simulation: Simulation) -> None:
    for event in (*simulation.procedures, *simulation.events):
        assert decode_cloudevent(encode_cloudevent(event, RULES), RULES) == event


def test_nothing_happens_today_or_later(simulation: Simulation) -> None:
    midnight = datetime(2025, 11, 22, tzinfo=CALENDAR.time_zone)
    assert max(event.time for event in simulation.events) < midnight
    assert all(event.time < midnight for event in simulation.procedures)


def test_volumes_are_proportionate_to_the_published_ones(simulation: Simulation) -> None:
    applications = Counter(
        event.data.procedure_id
        for event in {(e.source, e.id): e for e in simulation.events}.values()
        if isinstance(event.data, ApplicationSubmitted) and event.corrects is None
    )
    yearly = sum(profile.yearly_cases for profile in PROFILES.values())
    for procedure_id, profile in PROFILES.items():
        assert applications[procedure_id] == pytest.approx(20_000 * profile.yearly_cases / yearly, abs=15)


def test_events_come_late_twice_out_of_order_and_corrected(simulation: Simulation) -> None:
    events = simulation.events
    names = Counter((event.source, event.id) for event in events)
    assert sum(count > 1 for count in names.values()) > 1_000
    assert sum(later.time < earlier.time for earlier, later in pairwise(events)) > 10_000
    corrections = [event for event in events if event.corrects is not None]
    assert len(corrections) > 100
    assert {event.corrects for event in corrections} - {event.id for event in events} == set()


def test_the_same_id_never_means_two_things(simulation: Simulation) -> None:
    seen: dict[tuple[str, str], Event] = {}
    for event in simulation.events:
        assert seen.setdefault((event.source, event.id), event) == event


def test_every_type_of_event_and_several_payment_methods_appear(simulation: Simulation) -> None:
    types = {event.type for event in simulation.events}
    assert types == {
        "application.started",
        "application.abandoned",
        "application.submitted",
        "application.fee_paid",
        "application.withdrawn",
        "review.started",
        "review.suspended",
        "review.resumed",
        "review.extended",
        "review.decided",
        "notification.sent",
        "notification.read",
        "feedback.submitted",
        "inquiry.received",
    }
    methods = {event.data.method for event in simulation.events if isinstance(event.data, ApplicationFeePaid)}
    assert {"card", "internet_banking", "cash", "revenue_stamp", "bank_slip"} <= methods


def test_tuition_support_is_drowning(figures: Fold) -> None:
    standing = figures.procedures["high-school-tuition-support"].report.total.standing
    assert standing.overdue > 40
    month_ago = _standing_of(figures, "high-school-tuition-support")
    assert standing.open > month_ago


def _standing_of(figures: Fold, procedure_id: str) -> int:
    """How many were open 28 days ago, from today's figures: open then + arrived since - ended since."""
    total = figures.procedures[procedure_id].report.total
    stopped = total.processing_time.calendar_days
    ended = total.volume.withdrawn + (0 if stopped is None else stopped.n)
    return total.standing.open - total.volume.applications + ended


def test_metropolitan_housing_declares_what_its_evidence_contradicts_and_nobody_else_does(figures: Fold) -> None:
    contradicted = {
        (procedure_id, contradiction.criterion)
        for procedure_id, each in figures.procedures.items()
        if each.assessment is not None
        for principle in each.assessment.principles.values()
        for contradiction in principle.contradictions
    }
    assert contradicted == {("metropolitan-housing", "faster-2-compliance")}


def test_the_cemetery_goes_online_in_the_middle(simulation: Simulation) -> None:
    by_channel = Counter(
        (event.data.channel, event.time.date() < date(2025, 5, 5))
        for event in simulation.events
        if isinstance(event.data, ApplicationSubmitted) and event.data.procedure_id == "metropolitan-cemetery"
    )
    assert by_channel["online", True] == 0
    assert by_channel["online", False] > 5


def test_fewer_cases_than_procedures_are_no_simulation() -> None:
    with pytest.raises(ValueError, match="one for each procedure"):
        simulate(seed=1, today=TODAY, cases=9, calendar=CALENDAR)

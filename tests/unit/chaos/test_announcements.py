"""Which announcements of a case are owed, and which are not: the story of one application that was late."""

from collections.abc import Mapping, Sequence
from datetime import date

import pytest

from chaos.announcements import KIND, Owed, Told
from chaos.findings import Findings
from qos_domain.calendar import Calendar
from qos_domain.events import Event, Topic
from qos_processing.announcing import Announced, Said
from support.builders import happened, registered, tokyo

KEY = ("road-occupation", "A-1")
# Submitted on 2 May 2025 (a Friday) with five business days: due on 13 May, breached on the 14th.
SUBMITTED = happened("application.submitted", "2025-05-02", channel="counter")
TOLD_LATE = happened("notification.sent", "2025-05-16", channel="mail")
TOLD_IN_TIME = happened("notification.sent", "2025-05-12", channel="mail")
BREACH = date(2025, 5, 14)


def owed(*notifications: Event) -> Owed:
    log: Mapping[Topic, Sequence[Event]] = {
        "procedures": [registered()],
        "applications": [SUBMITTED],
        "notifications": notifications,
    }
    return Owed(log, Calendar.load())


def told(owed: Owed, said: Said, number: int, *, status: str = "open", breach_date: date | None = BREACH) -> Told:
    """An announcement as it would be of the first moment at which the case has this status."""
    case = next(case for case in owed.moments(KEY) if case.status == status and case.breach_date == breach_date)
    data = {
        "organisation_id": case.organisation_id,
        "channel": case.channel,
        "status": case.status,
        "due_date": str(case.due_date),
        "breach_date": str(breach_date),
    }
    if case.end_date is not None:
        data["end_date"] = str(case.end_date)
    return Told(said, number, data)


def check(owed: Owed, said: Sequence[Told], *, counted: int | None = None, as_of: str = "2025-06-01") -> Findings:
    findings = Findings()
    count = len(said) if counted is None else counted
    row = {KEY: Announced(said[-1].said, BREACH, count)} if said else {}
    owed.check(row, {KEY: said}, [tokyo(as_of)], findings)
    return findings


def test_a_late_case_owes_its_breach_and_its_recovery() -> None:
    story = owed(TOLD_LATE)
    breached = told(story, "breached", 1)
    recovered = told(story, "recovered", 2, status="stopped")
    assert check(story, [breached, recovered]).clean
    assert check(story, [breached]).lost[KIND] == 1
    assert check(story, []).lost[KIND] == 1


def test_nothing_is_owed_before_it_happens() -> None:
    assert check(owed(), [], as_of="2025-05-11").clean
    assert check(owed(), [], as_of="2025-05-14").lost[KIND] == 1


def test_a_number_that_the_topic_lacks_is_lost_and_one_that_the_case_does_not_count_is_doubled() -> None:
    story = owed(TOLD_LATE)
    said = [told(story, "breached", 1), told(story, "recovered", 2, status="stopped")]
    assert check(story, said, counted=3).lost[KIND] == 1
    assert check(story, said, counted=1).doubled[KIND] == 1


def test_the_same_thing_twice_does_not_follow() -> None:
    story = owed()
    assert check(story, [told(story, "breached", 1), told(story, "breached", 2)]).doubled[KIND] == 1


def test_what_was_never_so_is_not_owed() -> None:
    story = owed()
    never = Told("breached", 1, {**told(story, "breached", 1).data, "breach_date": "2025-05-13"})
    assert check(story, [never]).doubled[KIND] == 1


@pytest.mark.parametrize("order", [(TOLD_LATE, TOLD_IN_TIME), (TOLD_IN_TIME, TOLD_LATE)])
def test_a_breach_that_late_facts_disproved_must_be_taken_back(order: tuple[Event, Event]) -> None:
    """It was so before the earlier result came: it may have been announced, but not be left standing."""
    story = owed(*order)
    breached = told(story, "breached", 1)
    assert check(story, []).clean
    assert check(story, [breached]).lost[KIND] == 1
    final = next(story.moments(KEY))
    retracted = Told(
        "retracted",
        2,
        {
            "organisation_id": final.organisation_id,
            "channel": final.channel,
            "status": final.status,
            "due_date": str(final.due_date),
            "end_date": str(final.end_date),
            "breach_date": str(BREACH),
        },
    )
    assert check(story, [breached, retracted]).clean

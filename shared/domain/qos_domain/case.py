"""A case: the facts of one application, and the one pure view of them.

A case is named by (procedure_id, application_id). Feedback and inquiries that name no application are cases of their
own, named after the event. Domain document, Events (Rules that decide).
"""

from collections.abc import Callable, Iterable
from datetime import datetime
from typing import TypeAlias, TypeVar, assert_never

from msgspec import Struct

from qos_domain.clock import ClockFacts
from qos_domain.events import (
    ApplicationAbandoned,
    ApplicationFeePaid,
    ApplicationStarted,
    ApplicationSubmitted,
    ApplicationWithdrawn,
    CasePayload,
    Event,
    FeedbackSubmitted,
    InquiryReceived,
    NotificationRead,
    NotificationSent,
    ReviewDecided,
    ReviewExtended,
    ReviewResumed,
    ReviewStarted,
    ReviewSuspended,
)
from qos_domain.facts import Fact, Facts, standing
from qos_domain.procedures import Procedure
from qos_domain.vocabulary import Channel, NotificationChannel, Outcome

CaseKey: TypeAlias = tuple[str, str]

# An application id starts with a letter or digit, so this can't be one; nor is it in any source or event id.
UNATTACHED = "!"


def case_key(event: Event) -> CaseKey:
    """(procedure_id, application_id) of a case event; an event without an application is a case of its own, which
    every correction of it joins by naming it."""
    data = event.data
    if isinstance(data, Procedure):
        raise TypeError("a registry event belongs to no case")
    if data.application_id is not None:
        return (data.procedure_id, data.application_id)
    return (data.procedure_id, f"{UNATTACHED}{event.source}{UNATTACHED}{event.corrects or event.id}")


def is_unattached(key: CaseKey) -> bool:
    return key[1].startswith(UNATTACHED)


class Start(Struct, frozen=True):
    at: datetime
    channel: Channel


class Submission(Struct, frozen=True):
    """The submission that counts: the one with the least (arrival, source, id)."""

    arrival: datetime
    time: datetime
    payload: ApplicationSubmitted


class Payment(Struct, frozen=True):
    at: datetime
    payload: ApplicationFeePaid


class Feedback(Struct, frozen=True):
    at: datetime
    payload: FeedbackSubmitted


class Inquiry(Struct, frozen=True):
    at: datetime
    payload: InquiryReceived


class ResultNotification(Struct, frozen=True):
    at: datetime
    channel: NotificationChannel


class CaseView(Struct, frozen=True):
    """What the facts of a case say, whatever order they came in. All instants are aware.

    `clock` is there when there is a submission. `first_at` is the earliest time of any standing fact; None when none
    stands. `outcome` is that of the latest decision; `conflicts` counts facts that came with two contents.
    """

    first_at: datetime | None
    started: Start | None
    abandoned: bool
    submission: Submission | None
    clock: ClockFacts | None
    review_started_at: datetime | None
    decided_at: datetime | None
    outcome: Outcome | None
    correction_asked: bool
    result: ResultNotification | None
    payments: tuple[Payment, ...]
    feedback: Feedback | None
    inquiries: tuple[Inquiry, ...]
    conflicts: int


_P = TypeVar("_P", bound=CasePayload)
_Standing: TypeAlias = list[tuple[Fact, _P]]


def view(facts: Facts) -> CaseView:
    """The one reading of a set of facts. Pure and total: every combination of events has a view."""
    started: _Standing[ApplicationStarted] = []
    abandoned = False
    submitted: _Standing[ApplicationSubmitted] = []
    paid: _Standing[ApplicationFeePaid] = []
    withdrawn: list[datetime] = []
    review_started: list[datetime] = []
    suspended: _Standing[ReviewSuspended] = []
    resumed: _Standing[ReviewResumed] = []
    extended: _Standing[ReviewExtended] = []
    decided: _Standing[ReviewDecided] = []
    notified: _Standing[NotificationSent] = []
    rated: _Standing[FeedbackSubmitted] = []
    inquiries: _Standing[InquiryReceived] = []
    stand = standing(facts)
    for fact in stand:
        payload = fact.payload
        match payload:
            case ApplicationSubmitted():
                submitted.append((fact, payload))
            case NotificationSent():
                notified.append((fact, payload))
            case ReviewDecided():
                decided.append((fact, payload))
            case ReviewStarted():
                review_started.append(fact.time)
            case ApplicationStarted():
                started.append((fact, payload))
            case ApplicationFeePaid():
                paid.append((fact, payload))
            case ReviewSuspended():
                suspended.append((fact, payload))
            case ReviewResumed():
                resumed.append((fact, payload))
            case ReviewExtended():
                extended.append((fact, payload))
            case FeedbackSubmitted():
                rated.append((fact, payload))
            case InquiryReceived():
                inquiries.append((fact, payload))
            case ApplicationWithdrawn():
                withdrawn.append(fact.time)
            case ApplicationAbandoned():
                abandoned = True
            case NotificationRead():
                pass
            case Procedure():
                raise TypeError(f"a registry event belongs to no case: {fact.type}")
            case _:
                assert_never(payload)

    submission = _submission(submitted)
    results = [(fact, payload) for fact, payload in notified if payload.purpose == "result"]
    return CaseView(
        first_at=min((fact.time for fact in stand), default=None),
        started=_start(started, submission),
        abandoned=abandoned,
        submission=submission,
        clock=None
        if submission is None
        else ClockFacts(
            arrival=submission.arrival,
            suspended=tuple((p.suspension_id, fact.time, p.reason) for fact, p in suspended),
            resumed=tuple((p.suspension_id, fact.time) for fact, p in resumed),
            decisions=tuple(fact.time for fact, _ in decided),
            results=tuple(fact.time for fact, _ in results),
            due_date=submission.payload.due_date,
            extensions=tuple((fact.time, p.extension_id, p.due_date) for fact, p in extended),
            withdrawn=min(withdrawn, default=None),
        ),
        review_started_at=min(review_started, default=None),
        decided_at=min((fact.time for fact, _ in decided), default=None),
        outcome=max(decided, key=_order)[1].outcome if decided else None,
        correction_asked=any(payload.reason == "correction" for _, payload in suspended),
        result=_result(results),
        payments=_payments(paid),
        feedback=_feedback(rated),
        inquiries=tuple(Inquiry(fact.time, payload) for fact, payload in sorted(inquiries, key=_order)),
        conflicts=sum(fact.conflict for fact in facts.values()),
    )


def _order(standing_fact: tuple[Fact, CasePayload]) -> tuple[datetime, str, str]:
    fact = standing_fact[0]
    return (fact.time, fact.source, fact.id)


def _submission(submitted: _Standing[ApplicationSubmitted]) -> Submission | None:
    if not submitted:
        return None
    fact, payload = min(submitted, key=lambda s: (s[1].received_at or s[0].time, s[0].source, s[0].id))
    return Submission(arrival=payload.received_at or fact.time, time=fact.time, payload=payload)


def _start(started: _Standing[ApplicationStarted], submission: Submission | None) -> Start | None:
    starts = []
    if started:
        fact, payload = min(started, key=_order)
        starts.append(Start(fact.time, payload.channel))
    if submission is not None and submission.payload.started_at is not None:
        starts.append(Start(submission.payload.started_at, submission.payload.channel))
    return min(starts, key=lambda start: start.at, default=None)


def _result(results: _Standing[NotificationSent]) -> ResultNotification | None:
    if not results:
        return None
    fact, payload = min(results, key=_order)
    return ResultNotification(fact.time, payload.channel)


def _payments(paid: _Standing[ApplicationFeePaid]) -> tuple[Payment, ...]:
    """Once per payment_id, the earliest."""
    first = _first_by(paid, lambda payload: payload.payment_id)
    return tuple(Payment(fact.time, payload) for fact, payload in first)


def _feedback(rated: _Standing[FeedbackSubmitted]) -> Feedback | None:
    """The latest of the application."""
    if not rated:
        return None
    fact, payload = max(rated, key=_order)
    return Feedback(fact.time, payload)


def _first_by(stand: _Standing[_P], name: Callable[[_P], str]) -> Iterable[tuple[Fact, _P]]:
    first: dict[str, tuple[Fact, _P]] = {}
    for standing_fact in sorted(stand, key=_order):
        first.setdefault(name(standing_fact[1]), standing_fact)
    return first.values()

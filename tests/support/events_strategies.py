"""Hypothesis strategies for streams of events: few ids and few days, so that repeats, conflicts, corrections, ties and
events out of order are the rule and not the exception."""

from datetime import UTC, date, datetime, timedelta
from typing import Any

from hypothesis import strategies as st

from qos_domain.events import (
    ApplicationAbandoned,
    ApplicationFeePaid,
    ApplicationStarted,
    ApplicationSubmitted,
    ApplicationWithdrawn,
    Attachments,
    Event,
    EventPayload,
    FeedbackSubmitted,
    InquiryReceived,
    NotificationRead,
    NotificationSent,
    ProcedureRegistered,
    ProcedureRetired,
    ProcedureUpdated,
    ReviewDecided,
    ReviewExtended,
    ReviewResumed,
    ReviewStarted,
    ReviewSuspended,
)
from qos_domain.procedures import ClockRules, Name, Organisation, Period

FIRST_DAY = datetime(2025, 4, 21, tzinfo=UTC)  # before Golden Week
PROCEDURES = ("P1", "P2")
CHANNELS = ("online", "email", "counter")

instants = st.integers(0, 40 * 24 * 4).map(lambda quarters: FIRST_DAY + timedelta(minutes=15 * quarters))
dates = st.integers(0, 40).map(lambda days: FIRST_DAY.date() + timedelta(days=days))
channels = st.sampled_from(CHANNELS)
reasons = st.sampled_from(("correction", "awaiting_payment", "forwarded"))
periods = st.none() | st.builds(
    Period,
    unit=st.sampled_from(("business_days", "calendar_days", "weeks", "months", "hours")),
    maximum=st.integers(0, 12),
)


def case_payloads(procedure_id: str) -> st.SearchStrategy[EventPayload]:
    ids: dict[str, Any] = {
        "procedure_id": st.just(procedure_id),
        "application_id": st.sampled_from(("A1", "A2", "A3")),
    }
    maybe_attached = {**ids, "application_id": st.none() | ids["application_id"]}
    some_id = st.sampled_from(("x1", "x2"))
    return st.one_of(
        st.builds(ApplicationStarted, **ids, channel=channels),
        st.builds(ApplicationAbandoned, **ids),
        st.builds(
            ApplicationSubmitted,
            **ids,
            channel=channels,
            device=st.sampled_from((None, "smartphone", "pc")),
            started_at=st.none() | instants,
            received_at=st.none() | instants,
            due_date=st.none() | dates,
            attachments=st.none() | st.builds(Attachments, digital=st.integers(0, 3), paper=st.integers(0, 2)),
            batch_id=st.sampled_from((None, "b1")),
        ),
        st.builds(
            ApplicationFeePaid,
            **ids,
            payment_id=some_id,
            method=st.sampled_from(("card", "cash", "internet_banking")),
            amount_yen=st.integers(0, 5000),
        ),
        st.builds(ApplicationWithdrawn, **ids),
        st.builds(ReviewStarted, **ids),
        st.builds(ReviewSuspended, **ids, suspension_id=some_id, reason=reasons),
        st.builds(ReviewResumed, **ids, suspension_id=some_id),
        st.builds(ReviewExtended, **ids, extension_id=some_id, due_date=dates),
        st.builds(ReviewDecided, **ids, outcome=st.sampled_from(("approved", "rejected", "returned"))),
        st.builds(
            NotificationSent,
            **ids,
            channel=st.sampled_from(("electronic", "mail")),
            purpose=st.sampled_from(("result", "receipt")),
        ),
        st.builds(NotificationRead, **ids),
        st.builds(FeedbackSubmitted, **maybe_attached, rating=st.integers(1, 5), channel=channels),
        st.builds(InquiryReceived, **maybe_attached, channel=channels),
    )


def registry_payloads(procedure_id: str) -> st.SearchStrategy[EventPayload]:
    return st.one_of(
        *(
            st.builds(
                kind,
                procedure_id=st.just(procedure_id),
                name=st.just(Name(ja="水道の使用開始")),
                organisation=st.sampled_from(("waterworks", "taxation")).map(
                    lambda name: Organisation(id=name, name=Name(ja=name), kind="bureau")
                ),
                effective_from=dates | st.just(date(2020, 1, 1)),
                online_channels=st.sampled_from((("online",), ("online", "email"))),
                standard_period=periods,
                online_standard_period=periods,
                clock=st.builds(
                    ClockRules,
                    count_arrival_day=st.booleans(),
                    roll_to_business_day=st.booleans(),
                    stop=st.sampled_from(("notification", "decision")),
                ),
            )
            for kind in (ProcedureRegistered, ProcedureUpdated, ProcedureRetired)
        )
    )


@st.composite
def events(draw: st.DrawFn, registry_share: float = 0.1) -> Event:
    procedure_id = draw(st.sampled_from(PROCEDURES))
    registry = draw(st.floats(0, 1)) < registry_share
    identifier = draw(st.sampled_from([f"e{n}" for n in range(30)]))
    corrects = draw(st.sampled_from((None, None, None, *(f"e{n}" for n in range(30)))))
    return Event(
        source=draw(st.sampled_from(("urn:joint", "urn:counter"))),
        id=identifier,
        time=draw(instants),
        data=draw((registry_payloads if registry else case_payloads)(procedure_id)),
        corrects=None if corrects == identifier else corrects,
    )


streams = st.lists(events(), max_size=40)

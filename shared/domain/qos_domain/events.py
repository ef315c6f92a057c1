"""What happens to an application, as frozen, past-tense, versioned facts (CloudEvents 1.0).

A payload is what stands in a CloudEvent's `data`. Unknown fields are refused, so that personal data can't slip in;
what isn't said is `None`: unknown, never false.
"""

from datetime import date, datetime
from typing import Annotated, Literal, TypeAlias

import msgspec
from msgspec import Meta, Struct

from qos_domain.procedures import Procedure
from qos_domain.vocabulary import (
    ApplicationId,
    Channel,
    Comment,
    Device,
    Identifier,
    InquiryTopic,
    Instant,
    NotificationChannel,
    Outcome,
    PaymentMethod,
    Purpose,
    SuspensionReason,
)

Count: TypeAlias = Annotated[int, Meta(ge=0, le=10_000)]


class Payload(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """What every payload names: the procedure, which is also the key of its Kafka record."""

    procedure_id: Identifier


class ApplicationPayload(Payload, frozen=True, kw_only=True):
    application_id: ApplicationId


class ApplicationStarted(ApplicationPayload, frozen=True, kw_only=True):
    """An applicant opened the form."""

    channel: Channel
    device: Device | None = None


class ApplicationAbandoned(ApplicationPayload, frozen=True, kw_only=True):
    """An applicant left the form unsent, and the form's system says so."""


class Attachments(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """How many documents came as data, how many on paper, how many data linkage made needless."""

    digital: Count = 0
    paper: Count = 0
    omitted_by_linkage: Count = 0


class ApplicationSubmitted(ApplicationPayload, frozen=True, kw_only=True):
    """The application reached the office. `received_at` is its arrival where it differs from the event's time."""

    channel: Channel
    by_agent: bool | None = None
    device: Device | None = None
    started_at: Instant | None = None
    received_at: Instant | None = None
    due_date: date | None = None
    attachments: Attachments | None = None
    batch_id: Identifier | None = None


class ApplicationFeePaid(ApplicationPayload, frozen=True, kw_only=True):
    """A fee was paid. It counts once per `payment_id`, the earliest."""

    payment_id: Identifier
    method: PaymentMethod
    amount_yen: Annotated[int, Meta(ge=0, le=1_000_000_000_000)]


class ApplicationWithdrawn(ApplicationPayload, frozen=True, kw_only=True):
    """The applicant took the application back."""


class ReviewStarted(ApplicationPayload, frozen=True, kw_only=True):
    """The office began to examine the application."""


class ReviewSuspended(ApplicationPayload, frozen=True, kw_only=True):
    """The office waits for something. Whether the clock stands still is the procedure's rule for the reason."""

    suspension_id: Identifier
    reason: SuspensionReason


class ReviewResumed(ApplicationPayload, frozen=True, kw_only=True):
    """What the office waited for is there. `suspension_id` is that of the suspension."""

    suspension_id: Identifier
    reason: SuspensionReason | None = None


class ReviewExtended(ApplicationPayload, frozen=True, kw_only=True):
    """The office gave the case a later due date of its own, before the former one had passed."""

    extension_id: Identifier
    due_date: date


class ReviewDecided(ApplicationPayload, frozen=True, kw_only=True):
    """The office decided. The earliest decision counts for the clock, the latest for the outcome."""

    outcome: Outcome


class NotificationSent(ApplicationPayload, frozen=True, kw_only=True):
    """The applicant was told something. The earliest with purpose `result` ends the case."""

    channel: NotificationChannel
    purpose: Purpose = "result"


class NotificationRead(ApplicationPayload, frozen=True, kw_only=True):
    """The applicant opened an electronic notification."""


class FeedbackSubmitted(Payload, frozen=True, kw_only=True):
    """The applicant's satisfaction, 1 (worst) to 5. `comment` is masked before it is published."""

    rating: Annotated[int, Meta(ge=1, le=5)]
    channel: Channel
    application_id: ApplicationId | None = None
    comment: Comment | None = None


class InquiryReceived(Payload, frozen=True, kw_only=True):
    """A call centre or counter was asked about the procedure."""

    channel: Channel
    application_id: ApplicationId | None = None
    topic: InquiryTopic | None = None


class ProcedureRegistered(Procedure, frozen=True, kw_only=True):
    """A version of a procedure, whole, valid from its `effective_from`."""


class ProcedureUpdated(Procedure, frozen=True, kw_only=True):
    """A later (or corrected) version of a procedure, whole."""


class ProcedureRetired(Procedure, frozen=True, kw_only=True):
    """The procedure is no longer offered from `effective_from`."""


CasePayload: TypeAlias = (
    ApplicationStarted
    | ApplicationAbandoned
    | ApplicationSubmitted
    | ApplicationFeePaid
    | ApplicationWithdrawn
    | ReviewStarted
    | ReviewSuspended
    | ReviewResumed
    | ReviewExtended
    | ReviewDecided
    | NotificationSent
    | NotificationRead
    | FeedbackSubmitted
    | InquiryReceived
)
RegistryPayload: TypeAlias = ProcedureRegistered | ProcedureUpdated | ProcedureRetired
EventPayload: TypeAlias = CasePayload | RegistryPayload

Topic: TypeAlias = Literal["applications", "reviews", "notifications", "feedback", "procedures"]
INPUT_TOPICS: tuple[Topic, ...] = ("applications", "reviews", "notifications", "feedback", "procedures")

# type -> (topic, payload). The order is the order of the documentation.
EVENT_TYPES: dict[str, tuple[Topic, type[EventPayload]]] = {
    "application.started": ("applications", ApplicationStarted),
    "application.abandoned": ("applications", ApplicationAbandoned),
    "application.submitted": ("applications", ApplicationSubmitted),
    "application.fee_paid": ("applications", ApplicationFeePaid),
    "application.withdrawn": ("applications", ApplicationWithdrawn),
    "review.started": ("reviews", ReviewStarted),
    "review.suspended": ("reviews", ReviewSuspended),
    "review.resumed": ("reviews", ReviewResumed),
    "review.extended": ("reviews", ReviewExtended),
    "review.decided": ("reviews", ReviewDecided),
    "notification.sent": ("notifications", NotificationSent),
    "notification.read": ("notifications", NotificationRead),
    "feedback.submitted": ("feedback", FeedbackSubmitted),
    "inquiry.received": ("feedback", InquiryReceived),
    "procedure.registered": ("procedures", ProcedureRegistered),
    "procedure.updated": ("procedures", ProcedureUpdated),
    "procedure.retired": ("procedures", ProcedureRetired),
}
TYPE_OF: dict[type[EventPayload], str] = {payload: name for name, (_, payload) in EVENT_TYPES.items()}


class Event(Struct, frozen=True, kw_only=True):
    """An accepted event. (source, id) names it; `time` is when it happened (an aware instant).

    `corrects` is the id of an event of the same source, of the same case, that this one replaces for ever.
    """

    source: str
    id: str
    time: datetime
    data: EventPayload
    corrects: str | None = None

    @property
    def type(self) -> str:
        """The short type, e.g. `application.submitted`."""
        return TYPE_OF[type(self.data)]

    @property
    def topic(self) -> Topic:
        return EVENT_TYPES[self.type][0]


PAYLOAD_DECODERS: dict[str, msgspec.json.Decoder[EventPayload]] = {
    name: msgspec.json.Decoder(payload) for name, (_, payload) in EVENT_TYPES.items()
}


def payload_schema(event_type: str) -> dict[str, object]:
    """The JSON Schema (2020-12) of a type's `data`."""
    return msgspec.json.schema(EVENT_TYPES[event_type][1])

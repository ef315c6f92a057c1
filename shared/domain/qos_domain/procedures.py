"""A version of a procedure in the registry: who owns it, how its clock runs, what its owner declares of it.

Only procedure_id, name, organisation and effective_from are required. What isn't said is `None`: unknown, not false.
"""

from datetime import date
from typing import Annotated, TypeAlias

from msgspec import Meta, Struct

from qos_domain.vocabulary import (
    Barrier,
    Channel,
    Identifier,
    OrganisationKind,
    PaymentMethod,
    ProcedureKind,
    Stop,
    SuspensionReason,
    Text,
    Unit,
)

DEFAULT_OBJECTIVE = 0.95
"""The share of results to be met that a procedure promises unless it says another."""

Channels: TypeAlias = Annotated[tuple[Channel, ...], Meta(max_length=20)]


class _Part(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """A part of a version."""


class Name(_Part, frozen=True, kw_only=True):
    ja: Text
    en: Text | None = None


class Organisation(_Part, frozen=True, kw_only=True):
    id: Identifier
    name: Name
    kind: OrganisationKind


class Period(_Part, frozen=True, kw_only=True):
    """A published normal time. A range (`minimum`..`maximum`) counts by its maximum; 0 means due on arrival."""

    unit: Unit
    maximum: Annotated[int, Meta(ge=0, le=100_000)]
    minimum: Annotated[int, Meta(ge=0, le=100_000)] | None = None


class ClockRules(_Part, frozen=True, kw_only=True):
    """How the office counts (domain document, The clock). The defaults are Tokyo's."""

    count_arrival_day: bool = False
    roll_to_business_day: bool = False
    stop: Stop = "notification"
    suspending_reasons: Annotated[tuple[SuspensionReason, ...], Meta(max_length=20)] = (
        "correction",
        "awaiting_payment",
        "additional_data",
        "applicant_change",
    )


class Fee(_Part, frozen=True, kw_only=True):
    due: bool
    methods: Annotated[tuple[PaymentMethod, ...], Meta(max_length=20)] | None = None


class DeclaredAttributes(_Part, frozen=True, kw_only=True):
    """What the owner says of the procedure; the level criteria name these."""

    status_visible: bool | None = None
    attachments_as_data: bool | None = None
    attachments_minimal_by_linkage: bool | None = None
    cashless_available: bool | None = None
    batch_group: Text | None = None
    smartphone_ready: bool | None = None
    form_assisted: bool | None = None
    feedback_enabled: bool | None = None
    feedback_acted_on: bool | None = None


class Procedure(_Part, frozen=True, kw_only=True):
    """One version of a procedure, whole, valid from `effective_from` (a local date).

    `online_channels` are those that count as online for it; the channel `online` always does.
    """

    procedure_id: Identifier
    name: Name
    organisation: Organisation
    effective_from: date
    kind: ProcedureKind | None = None
    legal_basis: Text | None = None
    channels: Channels | None = None
    online_channels: Channels = ("online",)
    standard_period: Period | None = None
    online_standard_period: Period | None = None
    clock: ClockRules = ClockRules()
    fee: Fee | None = None
    within_discretion: bool | None = None
    barrier: Barrier | None = None
    digital_since: date | None = None
    objective: Annotated[float, Meta(gt=0, le=1)] = DEFAULT_OBJECTIVE
    priority: bool | None = None
    attributes: DeclaredAttributes = DeclaredAttributes()

    def is_online(self, channel: Channel) -> bool:
        return channel == "online" or channel in self.online_channels

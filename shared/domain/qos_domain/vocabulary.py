"""The words of the domain as types: what a channel, a reason, a unit can be, and what an identifier looks like."""

from datetime import datetime
from typing import Annotated, Literal, TypeAlias

from msgspec import Meta

Channel: TypeAlias = Literal["online", "email", "counter", "mail", "phone", "other"]
Device: TypeAlias = Literal["smartphone", "pc", "tablet", "kiosk"]
PaymentMethod: TypeAlias = Literal[
    "card", "qr_code", "e_money", "internet_banking", "cash", "revenue_stamp", "bank_slip", "other"
]
SuspensionReason: TypeAlias = Literal[
    "correction", "awaiting_payment", "additional_data", "applicant_change", "forwarded", "other"
]
Outcome: TypeAlias = Literal["approved", "rejected", "returned", "other"]
Purpose: TypeAlias = Literal["result", "receipt", "correction", "other"]
NotificationChannel: TypeAlias = Literal["electronic", "mail", "counter", "phone"]
OrganisationKind: TypeAlias = Literal["bureau", "policy_partner", "municipality", "ministry", "other"]
ProcedureKind: TypeAlias = Literal[
    "application",
    "notification",
    "certificate",
    "benefit",
    "subsidy",
    "reservation",
    "consultation",
    "contract",
    "other",
]
Unit: TypeAlias = Literal["business_days", "calendar_days", "weeks", "months", "years", "hours"]
Stop: TypeAlias = Literal["notification", "decision"]
Barrier: TypeAlias = Literal[
    "national_law_or_system",
    "municipal_coordination",
    "physical_item",
    "material_or_sample",
    "system_renewal_planned",
    "other",
]

# Card, QR code, e-money, internet banking (Pay-easy); not cash, revenue stamps or bank slips at a window.
CASHLESS_METHODS: frozenset[PaymentMethod] = frozenset({"card", "qr_code", "e_money", "internet_banking"})

# An id is a pseudonym: no "@" (an e-mail address), no blanks (a name). `(?!\n)$`: `$` alone would take a newline.
Identifier: TypeAlias = Annotated[
    str, Meta(min_length=1, max_length=128, pattern=r"^[A-Za-z0-9][A-Za-z0-9._:/#-]*(?!\n)$")
]
# Nor is it an Individual Number ("My Number": 12 digits).
ApplicationId: TypeAlias = Annotated[
    str, Meta(min_length=1, max_length=128, pattern=r"^(?![0-9]{12}$)[A-Za-z0-9][A-Za-z0-9._:/#-]*(?!\n)$")
]
# One line: no control characters.
Text: TypeAlias = Annotated[str, Meta(min_length=1, max_length=500, pattern=r"^[^\x00-\x1f\x7f]+(?!\n)$")]
# Free text of several lines: no control characters but tab and line ends.
Comment: TypeAlias = Annotated[str, Meta(max_length=2000, pattern=r"^[^\x00-\x08\x0b\x0c\x0e-\x1f\x7f]*$")]
InquiryTopic: TypeAlias = Annotated[str, Meta(max_length=100, pattern=r"^[^\x00-\x1f\x7f]*(?!\n)$")]
# The id of an event, unique within its source.
EventId: TypeAlias = Annotated[
    str, Meta(min_length=1, max_length=128, pattern=r"^[A-Za-z0-9][A-Za-z0-9._:/#+=-]*(?!\n)$")
]
# The system that emits: a URI reference without user information.
Source: TypeAlias = Annotated[
    str, Meta(min_length=1, max_length=200, pattern=r"^[A-Za-z0-9/][A-Za-z0-9._~:/?#&=%+,;-]*(?!\n)$")
]
# An instant: RFC 3339 with an offset.
Instant: TypeAlias = Annotated[datetime, Meta(tz=True)]

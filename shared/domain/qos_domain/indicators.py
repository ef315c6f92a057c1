"""The shapes of all indicators of a scope (docs/indicators.md; domain document, Indicators); `reporting` makes them.

Every whole number in these shapes is a count of something; every share, rate and mean stands with the counts that it
is made of. What can't be said is None.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import Literal, TypeAlias

from qos_domain.figures import Distribution, Mean, Rate, Share
from qos_domain.measures import Measure
from qos_domain.periods import Window
from qos_domain.slo import ErrorBudget
from qos_domain.vocabulary import Channel

Band: TypeAlias = Literal["below_20", "from_20_to_50", "from_50_to_80", "from_80"]
Counting: TypeAlias = Literal["business_days", "calendar_days", "hours"]

ELAPSED: Mapping[Counting, Measure] = {
    "business_days": "elapsed_business_days",
    "calendar_days": "elapsed_calendar_days",
    "hours": "elapsed_hours",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Volume:
    """`applications` and `withdrawn` (before any stop) are of the window; `batched` came in one go with others."""

    applications: int
    withdrawn: int
    batched: int
    applications_365_days: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """How cases stand at the end of as_of. What only single cases say is None where they weren't asked."""

    open: int
    overdue: int
    suspended: int | None
    due_soon: int | None
    forecast: int | None


@dataclass(frozen=True, slots=True)
class Elapsed:
    """Counted days, or whole hours, less suspensions, of the cases of one counting."""

    counting: Counting
    elapsed: Distribution


@dataclass(frozen=True, slots=True, kw_only=True)
class ProcessingTime:
    """Of cases that stopped in the window. `elapsed` is there for one procedure only: one entry per counting in use."""

    calendar_days: Distribution | None
    elapsed: tuple[Elapsed, ...]
    waiting_days: Distribution | None
    review_days: Distribution | None
    notification_days: Distribution | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Compliance:
    """Results of the window, the breaches of open cases among them. `stopped_within_period` looks at the cases that
    stopped in the window alone. `recovered` and `withdrawn_overdue` are ends of breached cases in the window, whenever
    they breached; `retracted` are breaches that were announced and that a late fact took back, None if not known."""

    within_period: Share
    stopped_within_period: Share
    breached: int
    recovered: int
    withdrawn_overdue: int
    retracted: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class OnlineApplications:
    applications: Share
    band: Band | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Cashless:
    """Cashless among all payments, by number and by amount (yen); the online ones are of online applications. An
    amount is None only where it is withheld from the public."""

    payments: Share
    yen: Share | None
    online_payments: Share
    online_yen: Share | None


@dataclass(frozen=True, slots=True, kw_only=True)
class OnlineForms:
    """Online starts before as_of, and what became of them: submitted online, abandoned, submitted by another channel
    or still in progress. `minutes` runs from start to submission, by arrival date."""

    completed: Share
    abandoned: Share
    submitted_elsewhere: int
    in_progress: int
    minutes: Distribution | None
    within_10_minutes: Share


@dataclass(frozen=True, slots=True, kw_only=True)
class Satisfaction:
    """`satisfied` is the share of ratings 4 and 5; `ratings` counts those of 1, 2, 3, 4 and 5."""

    rating: Mean
    satisfied: Share
    ratings: tuple[int, int, int, int, int]


@dataclass(frozen=True, slots=True, kw_only=True)
class Decisions:
    """By the date of the first decision; the outcome is the latest. `corrected` had at least one correction."""

    corrected: Share
    approved: int
    rejected: int
    returned: Share
    other: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Attachments:
    """Of applications that state their attachments: sent (as data or on paper) and made needless by data linkage, per
    application; and the online ones that still sent something on paper."""

    sent: Mean
    omitted_by_linkage: Mean
    online_with_paper: Share


@dataclass(frozen=True, slots=True, kw_only=True)
class DataQuality:
    """What is in no other figure (unsubmitted, unregistered), or counts without a result (inconsistent); and events
    that came with two contents."""

    unsubmitted: int
    unregistered: int
    inconsistent: int
    conflicts: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Indicators:
    """All figures of one scope (and perhaps one channel) over one window, as of one day."""

    volume: Volume
    standing: Standing
    processing_time: ProcessingTime
    compliance: Compliance
    error_budget: ErrorBudget | None
    online: OnlineApplications
    cashless: Cashless
    forms: OnlineForms
    satisfaction: Satisfaction
    inquiries: Rate
    decisions: Decisions
    attachments: Attachments
    electronic_notifications: Share
    smartphone: Share
    data_quality: DataQuality


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """The indicators of a scope, of all channels and of each channel there is anything of."""

    as_of: date
    window: Window
    total: Indicators
    channels: Mapping[Channel, Indicators]

"""How each of the ten procedures behaves: who applies how and when, and how well the office keeps up.

Shares are 0..1, durations are in the unit that their name says; `Mix` is a choice by weight.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TypeAlias

from qos_domain.vocabulary import Channel, Device, Outcome, PaymentMethod, SuspensionReason

Mix: TypeAlias = Mapping[str, float]
ChannelMix: TypeAlias = Mapping[Channel, float]
MethodMix: TypeAlias = Mapping[PaymentMethod, float]

# January to December.
_EVEN = (1.0,) * 12
_MOVING_SEASON = (0.9, 1.2, 2.0, 1.6, 0.9, 0.8, 0.9, 0.9, 1.0, 0.9, 0.8, 0.8)
_FISCAL_YEAR_END = (0.9, 1.1, 1.9, 0.9, 0.8, 0.9, 1.0, 0.8, 1.1, 0.9, 0.9, 0.9)
_RETURNS = (0.8, 1.2, 1.0, 0.7, 2.6, 1.0, 0.7, 0.9, 0.7, 0.7, 1.5, 0.9)
_SUMMER_REPORTS = (0.3, 0.3, 0.4, 2.0, 3.0, 3.4, 0.8, 0.5, 0.4, 0.3, 0.3, 0.3)
_AUTUMN_ROUND = (1.2, 1.0, 0.8, 0.7, 0.7, 0.7, 0.8, 0.8, 1.0, 1.4, 1.8, 1.5)


@dataclass(frozen=True, slots=True)
class Work:
    """Business days from arrival to decision: lognormal about the median. `review_after` is when examining begins."""

    median_days: float
    spread: float
    review_after: float = 0.3


@dataclass(frozen=True, slots=True)
class Profile:
    """A procedure's habits. `channels_before` and `channels_now` are the mixes of the first and of the last day."""

    code: str
    yearly_cases: int
    channels_before: ChannelMix
    channels_now: ChannelMix
    online_work: Work
    other_work: Work
    months: tuple[float, ...] = _EVEN
    by_agent: float = 0.05
    devices: Mapping[Device, float] = field(default_factory=lambda: {"smartphone": 0.6, "pc": 0.35, "tablet": 0.05})
    start_recorded: float = 0.35
    abandoned_per_start: float = 0.15
    form_minutes: float = 12.0
    attachments: float = 1.5
    paper_online: float = 0.04
    omitted_by_linkage: float = 0.0
    batch: float = 0.0
    correction: float = 0.06
    other_suspension: float = 0.02
    suspension_reasons: Mapping[SuspensionReason, float] = field(default_factory=lambda: {"additional_data": 1.0})
    suspension_days: float = 4.0
    extension: float = 0.0
    withdrawal: float = 0.01
    outcomes: Mapping[Outcome, float] = field(
        default_factory=lambda: {"approved": 0.93, "rejected": 0.03, "returned": 0.03, "other": 0.01}
    )
    fee_yen: tuple[int, int] | None = None
    methods_online: MethodMix = field(default_factory=dict)
    methods_other: MethodMix = field(default_factory=dict)
    electronic: float = 0.9
    read: float = 0.3
    feedback: float = 0.06
    ratings: tuple[float, ...] = (0.04, 0.08, 0.2, 0.4, 0.28)
    inquiry: float = 0.03
    # Applications that nobody ever takes up.
    forgotten: float = 0.003
    # Decisions a business day, as a share of what comes in; None: as many as it takes.
    capacity_before: float | None = None
    capacity_now: float | None = None


PROFILES: Mapping[str, Profile] = {
    "water-supply-contract": Profile(
        code="WAT",
        yearly_cases=1_000_000,
        channels_before={"online": 0.46, "phone": 0.44, "counter": 0.04, "mail": 0.06},
        channels_now={"online": 0.62, "phone": 0.32, "counter": 0.03, "mail": 0.03},
        online_work=Work(0.6, 0.5),
        other_work=Work(1.4, 0.5),
        months=_MOVING_SEASON,
        form_minutes=8,
        attachments=0.2,
        paper_online=0.01,
        omitted_by_linkage=0.5,
        batch=0.05,
        correction=0.02,
        ratings=(0.02, 0.04, 0.14, 0.42, 0.38),
        inquiry=0.04,
    ),
    "automobile-tax-environmental": Profile(
        code="CAR",
        yearly_cases=900_000,
        channels_before={"online": 0.5, "counter": 0.5},
        channels_now={"online": 0.64, "counter": 0.36},
        online_work=Work(1.2, 0.45),
        other_work=Work(2.2, 0.4),
        months=_FISCAL_YEAR_END,
        by_agent=0.85,
        devices={"pc": 0.97, "tablet": 0.03},
        start_recorded=0.15,
        abandoned_per_start=0.08,
        attachments=2.0,
        paper_online=0.01,
        omitted_by_linkage=0.8,
        batch=0.3,
        correction=0.03,
        fee_yen=(8_000, 95_000),
        methods_online={"internet_banking": 0.8, "card": 0.2},
        methods_other={"cash": 0.55, "revenue_stamp": 0.35, "card": 0.1},
        feedback=0.02,
        inquiry=0.01,
    ),
    "corporate-tax-return": Profile(
        code="TAX",
        yearly_cases=810_000,
        channels_before={"online": 0.8, "mail": 0.14, "counter": 0.06},
        channels_now={"online": 0.87, "mail": 0.09, "counter": 0.04},
        online_work=Work(5.5, 0.4),
        other_work=Work(9.5, 0.4),
        months=_RETURNS,
        by_agent=0.9,
        devices={"pc": 1.0},
        start_recorded=0.1,
        abandoned_per_start=0.05,
        form_minutes=35,
        attachments=3.0,
        paper_online=0.005,
        correction=0.05,
        outcomes={"approved": 0.97, "returned": 0.02, "other": 0.01},
        feedback=0.01,
        inquiry=0.02,
    ),
    "cancer-registry-notification": Profile(
        code="CAN",
        yearly_cases=170_000,
        channels_before={"online": 0.6, "mail": 0.4},
        channels_now={"online": 0.78, "mail": 0.22},
        online_work=Work(9, 0.35),
        other_work=Work(17, 0.4),
        by_agent=0.0,
        devices={"pc": 1.0},
        start_recorded=0.0,
        attachments=0.1,
        paper_online=0.0,
        correction=0.14,
        feedback=0.0,
        read=0.1,
        inquiry=0.01,
        outcomes={"approved": 0.98, "returned": 0.02},
    ),
    # Drowning: since a reorganisation it decides fewer than come in, and the queue grows.
    "high-school-tuition-support": Profile(
        code="EDU",
        yearly_cases=150_000,
        channels_before={"online": 0.7, "mail": 0.25, "counter": 0.05},
        channels_now={"online": 0.85, "mail": 0.12, "counter": 0.03},
        online_work=Work(11, 0.25),
        other_work=Work(15, 0.3),
        form_minutes=18,
        abandoned_per_start=0.33,
        attachments=0.8,
        paper_online=0.01,
        omitted_by_linkage=1.2,
        correction=0.12,
        ratings=(0.2, 0.27, 0.28, 0.18, 0.07),
        inquiry=0.22,
        capacity_before=1.25,
        capacity_now=0.5,
    ),
    # Declared fast (an online standard period, status visible), but the evidence contradicts it.
    "metropolitan-housing": Profile(
        code="HOU",
        yearly_cases=130_000,
        channels_before={"online": 0.35, "mail": 0.5, "counter": 0.15},
        channels_now={"online": 0.6, "mail": 0.3, "counter": 0.1},
        online_work=Work(13.2, 0.33, review_after=0.5),
        other_work=Work(17, 0.3, review_after=0.5),
        form_minutes=22,
        abandoned_per_start=0.12,
        attachments=2.5,
        paper_online=0.0,
        correction=0.1,
        outcomes={"approved": 0.55, "rejected": 0.4, "returned": 0.05},
        ratings=(0.02, 0.06, 0.2, 0.46, 0.26),
        inquiry=0.12,
        withdrawal=0.03,
    ),
    "road-occupation-permit": Profile(
        code="ROA",
        yearly_cases=32_000,
        channels_before={"online": 0.2, "email": 0.1, "counter": 0.7},
        channels_now={"online": 0.38, "email": 0.14, "counter": 0.48},
        online_work=Work(3.8, 0.25),
        other_work=Work(7.5, 0.35),
        months=_FISCAL_YEAR_END,
        by_agent=0.6,
        devices={"pc": 0.9, "tablet": 0.1},
        attachments=4.0,
        paper_online=0.15,
        correction=0.22,
        other_suspension=0.12,
        suspension_reasons={"awaiting_payment": 0.6, "forwarded": 0.3, "applicant_change": 0.1},
        extension=0.04,
        fee_yen=(2_000, 60_000),
        methods_online={"internet_banking": 0.5, "card": 0.2, "bank_slip": 0.3},
        methods_other={"cash": 0.35, "bank_slip": 0.65},
        electronic=0.7,
        inquiry=0.08,
        withdrawal=0.03,
    ),
    "metropolitan-cemetery": Profile(
        code="CEM",
        yearly_cases=15_000,
        channels_before={"counter": 0.6, "mail": 0.4},
        channels_now={"online": 0.45, "counter": 0.35, "mail": 0.2},
        online_work=Work(13, 0.35),
        other_work=Work(19, 0.35),
        start_recorded=0.8,
        abandoned_per_start=0.3,
        form_minutes=25,
        attachments=3.0,
        paper_online=0.25,
        correction=0.15,
        fee_yen=(1_600, 400_000),
        methods_online={"card": 0.55, "bank_slip": 0.45},
        methods_other={"cash": 0.4, "bank_slip": 0.6},
        electronic=0.5,
        feedback=0.12,
        ratings=(0.05, 0.12, 0.33, 0.35, 0.15),
        inquiry=0.2,
        withdrawal=0.04,
    ),
    "industrial-waste-report": Profile(
        code="WAS",
        yearly_cases=15_000,
        channels_before={"online": 0.3, "email": 0.3, "mail": 0.4},
        channels_now={"online": 0.5, "email": 0.25, "mail": 0.25},
        online_work=Work(9, 0.4),
        other_work=Work(13, 0.4),
        months=_SUMMER_REPORTS,
        by_agent=0.3,
        devices={"pc": 1.0},
        start_recorded=0.0,
        attachments=1.0,
        paper_online=0.0,
        correction=0.2,
        feedback=0.0,
        inquiry=0.1,
    ),
    "tender-qualification": Profile(
        code="TEN",
        yearly_cases=11_000,
        channels_before={"online": 0.92, "mail": 0.08},
        channels_now={"online": 0.98, "mail": 0.02},
        online_work=Work(4.5, 0.35),
        other_work=Work(11, 0.3),
        months=_AUTUMN_ROUND,
        by_agent=0.4,
        devices={"pc": 1.0},
        start_recorded=0.5,
        abandoned_per_start=0.12,
        form_minutes=45,
        attachments=3.0,
        paper_online=0.0,
        omitted_by_linkage=1.5,
        correction=0.18,
        feedback=0.15,
        inquiry=0.15,
    ),
}

"""The JSON of the answers: what OpenAPI documents is what these classes are, and they are what is sent."""

from datetime import date, datetime
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from qos_domain.assessment import Assessment, Settled
from qos_domain.criteria import Principle
from qos_domain.digitalisation import Digitalisation
from qos_domain.indicators import Indicators
from qos_domain.levels import LevelReading
from qos_domain.periods import Window
from qos_domain.vocabulary import Channel, OrganisationKind, ProcedureKind, SuspensionReason, Unit
from qos_domain.volume import Priority
from qos_metrics.access import Audience
from qos_metrics.answers import AnswerFreshness


class Answer(BaseModel):
    """What every answer says: for whom it is, of which day, and how fresh the data is."""

    model_config = ConfigDict(extra="forbid")

    audience: Annotated[
        Audience, Field(description="public: small counts are rounded and withheld; staff: exact figures.")
    ]
    as_of: Annotated[date, Field(description="The local date that the answer is of.", examples=["2026-11-20"])]
    freshness: AnswerFreshness


class Name(BaseModel):
    ja: Annotated[str, Field(examples=["道路占用許可"])]
    en: Annotated[str | None, Field(examples=["Road occupation permit"])]


class OrganisationSummary(BaseModel):
    organisation_id: Annotated[str, Field(examples=["construction"])]
    name: Name
    kind: OrganisationKind


class OrganisationEntry(OrganisationSummary):
    procedures: Annotated[int, Field(description="Procedures that are its own and aren't retired.", examples=[412])]


class ProcedureSummary(BaseModel):
    """The registry's version in force, or the first one before that."""

    procedure_id: Annotated[str, Field(examples=["road-occupation"])]
    name: Name
    organisation: OrganisationSummary
    kind: ProcedureKind | None
    effective_from: date
    retired: bool
    declared_priority: bool | None


class OrganisationsAnswer(Answer):
    organisations: list[OrganisationEntry]


class ProceduresAnswer(Answer):
    procedures: list[ProcedureSummary]
    next_cursor: Annotated[str | None, Field(description="`cursor` of the next page; null on the last one.")]


class VersionEntry(BaseModel):
    """A registry version: its name, and the whole of it (the payload of procedure events, docs/events.md)."""

    effective_from: date
    recorded_at: datetime
    source: str
    id: str
    retired: bool
    procedure: dict[str, Any]


class ProcedureAnswer(Answer):
    procedure: ProcedureSummary
    priority: Priority
    current: Annotated[dict[str, Any], Field(description="The version in force, whole.")]
    versions: Annotated[list[VersionEntry], Field(description="All versions, oldest first.")]


class IndicatorsAnswer(Answer):
    scope: Annotated[Literal["procedure", "organisation", "all"], Field(examples=["procedure"])]
    procedure: ProcedureSummary | None
    organisation: OrganisationSummary | None
    window: Window
    channel: Annotated[Channel | None, Field(description="The channel that `indicators` are restricted to.")]
    forecast_until: Annotated[date, Field(description="The last day of the forecast.")]
    indicators: Indicators
    channels: Annotated[
        dict[Channel, Indicators] | None, Field(description="With by_channel=true: each channel there is anything of.")
    ]


class DigitalisationAnswer(Answer):
    scope: Annotated[Literal["organisation", "all"], Field(examples=["all"])]
    organisation: OrganisationSummary | None
    digitalisation: Digitalisation


class LevelsAnswer(Answer):
    """`live` is computed now. `settled` moves only after seven equal daily assessments; null before the first one.

    `announced_revision` is the revision of the assessment that was published last on `qos-levels`.
    """

    procedure: ProcedureSummary
    live: Assessment
    settled: Settled | None
    settled_on: date | None
    announced_revision: int | None
    announced_at: datetime | None


class MapReadings(BaseModel):
    declared: LevelReading
    evidenced: LevelReading


class MapEntry(BaseModel):
    """`principles` is null for a procedure that was not assessed yet."""

    procedure: ProcedureSummary
    assessed_at: datetime | None
    principles: dict[Principle, MapReadings] | None
    contradictions: Annotated[int, Field(description="Criteria whose evidence contradicts a declared level.")]


class MapTotalsModel(BaseModel):
    procedures: int
    assessed: int
    contradicted: int
    evidenced_levels: Annotated[
        dict[Principle, tuple[int, int, int, int]],
        Field(description="How many stand at level 0, 1, 2 and 3 for sure."),
    ]


class QualityMapAnswer(Answer):
    totals: Annotated[MapTotalsModel, Field(description="Of all procedures that the filter finds.")]
    entries: list[MapEntry]
    next_cursor: Annotated[str | None, Field(description="`cursor` of the next page; null on the last one.")]


class DueCaseEntry(BaseModel):
    application_id: Annotated[str, Field(examples=["A-2026-000123"])]
    state: Literal["overdue", "due_soon"]
    organisation_id: str | None
    channel: Channel | None
    arrival_date: date
    due_date: date | None
    breach_date: date | None
    due_at: Annotated[datetime | None, Field(description="Only where the period is in hours.")]


class DueCasesAnswer(Answer):
    procedure: ProcedureSummary
    cases: list[DueCaseEntry]
    next_cursor: str | None


class Suspension(BaseModel):
    """The case stands suspended from `from` until the day before `to`; `to` is null while it does."""

    model_config = ConfigDict(populate_by_name=True)

    from_: Annotated[date, Field(alias="from")]
    to: date | None


class JudgementModel(BaseModel):
    arrival_date: date
    stop_date: date | None
    inconsistent: bool
    unit: Unit | None
    due_date: date | None
    breach_date: date | None
    due_at: datetime | None
    elapsed: int | None
    within: bool | None
    due_soon_date: date | None
    due_soon_at: datetime | None
    suspended: list[Suspension]
    flags: list[str]


class LedgerEntry(BaseModel):
    date: date
    counted: bool
    reason: str
    detail: str | None
    elapsed: int
    events: list[str]


class PeriodModel(BaseModel):
    unit: Unit
    minimum: int | None
    maximum: int


class RulesModel(BaseModel):
    count_arrival_day: bool
    roll_to_business_day: bool
    stop: str
    suspending_reasons: list[SuspensionReason]


class ExplanationAnswer(Answer):
    """Why a case is due when it is due. All of it is null for a case without a submission."""

    procedure_id: str
    application_id: str
    channel: Channel | None
    version_effective_from: date | None
    rules: RulesModel | None
    period: PeriodModel | None
    judgement: JudgementModel | None
    ledger: Annotated[list[LedgerEntry], Field(description="Every day of the case; the last `elapsed` is its total.")]

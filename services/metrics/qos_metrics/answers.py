"""What the service answers: exact figures in the shapes of the domain, with how fresh they are."""

from dataclasses import dataclass
from datetime import date, datetime
from typing import TypeAlias

from qos_domain.assessment import Assessment, Settled
from qos_domain.case import CaseView
from qos_domain.clock import Judgement
from qos_domain.digitalisation import Digitalisation
from qos_domain.indicators import Indicators
from qos_domain.ledger import LedgerDay
from qos_domain.periods import Window
from qos_domain.procedures import Period, Procedure
from qos_domain.registry import Version
from qos_domain.vocabulary import Channel
from qos_domain.volume import Priority
from qos_metrics.ports import DueCase, MapRow, OrganisationRow, ProcedureRow, Scope


@dataclass(frozen=True, slots=True)
class AnswerFreshness:
    """How fresh an answer is.

    `last_event_appended_at` is when the newest event that counts was appended to the log, `processed_at` when it was
    processed; None before the first one. `lag_seconds` is how long the oldest event that doesn't count yet has been
    waiting; None when the log hasn't answered lately. `pending_rejudgements` counts procedures whose cases are being
    judged anew after a change of the registry. `stale`: the lag is above the limit or not known.
    """

    last_event_appended_at: datetime | None
    processed_at: datetime | None
    lag_seconds: float | None
    pending_rejudgements: int
    stale: bool


@dataclass(frozen=True, slots=True)
class Question:
    """Which figures of a scope are asked for. `channel` restricts them; `by_channel` adds those of every channel."""

    scope: Scope
    as_of: date
    window: Window
    channel: Channel | None = None
    by_channel: bool = False
    forecast_days: int = 5


Owner: TypeAlias = ProcedureRow | OrganisationRow | None


@dataclass(frozen=True, slots=True)
class Figures:
    """Exact figures. `owner` is the procedure or organisation that they are of; None for all."""

    question: Question
    owner: Owner
    total: Indicators
    channels: dict[Channel, Indicators] | None
    forecast_until: date
    freshness: AnswerFreshness


@dataclass(frozen=True, slots=True)
class DigitalisationRate:
    """Of the procedures of an organisation by the versions in force on as_of; `owner` is None for those of all."""

    owner: OrganisationRow | None
    digitalisation: Digitalisation
    as_of: date
    freshness: AnswerFreshness


@dataclass(frozen=True, slots=True)
class Versions:
    """A procedure with all its registry versions, oldest first, and whether it is a priority procedure."""

    row: ProcedureRow
    current: Procedure
    versions: tuple[Version, ...]
    priority: Priority
    as_of: date
    freshness: AnswerFreshness


@dataclass(frozen=True, slots=True)
class Levels:
    """The assessment computed now, the settled levels, and the revision that processing announced last."""

    row: ProcedureRow
    live: Assessment
    settled: Settled | None
    settled_on: date | None
    revision: int | None
    announced_at: datetime | None
    freshness: AnswerFreshness


@dataclass(frozen=True, slots=True)
class Listing:
    """A page of procedures (of the quality map), and whether more follow or precede."""

    rows: list[MapRow]
    has_next: bool
    has_previous: bool
    as_of: date
    freshness: AnswerFreshness


@dataclass(frozen=True, slots=True)
class DueCases:
    """Open cases that are overdue or due soon, and whether more follow."""

    row: ProcedureRow
    cases: list[DueCase]
    has_next: bool
    as_of: date
    freshness: AnswerFreshness


@dataclass(frozen=True, slots=True)
class Explanation:
    """Why a case is due when it is due: the version and period that govern it, the judgement, and every day of it.

    `judgement` is None, and `ledger` empty, for a case without a submission or of a procedure that isn't registered.
    """

    view: CaseView
    version: Version | None
    period: Period | None
    judgement: Judgement | None
    ledger: tuple[LedgerDay, ...]
    as_of: date
    freshness: AnswerFreshness

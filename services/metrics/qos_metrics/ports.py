"""What the service asks of its store: one consistent snapshot per request, in the words of the domain."""

from collections.abc import Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from datetime import date, datetime
from typing import Literal, Protocol, TypeAlias

from qos_domain.assessment import Assessment, Settled
from qos_domain.criteria import Principle
from qos_domain.facts import Facts
from qos_domain.levels import LevelReading
from qos_domain.measures import Cell, Measure
from qos_domain.periods import Span
from qos_domain.procedures import Procedure
from qos_domain.registry import History
from qos_domain.vocabulary import Channel, OrganisationKind, ProcedureKind
from qos_domain.workload import Workload
from qos_metrics.freshness import LogPartition


class UnknownProcedure(Exception):
    """No procedure of this id is registered."""


class UnknownOrganisation(Exception):
    """No registered procedure belongs to this organisation by the version in force."""


class UnknownApplication(Exception):
    """The procedure has no application of this id."""


class UnknownPublication(Exception):
    """The month was never published; `published` names those that were."""

    def __init__(self, published: Sequence[str]) -> None:
        super().__init__("never published")
        self.published = tuple(published)


@dataclass(frozen=True, slots=True)
class OneProcedure:
    procedure_id: str


@dataclass(frozen=True, slots=True)
class OneOrganisation:
    """The applications that arrived while their procedure was the organisation's, wherever it is today."""

    organisation_id: str


@dataclass(frozen=True, slots=True)
class Everything:
    """All procedures of all organisations."""


Scope: TypeAlias = OneProcedure | OneOrganisation | Everything


@dataclass(frozen=True, slots=True)
class Part:
    """What to sum: the days of a span up to as_of, of some measures or (None) of all."""

    span: Span
    measures: tuple[Measure, ...] | None = None


@dataclass(frozen=True, slots=True)
class Progress:
    """How far the results of the live generation are. None where nothing was processed yet."""

    last_event_appended_at: datetime | None
    processed_at: datetime | None
    pending_rejudgements: int


@dataclass(frozen=True, slots=True)
class ProcedureRow:
    """The registry's version in force (or the first one before that), as lists need it."""

    procedure_id: str
    name_ja: str
    name_en: str | None
    organisation_id: str
    organisation_name_ja: str
    organisation_name_en: str | None
    organisation_kind: OrganisationKind
    kind: ProcedureKind | None
    effective_from: date
    retired: bool
    declared_priority: bool | None


@dataclass(frozen=True, slots=True)
class OrganisationRow:
    organisation_id: str
    name_ja: str
    name_en: str | None
    kind: OrganisationKind
    procedures: int


@dataclass(frozen=True, slots=True)
class MapReadings:
    """Both readings of a principle, as the quality map shows them."""

    declared: LevelReading
    evidenced: LevelReading


@dataclass(frozen=True, slots=True)
class MapRow:
    """One line of the quality map. `principles` is empty for a procedure that was not assessed yet."""

    procedure: ProcedureRow
    assessed_at: datetime | None
    principles: Mapping[Principle, MapReadings]
    contradictions: int


@dataclass(frozen=True, slots=True)
class StoredLevels:
    """What processing assessed last of a procedure."""

    revision: int
    assessed_at: datetime
    live: Assessment
    settled: Settled | None
    settled_on: date | None


@dataclass(frozen=True, slots=True)
class ListFilter:
    """Which procedures a list wants; None takes all. `text` is found in a name or the id, in capitals or not.

    `level` is the evidenced level of `principle`. `contradicted` wants procedures whose evidence contradicts what they
    declare (False: those where it doesn't), `assessed` those that were assessed. `retired` ones are left out unless
    they are asked for.
    """

    text: str | None = None
    organisation_id: str | None = None
    priority: bool | None = None
    principle: Principle | None = None
    level: int | None = None
    contradicted: bool | None = None
    retired: bool = False


@dataclass(frozen=True, slots=True)
class Page:
    """`limit` procedures in the order of their ids: those after one, before one, or the first ones."""

    limit: int
    after: str | None = None
    before: str | None = None


@dataclass(frozen=True, slots=True)
class MapTotals:
    """How many procedures the filter finds, of how many stand at which evidenced level, and how many are contradicted.

    `levels` has the sure level of every assessed one per principle.
    """

    procedures: int
    assessed: int
    contradicted: int
    levels: Mapping[Principle, tuple[int, int, int, int]]


@dataclass(frozen=True, slots=True)
class DueCase:
    """An open case that is overdue or due soon. Dates are local dates; `due_at` is for periods in hours."""

    application_id: str
    organisation_id: str | None
    channel: Channel | None
    arrival_date: date
    due_date: date | None
    breach_date: date | None
    due_at: datetime | None
    state: Literal["overdue", "due_soon"]


class Snapshot(Protocol):
    """One moment of the store: whatever is asked of it, the answers fit together."""

    async def progress(self) -> Progress: ...

    async def history(self, procedure_id: str) -> History:
        """All registry versions of a procedure; an empty history when it isn't registered."""
        ...

    async def procedure(self, procedure_id: str) -> tuple[ProcedureRow, Procedure]:
        """The version in force (or the first one before that). Raises UnknownProcedure."""
        ...

    async def in_force(self, as_of: date, organisation_id: str | None) -> list[tuple[Procedure, int]]:
        """The versions in force on a day, of one organisation or of all, without the retired ones.

        Each stands for the number of procedures that say the same of channels, discretion, barrier and digitalisation.
        """
        ...

    async def organisation(self, organisation_id: str) -> OrganisationRow:
        """Raises UnknownOrganisation."""
        ...

    async def organisations(self) -> list[OrganisationRow]:
        """All that own a procedure, in the order of their ids."""
        ...

    async def procedures(self, wanted: ListFilter, page: Page) -> list[ProcedureRow]: ...

    async def quality_map(self, wanted: ListFilter, page: Page) -> list[MapRow]: ...

    async def map_totals(self, wanted: ListFilter) -> MapTotals: ...

    async def sums(self, scope: Scope, as_of: date, parts: Sequence[Part]) -> list[dict[Cell, int]]:
        """Buckets summed, one for each part, cell by cell; a measure that settles late only up to its last day."""
        ...

    async def retracted(self, scope: Scope, span: Span) -> int:
        """How many announced breaches were taken back by late facts on the days of a span."""
        ...

    async def event_dates(self, procedure_id: str, span: Span) -> list[date]:
        """The days of a span on which an event of the procedure happened."""
        ...

    async def workloads(
        self, scope: Scope, *, as_of: date, today: date, moment: datetime, horizon: date
    ) -> Mapping[Channel | None, Workload]:
        """How single cases stand, per channel and (None) in all; `qos_domain.workload` says what the arguments mean."""
        ...

    async def levels(self, procedure_id: str) -> StoredLevels | None:
        """What processing assessed last; None before the first time."""
        ...

    async def due_cases(
        self, procedure_id: str, *, today: date, now: datetime, after: str | None, limit: int
    ) -> list[DueCase]:
        """Open cases that are overdue or due soon now, in the order of their ids, those after an id."""
        ...

    async def case(self, procedure_id: str, application_id: str) -> Facts:
        """The facts of a case. Raises UnknownApplication."""
        ...


class Store(Protocol):
    """Where snapshots come from. All of it raises TransientFailure while the database is away."""

    def snapshot(self) -> AbstractAsyncContextManager[Snapshot]: ...

    async def processed_offsets(self) -> Mapping[LogPartition, int]:
        """The next offset to be processed, of every partition that was processed before."""
        ...

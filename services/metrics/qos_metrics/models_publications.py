"""The JSON of publications: what was published of a month beside what the present data says of it."""

from datetime import date, datetime
from typing import Annotated

from pydantic import BaseModel, Field

from qos_domain.criteria import Principle
from qos_domain.findings import Status
from qos_domain.indicators import Indicators
from qos_domain.publication import PublicationScope, PublishedLevels
from qos_domain.restatement import Cause
from qos_metrics.models import Answer


class PublicationModel(BaseModel):
    """A month's publication, whole. It never changes; `differing` of its scopes were restated since."""

    period: Annotated[str, Field(examples=["2026-10"])]
    publication_id: Annotated[str, Field(examples=["2026-10.20261105T010000000000Z"])]
    as_of: Annotated[date, Field(description="The month's last day.")]
    issued_at: datetime
    procedures: int
    organisations: int
    digest: Annotated[str, Field(description="SHA-256 over all that was published, in its exact form.")]
    criteria: Annotated[str, Field(examples=["tokyo-1"])]
    calendar: Annotated[str, Field(examples=["jp-tokyo-1"])]
    logic_version: int
    processed_until: Annotated[datetime | None, Field(description="When the newest event in it was appended.")]
    differing: Annotated[int, Field(description="Procedures, organisations and everything that say otherwise today.")]
    restated_at: Annotated[datetime | None, Field(description="When a restatement was recorded last.")]


class PublicationsAnswer(Answer):
    publications: Annotated[list[PublicationModel], Field(description="The latest month first.")]


class StatementModel(BaseModel):
    """`levels` and `criteria` are of one procedure; empty for several, and where it was not offered that day."""

    indicators: Indicators
    levels: dict[Principle, PublishedLevels]
    criteria: dict[str, Status]


class RegistryVersionModel(BaseModel):
    effective_from: date
    recorded_at: datetime
    source: str
    id: str


class LineageModel(BaseModel):
    """What a statement rests on. `positions` (the next offsets of the log) are for staff alone."""

    criteria: str
    calendar: str
    registry: RegistryVersionModel | None
    logic_version: int
    processed_until: datetime | None
    positions: dict[str, int] | None


class ChangeModel(BaseModel):
    """A field that differs, of whole numbers and words alone; `difference` is `after` - `before`."""

    field: Annotated[str, Field(examples=["indicators.compliance.within_period.numerator"])]
    before: int | str | None
    after: int | str | None
    difference: int | None


class CauseModel(BaseModel):
    """What one cause changed, after those before it in the list."""

    cause: Cause
    changes: list[ChangeModel]


class PublishedModel(BaseModel):
    """What was published. `digest` of one scope is for staff alone: small counts could be guessed by it."""

    issued_at: datetime
    digest: str | None
    statement: StatementModel
    lineage: LineageModel


class RestatedModel(BaseModel):
    """What the present data said when it was restated last. The changes of `causes` sum to `changes`."""

    restated_at: datetime
    statement: StatementModel
    lineage: LineageModel
    late_events: Annotated[int | None, Field(description="Events of the scope that came after the publication.")]
    changes: list[ChangeModel]
    causes: list[CauseModel]


class PublicationAnswer(Answer):
    """`restated` is null where what was published still holds, as far as it was restated."""

    publication: PublicationModel
    scope: PublicationScope
    procedure_id: str | None
    organisation_id: Annotated[str | None, Field(description="Of a procedure: who owned it on the month's last day.")]
    published: PublishedModel
    restated: RestatedModel | None

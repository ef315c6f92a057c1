"""What goes out, as CloudEvents: assessments on `qos-levels`, announcements and level changes on `sla-events`; on
`publications` what is published, and the calendars and criteria in force.

Ids come from what is said, not from where it stands, so that saying it again gives the same id.
"""

from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Any, TypeAlias

import msgspec

from qos_domain.assessment import Assessment, Cause, LevelChange, LevelChanged, Settled
from qos_domain.case import CaseKey
from qos_domain.publication_events import (
    TYPE_OF_DATA,
    PublicationCompleted,
    PublicationEvent,
    PublicationIssued,
    PublicationRestated,
)
from qos_domain.rows import CaseRow
from qos_domain.rulebooks import Rulebook
from qos_processing.announcing import SAID, Announced, Announcement
from qos_processing.ports import Message
from qos_runtime.topics import PUBLICATIONS, QOS_LEVELS, SLA_EVENTS

SOURCE = "urn:procedure-qos:processing"


class _CloudEvent(msgspec.Struct, frozen=True, kw_only=True):
    specversion: str = "1.0"
    id: str
    source: str = SOURCE
    type: str
    time: datetime
    subject: str
    datacontenttype: str = "application/json"
    data: Any


class SlaData(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The data of an announcement: where the case stands now, and the breach date that it is about.

    `backfill`: noticed more than seven days after it happened, so that nobody is to be alerted.
    """

    procedure_id: str
    application_id: str
    organisation_id: str | None
    channel: str | None
    status: str
    due_date: date | None
    breach_date: date | None
    due_at: datetime | None = None
    end_date: date | None = None
    backfill: bool = False


class LevelsData(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The data of an assessment; of two of one procedure, the one with the greater `revision` holds.

    `settled`: the settled levels as they stood then; left out before the first daily assessment. `cause`: what changed
    it since the one before, if it wasn't an event.
    """

    procedure_id: str
    organisation_id: str
    revision: int
    assessment: Assessment
    cause: Cause | None = None
    settled: Settled | None = None


class LevelChangedData(msgspec.Struct, frozen=True, kw_only=True):
    """The data of a change of settled levels, with the daily assessment of `as_of`; each change says its cause."""

    procedure_id: str
    organisation_id: str
    as_of: date
    changes: tuple[LevelChange, ...]


class RulebookData(msgspec.Struct, frozen=True, kw_only=True):
    """The data of a calendar or of criteria that are in force: the whole content as JSON text, and its SHA-256."""

    version: str
    digest: str
    content: str


class _Read(msgspec.Struct, frozen=True):
    id: str
    type: str
    time: datetime
    data: msgspec.Raw


_ENCODER = msgspec.json.Encoder()
_READER = msgspec.json.Decoder(_Read)


@dataclass(frozen=True, slots=True)
class ToldOfCase:
    """What an announcement said: as it was noted with the case."""

    event_id: str
    time: datetime
    key: CaseKey
    organisation_id: str | None
    announced: Announced


@dataclass(frozen=True, slots=True)
class ToldOfLevels:
    """What a message on `qos-levels` said."""

    event_id: str
    time: datetime
    revision: int
    assessment: Assessment
    settled: Settled | None


@dataclass(frozen=True, slots=True)
class ToldOtherwise:
    """A message of ours that leaves no trace in a case or in levels: a change of settled levels."""

    event_id: str


Told: TypeAlias = ToldOfCase | ToldOfLevels | ToldOtherwise


def publication_key(event: PublicationEvent) -> str:
    """The key of its record: the procedure, else the organisation, else the month. The partition follows from it."""
    return event.period if isinstance(event, PublicationCompleted) else event.id or event.period


class Outgoing:
    """Makes messages, and reads them. `type_prefix` precedes every type."""

    def __init__(self, type_prefix: str) -> None:
        self._type_prefix = type_prefix

    def read(self, value: bytes) -> Told:
        """What a message said. Raises msgspec.DecodeError when it is none that this made."""
        event = _READER.decode(value)
        kind = event.type.removeprefix(self._type_prefix).removesuffix(".v1")
        if kind == "level.assessed":
            levels = msgspec.json.decode(event.data, type=LevelsData)
            return ToldOfLevels(event.id, event.time, levels.revision, levels.assessment, levels.settled)
        if (said := SAID.get(kind)) is None:
            return ToldOtherwise(event.id)
        data = msgspec.json.decode(event.data, type=SlaData)
        number = msgspec.convert(event.id.rpartition(":")[2], int, strict=False)
        announced = Announced(said, data.breach_date, number)
        key = data.procedure_id, data.application_id
        return ToldOfCase(event.id, event.time, key, data.organisation_id, announced)

    def announced(self, key: CaseKey, case: CaseRow, announcement: Announcement, now: datetime) -> Message:
        """A case is due soon, breached, recovered, or its breach is retracted."""
        procedure_id, application_id = key
        data = SlaData(
            procedure_id=procedure_id,
            application_id=application_id,
            organisation_id=case.organisation_id,
            channel=case.channel,
            status=case.status,
            due_date=case.due_date,
            breach_date=announcement.breach_date,
            due_at=case.due_at,
            end_date=case.end_date,
            backfill=announcement.backfill,
        )
        name = f"sla:{procedure_id}:{application_id}:{announcement.number}"
        return self._message(SLA_EVENTS, name, announcement.type, now, procedure_id, application_id, data)

    def assessed(
        self,
        organisation_id: str,
        assessment: Assessment,
        settled: Settled | None,
        revision: int,
        now: datetime,
        cause: Cause | None = None,
    ) -> Message:
        """The latest assessment of a procedure, and its settled levels."""
        procedure_id = assessment.procedure_id
        data = LevelsData(
            procedure_id=procedure_id,
            organisation_id=organisation_id,
            revision=revision,
            assessment=assessment,
            cause=cause,
            settled=settled,
        )
        name = f"level:{procedure_id}:{revision}"
        return self._message(QOS_LEVELS, name, "level.assessed", now, procedure_id, procedure_id, data)

    def level_changed(self, organisation_id: str, changed: LevelChanged, now: datetime) -> Message:
        """Settled levels of a procedure changed."""
        procedure_id = changed.procedure_id
        data = LevelChangedData(
            procedure_id=procedure_id, organisation_id=organisation_id, as_of=changed.as_of, changes=changed.changes
        )
        name = f"level-changed:{procedure_id}:{changed.as_of}"
        return self._message(SLA_EVENTS, name, "level.changed", now, procedure_id, procedure_id, data)

    def rulebook_published(self, rulebook: Rulebook, first_used_at: datetime) -> Message:
        """A calendar or a set of criteria is in force for the first time."""
        name = f"{rulebook.kind}:{rulebook.version}"
        data = RulebookData(version=rulebook.version, digest=rulebook.digest, content=rulebook.content)
        return self._message(PUBLICATIONS, name, f"{rulebook.kind}.published", first_used_at, name, name, data)

    def published(self, event: PublicationEvent, now: datetime) -> Message:
        """What is published or restated of a scope, or that a publication is complete."""
        key = publication_key(event)
        match event:
            case PublicationIssued():
                name = f"publication:{event.publication_id}:{event.scope}:{event.id}"
            case PublicationCompleted():
                name = f"publication:{event.publication_id}"
            case PublicationRestated():
                at = event.restated_at.astimezone(UTC).strftime("%Y%m%dT%H%M%S.%fZ")
                name = f"restated:{event.publication_id}:{event.scope}:{event.id}:{at}"
        return self._message(PUBLICATIONS, name, TYPE_OF_DATA[type(event)], now, key, key, event)

    def _message(
        self, topic: str, event_id: str, type_: str, now: datetime, key: str, subject: str, data: object
    ) -> Message:
        event = _CloudEvent(id=event_id, type=f"{self._type_prefix}{type_}.v1", time=now, subject=subject, data=data)
        return Message(topic, key.encode(), event_id, _ENCODER.encode(event))

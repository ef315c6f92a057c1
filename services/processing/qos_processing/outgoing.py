"""What goes out, as CloudEvents: assessments on `qos-levels`, announcements and level changes on `sla-events`.

Ids come from what is said, not from where it stands, so that saying it again gives the same id.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, TypeAlias

import msgspec

from qos_domain.assessment import Assessment, LevelChanged
from qos_domain.case import CaseKey
from qos_domain.rows import CaseRow
from qos_processing.announcing import Announced, Announcement, Said
from qos_processing.ports import Message
from qos_runtime.topics import QOS_LEVELS, SLA_EVENTS

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


class LevelsData(msgspec.Struct, frozen=True, kw_only=True):
    """The data of an assessment; of two of one procedure, the one with the greater `revision` holds."""

    procedure_id: str
    organisation_id: str
    revision: int
    assessment: Assessment


class LevelChangedData(msgspec.Struct, frozen=True, kw_only=True):
    """The data of a change of settled levels, with the daily assessment of `as_of`."""

    procedure_id: str
    organisation_id: str
    as_of: date
    changes: tuple[Any, ...]


class _Read(msgspec.Struct, frozen=True):
    id: str
    type: str
    time: datetime
    data: msgspec.Raw


class _ReadLevels(msgspec.Struct, frozen=True):
    revision: int
    assessment: msgspec.Raw


_ENCODER = msgspec.json.Encoder()
_READER = msgspec.json.Decoder(_Read)
_SAID: Mapping[str, Said] = {
    "sla.due_soon": "due_soon",
    "sla.breached": "breached",
    "sla.recovered": "recovered",
    "sla.breach_retracted": "retracted",
}


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
    document: bytes
    """The assessment as it was told."""


@dataclass(frozen=True, slots=True)
class ToldOtherwise:
    """A message of ours that leaves no trace in a case or in levels: a change of settled levels."""

    event_id: str


Told: TypeAlias = ToldOfCase | ToldOfLevels | ToldOtherwise


class Outgoing:
    """Makes messages, and reads them. `type_prefix` precedes every type."""

    def __init__(self, type_prefix: str) -> None:
        self._type_prefix = type_prefix

    def read(self, value: bytes) -> Told:
        """What a message said. Raises msgspec.DecodeError when it is none that this made."""
        event = _READER.decode(value)
        kind = event.type.removeprefix(self._type_prefix).removesuffix(".v1")
        if kind == "level.assessed":
            levels = msgspec.json.decode(event.data, type=_ReadLevels)
            assessment = msgspec.json.decode(levels.assessment, type=Assessment)
            return ToldOfLevels(event.id, event.time, levels.revision, assessment, bytes(levels.assessment))
        said = _SAID.get(kind)
        if said is None:
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

    def assessed(self, organisation_id: str, assessment: Assessment, revision: int, now: datetime) -> Message:
        """The latest assessment of a procedure."""
        procedure_id = assessment.procedure_id
        data = LevelsData(
            procedure_id=procedure_id, organisation_id=organisation_id, revision=revision, assessment=assessment
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

    def _message(
        self, topic: str, event_id: str, type_: str, now: datetime, procedure_id: str, subject: str, data: object
    ) -> Message:
        event = _CloudEvent(id=event_id, type=f"{self._type_prefix}{type_}.v1", time=now, subject=subject, data=data)
        return Message(topic, procedure_id.encode(), event_id, _ENCODER.encode(event))

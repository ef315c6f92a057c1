"""What goes out, as CloudEvents: assessments on `qos-levels`, announcements and level changes on `sla-events`, and
publications on `publications`.

Ids come from what is said, not from where it stands, so that saying it again gives the same id.
"""

from datetime import UTC, date, datetime
from typing import Any

import msgspec

from qos_domain.assessment import Assessment, LevelChanged, Settled
from qos_domain.case import CaseKey
from qos_domain.publication_events import (
    TYPE_OF_DATA,
    PublicationCompleted,
    PublicationEvent,
    PublicationIssued,
    PublicationRestated,
)
from qos_domain.rows import CaseRow
from qos_processing.announcing import Announcement
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


class LevelsData(msgspec.Struct, frozen=True, kw_only=True):
    """The data of an assessment; of two of one procedure, the one with the greater `revision` holds.

    `settled`: the settled levels as they stood then; null before the first daily assessment.
    """

    procedure_id: str
    organisation_id: str
    revision: int
    assessment: Assessment
    settled: Settled | None = None


class LevelChangedData(msgspec.Struct, frozen=True, kw_only=True):
    """The data of a change of settled levels, with the daily assessment of `as_of`."""

    procedure_id: str
    organisation_id: str
    as_of: date
    changes: tuple[Any, ...]


_ENCODER = msgspec.json.Encoder()


def publication_key(event: PublicationEvent) -> str:
    """The key of its record: the procedure, else the organisation, else the month. The partition follows from it."""
    return event.period if isinstance(event, PublicationCompleted) else event.id or event.period


class Outgoing:
    """Makes messages. `type_prefix` precedes every type."""

    def __init__(self, type_prefix: str) -> None:
        self._type_prefix = type_prefix

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
        self, organisation_id: str, assessment: Assessment, settled: Settled | None, revision: int, now: datetime
    ) -> Message:
        """The latest assessment of a procedure, and its settled levels."""
        procedure_id = assessment.procedure_id
        data = LevelsData(
            procedure_id=procedure_id,
            organisation_id=organisation_id,
            revision=revision,
            assessment=assessment,
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
        self, topic: str, event_id: str, type_: str, now: datetime, procedure_id: str, subject: str, data: object
    ) -> Message:
        event = _CloudEvent(id=event_id, type=f"{self._type_prefix}{type_}.v1", time=now, subject=subject, data=data)
        return Message(topic, procedure_id.encode(), event_id, _ENCODER.encode(event))

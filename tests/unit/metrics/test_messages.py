"""Messages as the live stream passes them on: exact to staff, with small counts withheld to the public."""

import json
from datetime import date
from typing import Any

import msgspec
import pytest

from qos_domain.calendar import Calendar
from qos_domain.events import Attachments
from qos_domain.replay import Replay
from qos_metrics.kafka import message_of
from qos_metrics.stream import Message, Position
from support.builders import happened, registered
from support.results import assessment, folded

PREFIX = "jp.lg.tokyo.qos."
LEVELS = Position(1_763_000_000_000, "qos-levels", 3, 42)
SLA = Position(1_763_000_000_000, "sla-events", 3, 42)


def cloudevent(kind: str, data: Any, **more: Any) -> bytes:
    return msgspec.json.encode(
        {
            "specversion": "1.0",
            "id": "e-1",
            "source": "urn:procedure-qos:processing",
            "type": f"{PREFIX}{kind}.v1",
            "time": "2026-11-20T09:00:00Z",
            "subject": "x",
            "data": data,
            **more,
        }
    )


def one_paper_application_of_twelve() -> Replay:
    events = [
        happened(
            "application.submitted",
            "2026-11-02",
            application=f"A-{number}",
            channel="online",
            attachments=Attachments(digital=1, paper=1 if number == 0 else 0),
        )
        for number in range(12)
    ]
    return folded([registered(), *events], Calendar.load())


def level_message(**more: Any) -> Message:
    replay = one_paper_application_of_twelve()
    (procedure_id,) = replay.registry
    found = assessment(replay.history(procedure_id), replay.buckets()[procedure_id], date(2026, 11, 20))
    data = {"procedure_id": procedure_id, "organisation_id": "construction", "revision": 7, "assessment": found, **more}
    message = message_of(LEVELS, cloudevent("level.assessed", data), PREFIX)
    assert message is not None
    return message


def paper_share(text: str | None) -> Any:
    assert text is not None
    criteria = json.loads(text)["assessment"]["principles"]["simpler"]["criteria"]
    return next(each for each in criteria if each["criterion"] == "simpler-1-paper")["figure"]


def test_an_assessment_is_named_and_carries_its_revision() -> None:
    message = level_message()
    assert (message.event, message.event_id, message.revision) == ("level.assessed", "e-1", 7)
    assert (message.procedure_id, message.organisation_id) == ("road-occupation", "construction")
    data = json.loads(message.data)
    assert (data["id"], data["time"], data["revision"]) == ("e-1", "2026-11-20T09:00:00Z", 7)


def test_the_cause_of_an_assessment_is_passed_on_to_everybody() -> None:
    for message, cause in ((level_message(), None), (level_message(cause="restatement"), "restatement")):
        for text in (message.data, message.public):
            assert text is not None
            assert json.loads(text).get("cause") == cause


def test_the_public_sees_rounded_counts_only() -> None:
    message = level_message()
    exact, public = paper_share(message.data), paper_share(message.public)
    assert (exact["numerator"], exact["denominator"]) == (1, 12)
    assert (public["numerator"], public["denominator"]) == (0, 10)


def test_a_single_case_is_for_staff_alone() -> None:
    data = {"procedure_id": "road-occupation", "application_id": "A-1", "organisation_id": "construction"}
    message = message_of(SLA, cloudevent("sla.breached", data), PREFIX)
    assert message is not None
    assert (message.event, message.revision, message.public) == ("sla.breached", None, None)
    assert json.loads(message.data)["application_id"] == "A-1"


def test_a_change_of_levels_is_for_everybody() -> None:
    data = {"procedure_id": "road-occupation", "organisation_id": "construction", "as_of": "2026-11-19", "changes": []}
    message = message_of(SLA, cloudevent("level.changed", data), PREFIX)
    assert message is not None
    assert message.public == message.data


@pytest.mark.parametrize(
    "value",
    [None, b"", b"not json", b"[]", b"{}", cloudevent("level.assessed", {"procedure_id": "x"}), cloudevent("a", 1)],
)
def test_what_cannot_be_read_is_passed_over(value: bytes | None) -> None:
    assert message_of(LEVELS, value, PREFIX) is None

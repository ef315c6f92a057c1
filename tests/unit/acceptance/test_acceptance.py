"""Records of an input topic, accepted or refused by their bytes alone."""

import json
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from qos_domain.acceptance import (
    MAX_EVENT_BYTES,
    AcceptanceRules,
    accept,
    decode_cloudevent,
    decode_row,
    encode_cloudevent,
)
from qos_domain.errors import RejectedEvent
from qos_domain.events import Event, Topic
from qos_domain.ids import row_id
from support.builders import happened, registered, tokyo
from support.events_strategies import events

RULES = AcceptanceRules()
APPENDED = tokyo("2025-05-03 00:00")
SUBMITTED: dict[str, Any] = {
    "specversion": "1.0",
    "id": "e-1",
    "source": "urn:tokyo:e-application",
    "type": "jp.lg.tokyo.qos.application.submitted.v1",
    "time": "2025-05-02T23:50:00+09:00",
    "data": {"procedure_id": "road-occupation", "application_id": "A-1", "channel": "online"},
}


def written(event: dict[str, Any]) -> bytes:
    return json.dumps(event).encode()


def accepted(
    value: bytes | None,
    *,
    topic: Topic = "applications",
    key: bytes | None = b"road-occupation",
    at: datetime = APPENDED,
) -> Event:
    return accept(topic=topic, key=key, value=value, appended_at=at, rules=RULES)


def refused(value: bytes | None, **record: Any) -> RejectedEvent:
    with pytest.raises(RejectedEvent) as caught:
        accepted(value, **record)
    return caught.value


def test_a_submission_on_friday_night_is_accepted_as_it_was_written() -> None:
    event = accepted(written(SUBMITTED | {"corrects": "e-0"}))

    assert event == happened(
        "application.submitted",
        "2025-05-02 23:50",
        id="e-1",
        source="urn:tokyo:e-application",
        channel="online",
        corrects="e-0",
    )


@given(event=events())
def test_what_is_encoded_is_accepted_again_as_the_same_event(event: Event) -> None:
    value = encode_cloudevent(event, RULES)

    again = accept(
        topic=event.topic,
        key=event.data.procedure_id.encode(),
        value=value,
        appended_at=datetime(2026, 1, 1, tzinfo=UTC),
        rules=RULES,
    )

    assert again == event
    assert encode_cloudevent(again, RULES) == value


@given(value=st.binary() | st.text().map(str.encode))
def test_any_bytes_are_an_event_or_a_refusal(value: bytes) -> None:
    assert refused(value).reason in ("malformed_json", "invalid_field", "tombstone")


_json = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=20),
    lambda children: st.lists(children, max_size=3) | st.dictionaries(st.text(max_size=8), children, max_size=3),
    max_leaves=6,
)


@given(
    attributes=st.dictionaries(
        st.sampled_from([*SUBMITTED, "corrects", "subject", "dataschema", "x"]), _json, max_size=3
    ),
    data=st.dictionaries(st.sampled_from([*SUBMITTED["data"], "due_date", "attachments", "x"]), _json, max_size=3),
)
def test_a_document_with_strange_parts_is_an_event_or_a_refusal(
    attributes: dict[str, Any], data: dict[str, Any]
) -> None:
    document = {**SUBMITTED, "data": {**SUBMITTED["data"], **data}, **attributes}
    with suppress(RejectedEvent):
        accepted(written(document))


def test_the_key_of_a_record_is_its_procedure() -> None:
    assert refused(written(SUBMITTED), key=None).reason == "key_mismatch"
    assert refused(written(SUBMITTED), key=b"housing").reason == "key_mismatch"


def test_a_record_belongs_on_the_topic_of_its_type() -> None:
    error = refused(written(SUBMITTED), topic="reviews")
    assert (error.reason, error.field) == ("wrong_topic", "type")
    assert "applications" in error.rule


@pytest.mark.parametrize("value", [None, b""])
def test_nothing_is_deleted_by_a_tombstone(value: bytes | None) -> None:
    assert refused(value).reason == "tombstone"


def test_five_minutes_of_future_are_a_clock_that_is_fast_and_more_is_refused() -> None:
    just = written(SUBMITTED | {"time": "2025-05-03T00:05:00+09:00"})
    more = written(SUBMITTED | {"time": "2025-05-03T00:05:00.000001+09:00"})

    assert accepted(just).time == APPENDED + timedelta(minutes=5)
    assert (refused(more).reason, refused(more).field) == ("time_in_future", "time")


@pytest.mark.parametrize("field", ["received_at", "started_at"])
def test_an_arrival_or_a_start_in_the_future_is_refused(field: str) -> None:
    error = refused(written(SUBMITTED | {"data": SUBMITTED["data"] | {field: "2025-05-04T00:00:00+09:00"}}))
    assert (error.reason, error.field) == ("time_in_future", f"data.{field}")


def test_the_same_record_is_judged_by_its_append_time_whenever_it_is_read() -> None:
    later = written(SUBMITTED | {"time": "2025-05-03T09:00:00+09:00"})
    assert refused(later).reason == "time_in_future"
    assert accepted(later, at=tokyo("2025-05-03 08:56")).id == "e-1"


def test_an_event_is_at_most_64_kib() -> None:
    padding = " " * (MAX_EVENT_BYTES - len(written(SUBMITTED)))
    assert accepted(written(SUBMITTED) + padding.encode()).id == "e-1"
    assert refused(written(SUBMITTED) + padding.encode() + b" ").reason == "too_large"


def test_depth_without_end_is_refused_and_not_a_crash() -> None:
    assert refused(b'{"data":' + b"[" * 60_000).reason == "malformed_json"
    assert refused(b'{"data":' + b"[" * 30_000 + b"]" * 30_000 + b"}").reason in ("malformed_json", "missing_field")


def test_another_prefix_of_types_is_a_setting() -> None:
    rules = AcceptanceRules(type_prefix="jp.lg.osaka.qos.")
    event = decode_cloudevent(written(SUBMITTED | {"type": "jp.lg.osaka.qos.application.submitted.v1"}), rules)
    assert encode_cloudevent(event, rules).count(b"jp.lg.osaka.qos.application.submitted.v1") == 1
    with pytest.raises(RejectedEvent, match="unknown_type"):
        decode_cloudevent(written(SUBMITTED), rules)


def test_a_row_without_an_id_gets_one_of_its_content() -> None:
    row = {name: value for name, value in SUBMITTED.items() if name != "id"}

    event = decode_row(written(row), RULES)
    reordered = decode_row(written(dict(reversed(row.items()))), RULES)
    in_utc = decode_row(written(row | {"time": "2025-05-02T14:50:00Z"}), RULES)
    other = decode_row(written(row | {"time": "2025-05-02T23:50:01+09:00"}), RULES)

    assert event.id == row_id(source=event.source, time=event.time, data=event.data)
    assert event.id == reordered.id == in_utc.id != other.id
    assert decode_row(written(SUBMITTED), RULES).id == "e-1"
    assert refused(written(row)).reason == "missing_field"


def test_a_version_of_a_procedure_is_accepted_whole() -> None:
    event = registered(procedure="road-occupation")
    value = encode_cloudevent(event, RULES)
    assert accepted(value, topic="procedures") == event
    assert json.loads(value)["subject"] == "road-occupation"

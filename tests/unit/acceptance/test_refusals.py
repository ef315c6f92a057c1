"""Every refusal names the field and the rule, and never the value."""

import json
from typing import Any

import pytest

from qos_domain.acceptance import AcceptanceRules, decode_cloudevent
from qos_domain.errors import RejectedEvent
from qos_domain.events import EVENT_TYPES
from qos_domain.refusals import rule_of

RULES = AcceptanceRules()
EVENT: dict[str, Any] = {
    "specversion": "1.0",
    "id": "e-1",
    "source": "urn:tokyo:e-application",
    "type": "jp.lg.tokyo.qos.application.submitted.v1",
    "time": "2025-05-02T23:50:00+09:00",
}
DATA: dict[str, Any] = {"procedure_id": "road-occupation", "application_id": "A-1", "channel": "online"}
PROCEDURE: dict[str, Any] = {
    "procedure_id": "road-occupation",
    "name": {"ja": "道路占用許可"},
    "organisation": {"id": "construction", "name": {"ja": "建設局"}, "kind": "bureau"},
    "effective_from": "2025-04-01",
}


def refused(raw: bytes) -> tuple[str, str]:
    with pytest.raises(RejectedEvent) as caught:
        decode_cloudevent(raw, RULES)
    assert caught.value.rule
    for secret in ("taro", "Taro", "山田", "123456789012", "fax-9999", "1985"):
        assert secret not in str(caught.value)
    return caught.value.reason, caught.value.field


def submitted(attributes: dict[str, Any] | None = None, **data: Any) -> bytes:
    return json.dumps({**EVENT, "data": {**DATA, **data}, **(attributes or {})}).encode()


def procedure(**data: Any) -> bytes:
    return json.dumps(
        {**EVENT, "type": "jp.lg.tokyo.qos.procedure.registered.v1", "data": {**PROCEDURE, **data}}
    ).encode()


def test_both_are_accepted_as_they_stand() -> None:
    assert decode_cloudevent(submitted(), RULES).type == "application.submitted"
    assert decode_cloudevent(procedure(), RULES).type == "procedure.registered"


@pytest.mark.parametrize(
    "raw",
    [
        b"{nope",
        b"",
        submitted()[:-1],
        submitted() + b"}",
        submitted().replace(b'"online"', b'"\xff"'),
        submitted().replace(b'"online"', b"online"),
        submitted().replace(b'"urn:tokyo', b'"\xff'),
        # an unknown field, and after it the document breaks off: broken comes first
        submitted({"x": 1})[:-1],
    ],
)
def test_broken_json(raw: bytes) -> None:
    assert refused(raw)[0] == "malformed_json"


@pytest.mark.parametrize("raw", [b"[]", b'"text"', b"null", b"17"])
def test_json_that_is_no_object(raw: bytes) -> None:
    assert refused(raw) == ("invalid_field", "value")


@pytest.mark.parametrize(
    ("attributes", "reason", "field"),
    [
        ({"type": "application.submitted"}, "unknown_type", "type"),
        ({"type": "jp.lg.tokyo.qos.application.submitted.v2"}, "unknown_type", "type"),
        ({"type": "x" * 201}, "invalid_field", "type"),
        ({"applicant": "Taro"}, "unknown_field", "applicant"),
        ({"山田太郎": 1}, "unknown_field", "(unknown)"),
        ({"data_base64": "eA=="}, "unknown_field", "data_base64"),
        ({"time": "2025-05-02T23:50:00"}, "time_without_offset", "time"),
        ({"time": "yesterday, taro said"}, "invalid_field", "time"),
        ({"time": 1746197400}, "invalid_field", "time"),
        ({"time": "0001-01-01T00:00:00+09:00"}, "invalid_field", "time"),
        ({"time": "1985-01-01T00:00:00+09:00"}, "invalid_field", "time"),
        ({"specversion": "0.3"}, "invalid_field", "specversion"),
        ({"id": ""}, "invalid_field", "id"),
        ({"id": 12}, "invalid_field", "id"),
        ({"id": "e-1\n"}, "invalid_field", "id"),
        ({"id": "taro@example.jp"}, "personal_data", "id"),
        ({"source": "taro yamada"}, "invalid_field", "source"),
        ({"subject": "taro"}, "invalid_field", "subject"),
        ({"corrects": "e-1"}, "invalid_field", "corrects"),
        ({"dataschema": "https://example.jp/taro"}, "invalid_field", "dataschema"),
        ({"datacontenttype": "application/xml"}, "invalid_field", "datacontenttype"),
        ({"traceparent": "taro"}, "invalid_field", "traceparent"),
        ({"data": None}, "invalid_field", "data"),
        ({"data": [1]}, "invalid_field", "data"),
        ({"data": {}}, "missing_field", "data.procedure_id"),
    ],
)
def test_attributes(attributes: dict[str, Any], reason: str, field: str) -> None:
    assert refused(submitted(attributes)) == (reason, field)


@pytest.mark.parametrize(
    ("data", "reason", "field"),
    [
        ({"applicant_name": "Taro"}, "unknown_field", "data.applicant_name"),
        ({"Taro Yamada": 1}, "unknown_field", "data.(unknown)"),
        ({"channel": "fax-9999"}, "invalid_field", "data.channel"),
        ({"application_id": "taro@example.jp"}, "personal_data", "data.application_id"),
        ({"application_id": "123456789012"}, "personal_data", "data.application_id"),
        ({"application_id": "Taro Yamada"}, "invalid_field", "data.application_id"),
        ({"application_id": "A-1\n"}, "invalid_field", "data.application_id"),
        ({"application_id": "山田"}, "invalid_field", "data.application_id"),
        ({"received_at": "2025-05-02T23:50:00"}, "time_without_offset", "data.received_at"),
        ({"received_at": "1985-05-02T23:50:00Z"}, "invalid_field", "data.received_at"),
        ({"started_at": "1985-05-02T23:50:00Z"}, "invalid_field", "data.started_at"),
        ({"due_date": "9999-12-31"}, "invalid_field", "data.due_date"),
        ({"due_date": "2025-02-30"}, "invalid_field", "data.due_date"),
        ({"attachments": {"digital": -1}}, "invalid_field", "data.attachments.digital"),
        ({"attachments": {"digital": 1, "names": ["taro.pdf"]}}, "unknown_field", "data.attachments.names"),
        ({"attachments": 3}, "invalid_field", "data.attachments"),
        ({"by_agent": "yes"}, "invalid_field", "data.by_agent"),
    ],
)
def test_data(data: dict[str, Any], reason: str, field: str) -> None:
    assert refused(submitted(**data)) == (reason, field)


@pytest.mark.parametrize(
    ("data", "field"),
    [
        ({"channels": ["online", "fax-9999"]}, "data.channels[1]"),
        ({"standard_period": {"unit": "fortnights", "maximum": 3}}, "data.standard_period.unit"),
        ({"standard_period": {"unit": "months", "maximum": 241}}, "data.standard_period.maximum"),
        (
            {"online_standard_period": {"unit": "hours", "maximum": 3, "minimum": 4}},
            "data.online_standard_period.minimum",
        ),
        ({"objective": 2}, "data.objective"),
        ({"name": {"ja": ""}}, "data.name.ja"),
        ({"name": {"ja": "a\u0000b"}}, "data.name.ja"),
        ({"effective_from": "1899-12-31"}, "data.effective_from"),
        ({"digital_since": "9999-12-31"}, "data.digital_since"),
    ],
)
def test_procedures(data: dict[str, Any], field: str) -> None:
    assert refused(procedure(**data)) == ("invalid_field", field)


@pytest.mark.parametrize("missing", ["specversion", "id", "source", "type", "time", "data"])
def test_required_attributes(missing: str) -> None:
    event = {**EVENT, "data": DATA}
    del event[missing]
    assert refused(json.dumps(event).encode()) == ("missing_field", missing)


def test_a_twelve_digit_event_id_is_a_counter_and_no_person() -> None:
    assert decode_cloudevent(submitted({"id": "000000000042"}), RULES).id == "000000000042"


def test_known_extensions_and_schema_are_taken() -> None:
    event = decode_cloudevent(
        submitted(
            {
                "subject": "A-1",
                "datacontenttype": "application/json",
                "dataschema": "urn:procedure-qos:application.submitted:v1",
                "traceparent": "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
                "tracestate": "congo=t61rcWkgMzE",
                "corrects": "e-0",
            }
        ),
        RULES,
    )
    assert event.corrects == "e-0"


def test_every_field_of_every_type_has_a_rule_in_words() -> None:
    """Each field sent as an impossible value is refused with a rule, whatever its type."""
    from msgspec.inspect import StructType, type_info  # noqa: PLC0415

    for name, (_, payload) in EVENT_TYPES.items():
        schema = type_info(payload)
        assert isinstance(schema, StructType)
        for field in schema.fields:
            assert rule_of(field.type), (name, field.name)

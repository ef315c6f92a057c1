"""What the OpenAPI document says beyond the code: bodies, answers and examples that are true (a test posts them)."""

from typing import Any, Final

import msgspec
from fastapi import FastAPI

from qos_intake import openapi_dead_letters
from qos_intake.content_modes import BATCHED, JSON, LINES, STRUCTURED
from qos_intake.problems import MEDIA_TYPE, Problem
from qos_intake.results import Accepted, Answer, Rejected, Unavailable

DESCRIPTION: Final = """
Takes CloudEvents about administrative procedures and answers once Kafka has acknowledged them.

Every event of a batch is answered on its own: `accepted` with its place in the log, `rejected` with a problem
(RFC 9457) that names the field and the rule, or `unavailable`. Sent again with the same `id`, an event changes nothing.
"""
TIME_PARAMETER: Final = (
    "When the list was made: an RFC 3339 date-time with an offset, such as 2026-04-01T09:00:00+09:00"
)

SUBMITTED: Final = {
    "specversion": "1.0",
    "id": "7d9c1f2e-0001",
    "source": "urn:tokyo:e-application",
    "type": "jp.lg.tokyo.qos.application.submitted.v1",
    "time": "2026-11-20T09:30:00+09:00",
    "subject": "A-2026-000123",
    "data": {
        "procedure_id": "road-occupation",
        "application_id": "A-2026-000123",
        "channel": "online",
        "device": "smartphone",
        "attachments": {"digital": 2, "paper": 0, "omitted_by_linkage": 1},
    },
}
NOTIFIED: Final = {
    "specversion": "1.0",
    "id": "7d9c1f2e-0002",
    "source": "urn:tokyo:e-application",
    "type": "jp.lg.tokyo.qos.notification.sent.v1",
    "time": "2026-11-21T15:00:00+09:00",
    "data": {"procedure_id": "road-occupation", "application_id": "A-2026-000123", "channel": "electronic"},
}
PROCEDURES_CSV: Final = """\
procedure_id,name.ja,organisation.id,organisation.name.ja,organisation.kind,effective_from,channels,\
standard_period.unit,standard_period.maximum
road-occupation,道路占用許可,construction,建設局,bureau,2025-04-01,online;counter,business_days,10
"""

_EVENT: Final[dict[str, Any]] = {
    "type": "object",
    "description": "A CloudEvent 1.0. The schema of `data` is that of the type: GET /v1/schemas/{type}.",
    "required": ["specversion", "id", "source", "type", "time", "data"],
    "additionalProperties": False,
    "properties": {
        "specversion": {"const": "1.0"},
        "id": {"type": "string", "minLength": 1, "maxLength": 128},
        "source": {"type": "string", "minLength": 1, "maxLength": 200},
        "type": {"type": "string", "maxLength": 200},
        "time": {"type": "string", "format": "date-time"},
        "subject": {"type": "string"},
        "datacontenttype": {"const": JSON},
        "dataschema": {"type": "string"},
        "corrects": {"type": "string", "minLength": 1, "maxLength": 128},
        "traceparent": {"type": "string"},
        "tracestate": {"type": "string", "maxLength": 512},
        "data": {"type": "object"},
    },
}
_, _COMPONENTS = msgspec.json.schema_components(
    [Accepted, Rejected, Unavailable, Answer, Problem], ref_template="#/components/schemas/{name}"
)
_REF: Final = {name: {"$ref": f"#/components/schemas/{name}"} for name in _COMPONENTS}


def _answer(description: str, schema: dict[str, Any], media_type: str = JSON, **more: Any) -> dict[str, Any]:  # noqa: ANN401
    return {"description": description, "content": {media_type: {"schema": schema}}, **more}


_RETRY_AFTER: Final = {"Retry-After": {"description": "Seconds.", "schema": {"type": "integer"}}}
_PROBLEMS: Final[dict[int | str, dict[str, Any]]] = {
    status: _answer(description, _REF["Problem"], MEDIA_TYPE)
    for status, description in (
        (400, "The body is not JSON, or the request can't be read."),
        (401, "No key, or one that belongs to no source."),
        (403, "The source may not emit this."),
        (408, "The body did not come in time."),
        (413, "The body, the batch or the event is too large."),
        (415, "Another media type, character set or content encoding."),
        (422, "The event can't be accepted: `field` and `rule` say why."),
    )
}
_UNAVAILABLE: Final = {
    "description": "Kafka is away, or too much is under way. Send again what isn't `accepted`, with the same ids.",
    "content": {MEDIA_TYPE: {"schema": _REF["Problem"]}, JSON: {"schema": _REF["Answer"]}},
    "headers": _RETRY_AFTER,
}
_MANY: Final = {"207": _answer("Some events were rejected; the results say which and why.", _REF["Answer"])}

_SECURITY: Final[list[dict[str, list[str]]]] = [{"key": []}, {"bearer": []}]
_SECURITY_SCHEMES: Final = {
    "key": {"type": "apiKey", "in": "header", "name": "X-API-Key", "description": "The key of the emitting source."},
    "bearer": {"type": "http", "scheme": "bearer", "description": "The same key as a bearer token."},
}

POST_EVENTS: Final[dict[str, Any]] = {
    "summary": "Send events",
    "status_code": 202,
    "responses": {
        202: _answer("Kafka has all of them.", {"anyOf": [_REF["Accepted"], _REF["Answer"]]}),
        207: _MANY["207"],
        **_PROBLEMS,
        503: _UNAVAILABLE,
    },
    "openapi_extra": {
        "security": _SECURITY,
        "requestBody": {
            "required": True,
            "content": {
                STRUCTURED: {"schema": _EVENT, "example": SUBMITTED},
                BATCHED: {"schema": {"type": "array", "items": _EVENT}, "example": [SUBMITTED, NOTIFIED]},
                LINES[0]: {
                    "schema": {
                        "type": "string",
                        "description": "One event a line; a line without `id` gets one made of its content.",
                    },
                    "example": "\n".join(msgspec.json.encode(each).decode() for each in (SUBMITTED, NOTIFIED)),
                },
                JSON: {
                    "schema": {
                        "type": "object",
                        "description": "Binary mode: the data alone; attributes in ce- headers.",
                    },
                    "example": SUBMITTED["data"],
                },
            },
        },
    },
}
PUT_PROCEDURES: Final[dict[str, Any]] = {
    "summary": "Register procedures from a CSV file",
    "description": "A second upload of the same file changes nothing. Columns: docs/events.md, Procedures as CSV.",
    "status_code": 202,
    "responses": {
        202: _answer("All rows are registered.", _REF["Answer"]),
        207: _answer("Some rows were rejected, or the file was not read to its end.", _REF["Answer"]),
        **_PROBLEMS,
        503: _UNAVAILABLE,
    },
    "openapi_extra": {
        "security": _SECURITY,
        "requestBody": {
            "required": True,
            "content": {"text/csv": {"schema": {"type": "string"}, "example": PROCEDURES_CSV}},
        },
    },
}
_OBJECT: Final = {"type": "object"}
GET_SCHEMAS: Final[dict[str, Any]] = {
    "summary": "All event types",
    "responses": {200: _answer("The types, and where their schemas are.", _OBJECT)},
}
GET_SCHEMA: Final[dict[str, Any]] = {
    "summary": "The JSON Schema of a type's data",
    "responses": {
        200: _answer("JSON Schema 2020-12.", _OBJECT, "application/schema+json"),
        404: _answer("No such type.", _REF["Problem"], MEDIA_TYPE),
    },
}
HEALTH: Final[dict[str, Any]] = {
    "responses": {200: _answer("It is well.", _OBJECT), 503: _answer("The checks that fail.", _OBJECT)},
}
METRICS: Final[dict[str, Any]] = {
    "summary": "Prometheus metrics",
    "responses": {200: {"description": "The text exposition format.", "content": {"text/plain": {}}}},
}


def describe(app: FastAPI) -> None:
    """Add the schemas of the answers to the document that FastAPI makes, once."""
    made = app.openapi

    def openapi() -> dict[str, Any]:
        document = made()
        components = document.setdefault("components", {})
        components["securitySchemes"] = _SECURITY_SCHEMES | openapi_dead_letters.SECURITY_SCHEMES
        schemas = components.setdefault("schemas", {})
        for unused in ("HTTPValidationError", "ValidationError"):
            schemas.pop(unused, None)
        schemas.update(_COMPONENTS | openapi_dead_letters.COMPONENTS)
        for path in document["paths"].values():
            for operation in path.values():
                answers = operation["responses"]
                if "HTTPValidationError" in str(answers.get("422", "")):
                    del answers["422"]
        return document

    app.openapi = openapi  # type: ignore[method-assign]  # FastAPI's documented way to extend the document

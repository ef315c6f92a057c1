"""What the OpenAPI document says of dead letters."""

from typing import Any, Final

import msgspec

from qos_intake.content_modes import JSON
from qos_intake.letter_messages import DiscardRequest, LetterPage, RedriveRequest, SettledAnswer
from qos_intake.letters import LetterView
from qos_intake.problems import MEDIA_TYPE

STATE: Final = "Open, driven in again, or discarded; without it: all"
REASON: Final = "Why it can't be used, such as unknown_type"
TOPIC: Final = "The topic of the original, without the deployment's prefix"
SOURCE: Final = "The CloudEvents source, where the original's can be read"
POSITION: Final = "topic-partition-offset, or topic-partition"
SINCE: Final = "Appended at or after this: an RFC 3339 date-time with an offset, such as 2026-04-01T09:00:00+09:00"
UNTIL: Final = "Appended before this: an RFC 3339 date-time with an offset"
LIMIT: Final = "The most letters of a page"
CURSOR: Final = "Where to read on: the cursor of the page before"
BYTES: Final = "Show the original bytes too. They were checked by nobody and may hold personal data"

_, COMPONENTS = msgspec.json.schema_components(
    [LetterView, LetterPage, RedriveRequest, DiscardRequest, SettledAnswer], ref_template="#/components/schemas/{name}"
)
SECURITY_SCHEMES: Final = {
    "operator": {"type": "apiKey", "in": "header", "name": "X-API-Key", "description": "The key of an operator."},
    "operatorBearer": {"type": "http", "scheme": "bearer", "description": "The same key as a bearer token."},
}
_SECURITY: Final[list[dict[str, list[str]]]] = [{"operator": []}, {"operatorBearer": []}]
_PROBLEM: Final = {MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}}}


def _schema(name: str) -> dict[str, Any]:
    return {JSON: {"schema": {"$ref": f"#/components/schemas/{name}"}}}


_REFUSALS: Final[dict[int | str, dict[str, Any]]] = {
    400: {"description": "A parameter or the body can't be read.", "content": _PROBLEM},
    401: {"description": "No key, or one that belongs to nobody.", "content": _PROBLEM},
    403: {"description": "The key of a source, not of an operator.", "content": _PROBLEM},
}
_AWAY: Final = {"description": "Kafka is away, or intake is starting.", "content": _PROBLEM}
_BODY_REFUSALS: Final[dict[int | str, dict[str, Any]]] = {
    408: {"description": "The body did not come in time.", "content": _PROBLEM},
    413: {"description": "The body is too large.", "content": _PROBLEM},
    415: {"description": "The body is compressed.", "content": _PROBLEM},
}


def _settling(summary: str, description: str, request: str, done: str) -> dict[str, Any]:
    return {
        "summary": summary,
        "description": description,
        "responses": {
            200: {"description": done, "content": _schema("SettledAnswer")},
            207: {"description": "Some were refused or are unknown; the results say why.", **_content("SettledAnswer")},
            **_REFUSALS,
            **_BODY_REFUSALS,
            503: {"description": _AWAY["description"], "content": {**_PROBLEM, **_schema("SettledAnswer")}},
        },
        "openapi_extra": {
            "security": _SECURITY,
            "requestBody": {"required": True, "content": _schema(request)},
        },
    }


def _content(name: str) -> dict[str, Any]:
    return {"content": _schema(name)}


LIST: Final[dict[str, Any]] = {
    "summary": "List dead letters",
    "description": "Without their bytes. Partition by partition, in the order in which they died.",
    "responses": {200: {"description": "A page.", **_content("LetterPage")}, **_REFUSALS, 503: _AWAY},
    "openapi_extra": {"security": _SECURITY},
}
SHOW: Final[dict[str, Any]] = {
    "summary": "Show a dead letter",
    "responses": {
        200: {"description": "The letter.", **_content("LetterView")},
        **_REFUSALS,
        404: {"description": "There is none of this id, or it is forgotten.", "content": _PROBLEM},
        503: _AWAY,
    },
    "openapi_extra": {"security": _SECURITY},
}
REDRIVE: Final[dict[str, Any]] = _settling(
    "Drive dead letters in again",
    "By the way that events come in by, with the same checks and the same masking, with the source and the id that"
    " they have: doing it again changes nothing. What is refused stays open, for the new reason.",
    "RedriveRequest",
    "All are in the log again.",
)
DISCARD: Final[dict[str, Any]] = _settling(
    "Leave dead letters for good",
    "They don't count towards the limit any more. While they are kept (30 days) they can still be driven in again.",
    "DiscardRequest",
    "All are discarded.",
)

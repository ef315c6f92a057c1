"""Everything that is refused, as a problem detail (RFC 9457) that names the field and the rule, never the value."""

from http import HTTPStatus
from types import MappingProxyType
from typing import Final

from msgspec import Struct

from qos_domain.errors import RejectedEvent

MEDIA_TYPE: Final = "application/problem+json"
RETRY_AFTER_SECONDS: Final = 5


class Problem(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """`type` is urn:procedure-qos:problem:<reason>; `field` and `rule` say what would have been accepted."""

    type: str
    title: str
    status: int
    detail: str
    reason: str
    field: str | None = None
    rule: str | None = None


# reason -> (status, title). A reason is a stable machine name: add, never rename.
REASONS: Final = MappingProxyType(
    {
        # the event itself
        "malformed_json": (HTTPStatus.BAD_REQUEST, "The event is not JSON"),
        "unknown_type": (HTTPStatus.UNPROCESSABLE_ENTITY, "The event's type is not known"),
        "unknown_field": (HTTPStatus.UNPROCESSABLE_ENTITY, "A field is not known"),
        "missing_field": (HTTPStatus.UNPROCESSABLE_ENTITY, "A required field is missing"),
        "invalid_field": (HTTPStatus.UNPROCESSABLE_ENTITY, "A field can't be accepted"),
        "time_without_offset": (HTTPStatus.UNPROCESSABLE_ENTITY, "A time has no offset"),
        "time_in_future": (HTTPStatus.UNPROCESSABLE_ENTITY, "A time lies in the future"),
        "too_old": (HTTPStatus.UNPROCESSABLE_ENTITY, "The event is too old"),
        "personal_data": (HTTPStatus.UNPROCESSABLE_ENTITY, "An id looks like personal data"),
        "too_large": (HTTPStatus.REQUEST_ENTITY_TOO_LARGE, "The event is too large"),
        "tombstone": (HTTPStatus.UNPROCESSABLE_ENTITY, "There is no event"),
        # who sends it
        "unauthenticated": (HTTPStatus.UNAUTHORIZED, "No valid API key"),
        "operators_only": (HTTPStatus.FORBIDDEN, "Operators only"),
        "wrong_source": (HTTPStatus.FORBIDDEN, "The event names another source"),
        "type_not_allowed": (HTTPStatus.FORBIDDEN, "The source may not emit this type"),
        "source_not_allowed": (HTTPStatus.FORBIDDEN, "The source may not emit for this organisation"),
        # the request around it
        "malformed_request": (HTTPStatus.BAD_REQUEST, "The request can't be read"),
        "unknown_column": (HTTPStatus.UNPROCESSABLE_ENTITY, "A column is not known"),
        "missing_column": (HTTPStatus.UNPROCESSABLE_ENTITY, "A required column is missing"),
        "malformed_row": (HTTPStatus.UNPROCESSABLE_ENTITY, "A row can't be read"),
        "unsupported_media_type": (HTTPStatus.UNSUPPORTED_MEDIA_TYPE, "The media type is not supported"),
        "body_too_large": (HTTPStatus.REQUEST_ENTITY_TOO_LARGE, "The body is too large"),
        "batch_too_long": (HTTPStatus.REQUEST_ENTITY_TOO_LARGE, "The batch has too many events"),
        "body_too_slow": (HTTPStatus.REQUEST_TIMEOUT, "The body did not come in time"),
        "not_found": (HTTPStatus.NOT_FOUND, "There is nothing here"),
        "method_not_allowed": (HTTPStatus.METHOD_NOT_ALLOWED, "The method is not allowed here"),
        # us
        "overloaded": (HTTPStatus.SERVICE_UNAVAILABLE, "Too much is under way"),
        "broker_unavailable": (HTTPStatus.SERVICE_UNAVAILABLE, "Kafka did not acknowledge"),
        "starting": (HTTPStatus.SERVICE_UNAVAILABLE, "The service is starting"),
        "internal": (HTTPStatus.INTERNAL_SERVER_ERROR, "Something is broken here"),
    }
)
RULES: Final = MappingProxyType(
    {
        "unauthenticated": "a key of a known source in X-API-Key, or in Authorization: Bearer",
        "operators_only": "a key of an operator, as the sources file names them",
        "overloaded": f"send it again after {RETRY_AFTER_SECONDS} seconds, with the same id",
        "broker_unavailable": f"send it again after {RETRY_AFTER_SECONDS} seconds, with the same id",
        "starting": f"send it again after {RETRY_AFTER_SECONDS} seconds, with the same id",
        "internal": "send it again later, with the same id; the operators see this in their logs",
    }
)


class Refused(Exception):
    """A request as a whole is refused."""

    def __init__(self, reason: str, *, field: str | None = None, rule: str | None = None) -> None:
        super().__init__(reason)
        self.problem = problem(reason, field=field, rule=rule)


def problem(reason: str, *, field: str | None = None, rule: str | None = None) -> Problem:
    status, title = REASONS[reason]
    rule = rule or RULES.get(reason)
    return Problem(
        type=f"urn:procedure-qos:problem:{reason}",
        title=title,
        status=int(status),
        detail=": ".join(part for part in (field, rule) if part) or title,
        reason=reason,
        field=field,
        rule=rule,
    )


def problem_of(error: RejectedEvent) -> Problem:
    return problem(error.reason, field=error.field, rule=error.rule)

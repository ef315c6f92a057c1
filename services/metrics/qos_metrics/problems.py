"""Every error as a problem detail (RFC 9457): one handler for what the service raises, one for bad parameters.

A problem never repeats what was sent: an application id may be personal data.
"""

from collections.abc import Mapping
from http import HTTPStatus
from typing import Annotated, Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from pydantic import BaseModel, Field
from starlette.exceptions import HTTPException

from qos_domain.errors import TransientFailure
from qos_metrics.ports import UnknownApplication, UnknownOrganisation, UnknownProcedure, UnknownPublication
from qos_metrics.stream import TooManySubscribers
from qos_runtime.logging import get_logger

log = get_logger(__name__)

MEDIA_TYPE = "application/problem+json"
RETRY_AFTER_SECONDS = "2"


class FieldProblem(BaseModel):
    """One parameter that can't be used."""

    field: Annotated[str, Field(examples=["window"])]
    rule: Annotated[str, Field(examples=["today, a number of days such as 28d, month, quarter, fiscal_year"])]


class Problem(BaseModel):
    """RFC 9457. `reason` is a stable name (`type` is made of it); `errors` names each parameter that is wrong."""

    type: Annotated[str, Field(examples=["urn:procedure-qos:problem:invalid_parameter"])]
    title: Annotated[str, Field(examples=["A parameter can't be used"])]
    status: Annotated[int, Field(examples=[422])]
    detail: Annotated[str | None, Field(examples=["window: today, a number of days such as 28d"])] = None
    reason: Annotated[str, Field(examples=["invalid_parameter"])]
    errors: list[FieldProblem] | None = None


class BadParameter(Exception):
    """A parameter (or a combination) can't be used. `rule` says what could be, without repeating what was sent."""

    def __init__(self, *, field: str, rule: str) -> None:
        super().__init__(f"{field}: {rule}")
        self.field = field
        self.rule = rule


class StaffOnly(Exception):
    """Only staff may see this. `presented`: a credential was given, and is not the right one."""

    def __init__(self, *, presented: bool) -> None:
        super().__init__("staff only")
        self.presented = presented


def problem(
    status: int,
    reason: str,
    title: str,
    detail: str | None = None,
    errors: list[FieldProblem] | None = None,
    headers: Mapping[str, str] | None = None,
) -> JSONResponse:
    """The response for one problem."""
    body = Problem(
        type=f"urn:procedure-qos:problem:{reason}",
        title=title,
        status=status,
        detail=detail,
        reason=reason,
        errors=errors,
    )
    return JSONResponse(
        body.model_dump(exclude_none=True),
        status_code=status,
        media_type=MEDIA_TYPE,
        headers={"Cache-Control": "no-store", **(headers or {})},
    )


def responses(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """What OpenAPI says of a route's problems."""
    return {
        status: {
            "description": HTTPStatus(status).phrase,
            "content": {MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}}},
        }
        for status in statuses
    }


def install(app: FastAPI) -> None:
    """Registers the handlers."""
    app.add_exception_handler(RequestValidationError, _invalid)
    app.add_exception_handler(BadParameter, _bad_parameter)
    app.add_exception_handler(StaffOnly, _staff_only)
    app.add_exception_handler(UnknownProcedure, _unknown_procedure)
    app.add_exception_handler(UnknownOrganisation, _unknown_organisation)
    app.add_exception_handler(UnknownApplication, _unknown_application)
    app.add_exception_handler(UnknownPublication, _unknown_publication)
    app.add_exception_handler(TooManySubscribers, _too_many)
    app.add_exception_handler(TransientFailure, _away)
    app.add_exception_handler(HTTPException, of_http)
    app.add_exception_handler(Exception, _unexpected)


async def _invalid(_request: Request, error: Exception) -> JSONResponse:
    errors = error.errors() if isinstance(error, RequestValidationError) else []
    fields = [FieldProblem(field=str(item["loc"][-1]), rule=str(item["msg"])) for item in errors]
    detail = "; ".join(f"{item.field}: {item.rule}" for item in fields)
    return problem(422, "invalid_parameter", "A parameter can't be used", detail, fields)


async def _bad_parameter(_request: Request, error: Exception) -> JSONResponse:
    fields = [FieldProblem(field=error.field, rule=error.rule)] if isinstance(error, BadParameter) else []
    return problem(422, "invalid_parameter", "A parameter can't be used", str(error), fields)


async def _staff_only(_request: Request, error: Exception) -> JSONResponse:
    challenge = 'Bearer realm="qos-staff"'
    if isinstance(error, StaffOnly) and error.presented:
        challenge += ', error="invalid_token"'
    return problem(
        401,
        "staff_only",
        "Staff only",
        "Exact figures and single cases need the staff token: Authorization: Bearer <token>",
        headers={"WWW-Authenticate": challenge},
    )


async def _unknown_procedure(_request: Request, _error: Exception) -> JSONResponse:
    return problem(404, "unknown_procedure", "Unknown procedure", "No procedure of this id is registered")


async def _unknown_organisation(_request: Request, _error: Exception) -> JSONResponse:
    return problem(404, "unknown_organisation", "Unknown organisation", "No procedure of this organisation is known")


async def _unknown_application(_request: Request, _error: Exception) -> JSONResponse:
    return problem(404, "unknown_application", "Unknown application", "This procedure has no application of this id")


async def _unknown_publication(_request: Request, error: Exception) -> JSONResponse:
    published = error.published if isinstance(error, UnknownPublication) else ()
    known = f"published are {', '.join(published)}" if published else "nothing was published yet"
    return problem(404, "unknown_publication", "Not published", f"This month was never published: {known}")


async def _too_many(_request: Request, _error: Exception) -> JSONResponse:
    return problem(
        503,
        "too_many_streams",
        "Too many streams",
        "All streams of this instance are taken",
        headers={"Retry-After": RETRY_AFTER_SECONDS},
    )


async def _away(_request: Request, error: Exception) -> JSONResponse:
    log.warning("request_failed_transiently", error=str(error))
    return problem(
        503,
        "unavailable",
        "Temporarily unavailable",
        "The database or the broker doesn't answer; the same request may succeed later",
        headers={"Retry-After": RETRY_AFTER_SECONDS},
    )


async def of_http(_request: Request, error: Exception) -> JSONResponse:
    """What routing refuses: no such address, no such method."""
    status = error.status_code if isinstance(error, HTTPException) else 500
    headers = dict(error.headers or {}) if isinstance(error, HTTPException) else {}
    phrase = HTTPStatus(status).phrase
    return problem(status, phrase.lower().replace(" ", "_").replace("-", "_"), phrase, headers=headers)


async def _unexpected(_request: Request, error: Exception) -> JSONResponse:
    log.error("request_failed", exc_info=error)
    return problem(500, "internal", "Internal error", "The cause is in the service's log")

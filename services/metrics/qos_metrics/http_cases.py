"""Routes of single cases, for staff alone."""

from typing import Annotated

from fastapi import APIRouter, Query, Response

from qos_domain.calendar import CalendarRange
from qos_metrics import present
from qos_metrics.http_answers import STAFF_ONLY_SECURITY, Authorization, answer
from qos_metrics.models import DueCasesAnswer, ExplanationAnswer
from qos_metrics.params import CaseParameters, DueParameters
from qos_metrics.parts import Parts
from qos_metrics.present import read_cursor
from qos_metrics.problems import BadParameter, responses


def router(parts: Parts) -> APIRouter:
    routes = APIRouter(prefix="/v1/cases", tags=["cases"])
    service, gate = parts.service, parts.gate

    @routes.get(
        "/overdue",
        summary="Open cases of a procedure that are overdue or due soon",
        response_model=DueCasesAnswer,
        responses=responses(401, 404, 422, 503),
        openapi_extra=STAFF_ONLY_SECURITY,
    )
    async def overdue(parameters: Annotated[DueParameters, Query()], authorization: Authorization = None) -> Response:
        """In the order of their ids, a page at a time. A suspended case is not due soon."""
        audience = gate.admit("staff", authorization)
        after = None if parameters.cursor is None else read_cursor(parameters.cursor)
        found = await service.due_cases(parameters.procedure, after, parameters.limit)
        return answer(present.due_cases(found), audience)

    @routes.get(
        "/explanation",
        summary="Why a case is due when it is due",
        response_model=ExplanationAnswer,
        responses=responses(401, 404, 422, 503),
        openapi_extra=STAFF_ONLY_SECURITY,
    )
    async def explanation(
        parameters: Annotated[CaseParameters, Query()], authorization: Authorization = None
    ) -> Response:
        """The registry version, rules and period that govern the case, the judgement, and every day of it."""
        audience = gate.admit("staff", authorization)
        try:
            found = await service.explanation(parameters.procedure, parameters.application)
        except CalendarRange as error:
            raise BadParameter(field="application", rule=str(error)) from error
        return answer(present.explanation(found, parameters.procedure, parameters.application), audience)

    return routes

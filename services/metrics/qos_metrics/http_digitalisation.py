"""Routes of the digitalisation rate: of an organisation, of all.

What is counted is procedures, which the registry publishes one by one, and not applications: small counts tell nothing
of anybody, and the public form is the exact one.
"""

from typing import Annotated

from fastapi import APIRouter, Query, Response

from qos_metrics import present
from qos_metrics.http_answers import STAFF_SECURITY, Authorization, answer, shared_for
from qos_metrics.http_figures import OrganisationId
from qos_metrics.models import DigitalisationAnswer
from qos_metrics.params import DayParameters
from qos_metrics.parts import Parts
from qos_metrics.problems import responses


def router(parts: Parts) -> APIRouter:
    routes = APIRouter(prefix="/v1", tags=["indicators"])
    service, gate = parts.service, parts.gate
    shared = shared_for(parts.settings.cache_seconds)

    async def rate(organisation_id: str | None, parameters: DayParameters, authorization: str | None) -> Response:
        audience = gate.admit(parameters.audience, authorization)
        found = await service.digitalisation(organisation_id, parameters.day(service.today()))
        return answer(present.digitalisation(found, audience), audience, shared)

    @routes.get(
        "/digitalisation",
        summary="Digitalisation rate over all procedures",
        response_model=DigitalisationAnswer,
        responses=responses(401, 422, 503),
        openapi_extra=STAFF_SECURITY,
    )
    async def all_digitalisation(
        parameters: Annotated[DayParameters, Query()], authorization: Authorization = None
    ) -> Response:
        """By the versions in force on as_of, without the retired ones. Exact for everybody: the registry is public."""
        return await rate(None, parameters, authorization)

    @routes.get(
        "/organisations/{organisation_id:path}/digitalisation",
        summary="Digitalisation rate of an organisation",
        response_model=DigitalisationAnswer,
        responses=responses(401, 404, 422, 503),
        openapi_extra=STAFF_SECURITY,
    )
    async def organisation_digitalisation(
        organisation_id: OrganisationId,
        parameters: Annotated[DayParameters, Query()],
        authorization: Authorization = None,
    ) -> Response:
        """Of the procedures that were its own on as_of. Exact for everybody: the registry is public."""
        return await rate(organisation_id, parameters, authorization)

    return routes

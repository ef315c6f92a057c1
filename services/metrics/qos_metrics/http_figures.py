"""Routes of indicators and of the registry: procedures, organisations, all."""

from typing import Annotated

from fastapi import APIRouter, Path, Query, Response

from qos_metrics import present
from qos_metrics.http_answers import REVALIDATE, STAFF_SECURITY, Authorization, answer, shared_for
from qos_metrics.models import IndicatorsAnswer, LevelsAnswer, OrganisationsAnswer, ProcedureAnswer, ProceduresAnswer
from qos_metrics.params import AudienceParameters, DayParameters, FigureParameters, IdText, ListParameters
from qos_metrics.parts import Parts
from qos_metrics.ports import Everything, OneOrganisation, OneProcedure, Scope
from qos_metrics.problems import responses

ProcedureId = Annotated[IdText, Path(description="The id of the procedure.", examples=["road-occupation"])]
OrganisationId = Annotated[IdText, Path(description="The id of the organisation.", examples=["construction"])]


def router(parts: Parts) -> APIRouter:
    routes = APIRouter(prefix="/v1")
    service, gate = parts.service, parts.gate
    shared = shared_for(parts.settings.cache_seconds)

    async def figures(scope: Scope, parameters: FigureParameters, authorization: str | None, cache: str) -> Response:
        audience = gate.admit(parameters.audience, authorization)
        found = await service.figures(parameters.question(scope, service.today()))
        return answer(present.figures(found, audience), audience, cache)

    @routes.get(
        "/procedures",
        tags=["registry"],
        summary="Procedures",
        response_model=ProceduresAnswer,
        responses=responses(401, 422, 503),
        openapi_extra=STAFF_SECURITY,
    )
    async def procedures(
        parameters: Annotated[ListParameters, Query()], authorization: Authorization = None
    ) -> Response:
        """In the order of their ids, a page at a time; filters restrict them together."""
        audience = gate.admit(parameters.audience, authorization)
        found = await service.listing(parameters.wanted(), parameters.page())
        following = found.rows[-1].procedure.procedure_id if found.has_next and found.rows else None
        return answer(
            ProceduresAnswer(
                audience=audience,
                as_of=found.as_of,
                freshness=found.freshness,
                procedures=[present.procedure_summary(row.procedure) for row in found.rows],
                next_cursor=None if following is None else present.cursor_after(following),
            ),
            audience,
        )

    @routes.get(
        "/procedures/{procedure_id:path}/indicators",
        tags=["indicators"],
        summary="Indicators of a procedure",
        response_model=IndicatorsAnswer,
        responses=responses(401, 404, 422, 503),
        openapi_extra=STAFF_SECURITY,
    )
    async def procedure_indicators(
        procedure_id: ProcedureId,
        parameters: Annotated[FigureParameters, Query()],
        authorization: Authorization = None,
    ) -> Response:
        """Summed when they are asked for: an event counts as soon as it is processed."""
        return await figures(OneProcedure(procedure_id), parameters, authorization, REVALIDATE)

    @routes.get(
        "/procedures/{procedure_id:path}/levels",
        tags=["levels"],
        summary="Levels of a procedure, with all that they rest on",
        response_model=LevelsAnswer,
        responses=responses(401, 404, 422, 503),
        openapi_extra=STAFF_SECURITY,
    )
    async def procedure_levels(
        procedure_id: ProcedureId,
        parameters: Annotated[DayParameters, Query()],
        authorization: Authorization = None,
    ) -> Response:
        """Both readings of each principle, criterion by criterion, with contradictions and the distance to the next."""
        audience = gate.admit(parameters.audience, authorization)
        found = await service.levels(procedure_id, parameters.day(service.today()))
        return answer(present.levels(found, audience), audience)

    @routes.get(
        "/procedures/{procedure_id:path}",
        tags=["registry"],
        summary="A procedure and all its registry versions",
        response_model=ProcedureAnswer,
        responses=responses(401, 404, 422, 503),
        openapi_extra=STAFF_SECURITY,
    )
    async def procedure(
        procedure_id: ProcedureId,
        parameters: Annotated[AudienceParameters, Query()],
        authorization: Authorization = None,
    ) -> Response:
        audience = gate.admit(parameters.audience, authorization)
        return answer(present.versions(await service.versions(procedure_id), audience), audience)

    @routes.get(
        "/organisations",
        tags=["registry"],
        summary="Organisations that own procedures",
        response_model=OrganisationsAnswer,
        responses=responses(401, 422, 503),
        openapi_extra=STAFF_SECURITY,
    )
    async def organisations(
        parameters: Annotated[AudienceParameters, Query()], authorization: Authorization = None
    ) -> Response:
        audience = gate.admit(parameters.audience, authorization)
        found = await service.organisations()
        return answer(
            OrganisationsAnswer(
                audience=audience,
                as_of=service.today(),
                freshness=await service.freshness(),
                organisations=[present.organisation_entry(row) for row in found],
            ),
            audience,
            shared,
        )

    @routes.get(
        "/organisations/{organisation_id:path}/indicators",
        tags=["indicators"],
        summary="Indicators of an organisation",
        response_model=IndicatorsAnswer,
        responses=responses(401, 404, 422, 503),
        openapi_extra=STAFF_SECURITY,
    )
    async def organisation_indicators(
        organisation_id: OrganisationId,
        parameters: Annotated[FigureParameters, Query()],
        authorization: Authorization = None,
    ) -> Response:
        """Numerators and denominators of its procedures are added; of an application counts whose it was on arrival."""
        return await figures(OneOrganisation(organisation_id), parameters, authorization, shared)

    @routes.get(
        "/indicators",
        tags=["indicators"],
        summary="Indicators over all procedures",
        response_model=IndicatorsAnswer,
        responses=responses(401, 422, 503),
        openapi_extra=STAFF_SECURITY,
    )
    async def all_indicators(
        parameters: Annotated[FigureParameters, Query()], authorization: Authorization = None
    ) -> Response:
        return await figures(Everything(), parameters, authorization, shared)

    return routes

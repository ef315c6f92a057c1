"""Routes of publications: months as they were published, and what was restated of them; as JSON and as open data."""

import csv
from collections.abc import AsyncIterator, Sequence
from io import StringIO
from typing import Annotated, Any

from fastapi import APIRouter, Path, Query, Response
from fastapi.responses import StreamingResponse

from qos_domain.publication import PublicationScope
from qos_metrics import present_publications as present
from qos_metrics.access import Audience
from qos_metrics.http_answers import STAFF, STAFF_SECURITY, Authorization, answer
from qos_metrics.http_figures import OrganisationId, ProcedureId
from qos_metrics.models_publications import PublicationAnswer, PublicationsAnswer
from qos_metrics.params import AudienceParameters
from qos_metrics.parts import Parts
from qos_metrics.postgres_publications import Stated
from qos_metrics.problems import responses

_PORTION = 200
_CSV = "text/csv; charset=utf-8"
_CSV_ANSWER: dict[int | str, dict[str, Any]] = {
    200: {
        "description": "One scope a line, in the order of the ids; the first line names the columns.",
        "content": {"text/csv": {"schema": {"type": "string"}}},
    }
}
Period = Annotated[
    str,
    Path(description="The month.", examples=["2026-10"], pattern=r"^[0-9]{4}-(0[1-9]|1[0-2])$", max_length=7),
]


def router(parts: Parts) -> APIRouter:
    routes = APIRouter(prefix="/v1/publications", tags=["publications"])
    service, gate, publications = parts.service, parts.gate, parts.publications

    async def of_scope(
        period: str, scope: PublicationScope, id_: str, parameters: AudienceParameters, authorization: str | None
    ) -> Response:
        audience = gate.admit(parameters.audience, authorization)
        entry = await publications.publication(period)
        stated = await publications.stated(entry.completed.publication_id, scope, id_)
        return answer(present.publication(entry, stated, audience, await service.freshness()), audience)

    async def open_data(
        period: str, scope: PublicationScope, parameters: AudienceParameters, authorization: str | None
    ) -> Response:
        audience = gate.admit(parameters.audience, authorization)
        publication_id = (await publications.publication(period)).completed.publication_id
        # The first portion is read before the answer begins, so that a database that is away is still a 503.
        first = await publications.portion(publication_id, scope, "", _PORTION)
        return StreamingResponse(
            _lines(parts, publication_id, scope, first, audience),
            media_type=_CSV,
            headers={
                "Cache-Control": STAFF if audience == "staff" else "no-store",
                "Content-Disposition": f'attachment; filename="qos-{period}-{scope}s.csv"',
            },
        )

    @routes.get(
        "",
        summary="All months that were published",
        response_model=PublicationsAnswer,
        responses=responses(401, 422, 503),
        openapi_extra=STAFF_SECURITY,
    )
    async def months(
        parameters: Annotated[AudienceParameters, Query()], authorization: Authorization = None
    ) -> Response:
        audience = gate.admit(parameters.audience, authorization)
        return answer(
            PublicationsAnswer(
                audience=audience,
                as_of=service.today(),
                freshness=await service.freshness(),
                publications=[present.entry(entry) for entry in await publications.publications()],
            ),
            audience,
        )

    @routes.get(
        "/{period}/procedures.csv",
        summary="All procedures of a month, as open data",
        response_class=StreamingResponse,
        responses=responses(401, 404, 422, 503) | _CSV_ANSWER,
        openapi_extra=STAFF_SECURITY,
    )
    async def procedures_csv(
        period: Period, parameters: Annotated[AudienceParameters, Query()], authorization: Authorization = None
    ) -> Response:
        return await open_data(period, "procedure", parameters, authorization)

    @routes.get(
        "/{period}/organisations.csv",
        summary="All organisations of a month, as open data",
        response_class=StreamingResponse,
        responses=responses(401, 404, 422, 503) | _CSV_ANSWER,
        openapi_extra=STAFF_SECURITY,
    )
    async def organisations_csv(
        period: Period, parameters: Annotated[AudienceParameters, Query()], authorization: Authorization = None
    ) -> Response:
        return await open_data(period, "organisation", parameters, authorization)

    @routes.get(
        "/{period}/procedures/{procedure_id:path}",
        summary="What was published of a procedure, and what is restated of it",
        response_model=PublicationAnswer,
        responses=responses(401, 404, 422, 503),
        openapi_extra=STAFF_SECURITY,
    )
    async def procedure(
        period: Period,
        procedure_id: ProcedureId,
        parameters: Annotated[AudienceParameters, Query()],
        authorization: Authorization = None,
    ) -> Response:
        return await of_scope(period, "procedure", procedure_id, parameters, authorization)

    @routes.get(
        "/{period}/organisations/{organisation_id:path}",
        summary="What was published of an organisation, and what is restated of it",
        response_model=PublicationAnswer,
        responses=responses(401, 404, 422, 503),
        openapi_extra=STAFF_SECURITY,
    )
    async def organisation(
        period: Period,
        organisation_id: OrganisationId,
        parameters: Annotated[AudienceParameters, Query()],
        authorization: Authorization = None,
    ) -> Response:
        return await of_scope(period, "organisation", organisation_id, parameters, authorization)

    @routes.get(
        "/{period}",
        summary="A month: what was published over all, and what is restated of it",
        response_model=PublicationAnswer,
        responses=responses(401, 404, 422, 503),
        openapi_extra=STAFF_SECURITY,
    )
    async def month(
        period: Period, parameters: Annotated[AudienceParameters, Query()], authorization: Authorization = None
    ) -> Response:
        return await of_scope(period, "all", "", parameters, authorization)

    return routes


async def _lines(
    parts: Parts, publication_id: str, scope: PublicationScope, stated: Sequence[Stated], audience: Audience
) -> AsyncIterator[bytes]:
    """Each portion is a snapshot of its own: a slow reader must not hold a transaction open."""
    text = StringIO()
    writer = csv.writer(text)
    writer.writerow(present.HEADER)
    while True:
        writer.writerows(list(present.line(each, audience)) for each in stated)
        yield text.getvalue().encode()
        if len(stated) < _PORTION:
            return
        text.seek(0)
        text.truncate()
        stated = await parts.publications.portion(publication_id, scope, stated[-1].issued.id, _PORTION)

"""Routes of the quality map: a page at a time, or the whole as lines."""

from collections.abc import AsyncIterator
from typing import Annotated

from fastapi import APIRouter, Query, Response
from fastapi.responses import StreamingResponse

from qos_metrics import present
from qos_metrics.http_answers import STAFF_SECURITY, Authorization, answer, shared_for
from qos_metrics.models import QualityMapAnswer
from qos_metrics.params import ListParameters
from qos_metrics.parts import Parts
from qos_metrics.ports import ListFilter, MapRow, Page
from qos_metrics.problems import BadParameter, responses

_PORTION = 200
LINES = "application/x-ndjson"


def router(parts: Parts) -> APIRouter:
    routes = APIRouter(prefix="/v1", tags=["levels"])
    service, gate = parts.service, parts.gate

    @routes.get(
        "/quality-map",
        summary="The quality map",
        response_model=QualityMapAnswer,
        responses=responses(401, 422, 503),
        openapi_extra=STAFF_SECURITY,
    )
    async def quality_map(
        parameters: Annotated[ListParameters, Query()], authorization: Authorization = None
    ) -> Response:
        """What processing assessed last of each procedure; /v1/procedures/{id}/levels computes those of one now."""
        audience = gate.admit(parameters.audience, authorization)
        wanted = parameters.wanted()
        found = await service.listing(wanted, parameters.page())
        totals = await service.map_totals(wanted)
        return answer(present.quality_map(found, totals, audience), audience, shared_for(parts.settings.cache_seconds))

    @routes.get(
        "/quality-map.ndjson",
        summary="The whole quality map, one procedure a line",
        response_class=StreamingResponse,
        responses=responses(401, 422, 503)
        | {
            200: {
                "description": "One JSON object a line, in the order of the ids.",
                "content": {LINES: {"schema": {"$ref": "#/components/schemas/MapEntry"}}},
            }
        },
        openapi_extra=STAFF_SECURITY,
    )
    async def quality_map_lines(
        parameters: Annotated[ListParameters, Query()], authorization: Authorization = None
    ) -> Response:
        gate.admit(parameters.audience, authorization)
        wanted = parameters.wanted()
        if parameters.cursor is not None:
            raise BadParameter(field="cursor", rule="none: all procedures come in one answer")
        # The first portion is read before the answer begins, so that a database that is away is still a 503.
        first = await _portion(parts, wanted, None)
        return StreamingResponse(_lines(parts, wanted, first), media_type=LINES, headers={"Cache-Control": "no-store"})

    return routes


async def _portion(parts: Parts, wanted: ListFilter, after: str | None) -> list[MapRow]:
    """Each portion is a snapshot of its own: a slow reader must not hold a transaction open."""
    async with parts.service.store.snapshot() as snapshot:
        return await snapshot.quality_map(wanted, Page(_PORTION, after=after))


async def _lines(parts: Parts, wanted: ListFilter, rows: list[MapRow]) -> AsyncIterator[bytes]:
    while rows:
        yield "".join(present.map_entry(row).model_dump_json() + "\n" for row in rows).encode()
        if len(rows) < _PORTION:
            return
        rows = await _portion(parts, wanted, rows[-1].procedure.procedure_id)

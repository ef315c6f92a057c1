"""The HTTP side, put together: routes, what goes around them, and errors as problems."""

from importlib.metadata import version
from typing import Any

from fastapi import FastAPI, Response
from fastapi.responses import JSONResponse
from prometheus_client import CONTENT_TYPE_LATEST
from starlette.middleware.gzip import GZipMiddleware

from qos_metrics import (
    http_cases,
    http_digitalisation,
    http_figures,
    http_map,
    http_publications,
    http_stream,
    openapi,
    pages,
    problems,
)
from qos_metrics.middleware import ConditionalAnswers, RequestMetrics
from qos_metrics.parts import Parts
from qos_runtime.tracing import PROBES

_LEAST_GZIP_BYTES = 1_000


def create_app(parts: Parts) -> FastAPI:
    """The application of these parts, without any background task of its own."""
    app = FastAPI(
        title="QOS metrics",
        version=version("qos-metrics"),
        description=openapi.DESCRIPTION,
        openapi_tags=openapi.TAGS,
        docs_url=None,
        redoc_url=None,
        # A stream lasts for hours, until its client hangs up.
        telemetry=parts.tracing.of_requests(untraced=(*PROBES, "/v1/stream")),
    )
    app.include_router(http_figures.router(parts))
    app.include_router(http_digitalisation.router(parts))
    app.include_router(http_map.router(parts))
    app.include_router(http_publications.router(parts))
    app.include_router(http_cases.router(parts))
    app.include_router(http_stream.router(parts))
    _operations(app, parts)
    problems.install(app)
    pages.install(app, parts)
    app.add_middleware(ConditionalAnswers)
    app.add_middleware(GZipMiddleware, minimum_size=_LEAST_GZIP_BYTES)
    app.add_middleware(RequestMetrics, seconds=parts.request_seconds)
    openapi.install(app)
    return app


def _operations(app: FastAPI, parts: Parts) -> None:
    health_answers: dict[int | str, dict[str, Any]] = {503: {"description": "A check fails; `checks` says which."}}

    @app.get("/health/live", tags=["operations"], summary="Does the process live?")
    async def live() -> JSONResponse:
        report = await parts.health.live()
        return JSONResponse(report.document(), report.status_code, headers={"Cache-Control": "no-store"})

    @app.get("/health/ready", tags=["operations"], summary="Can it answer?", responses=health_answers)
    async def ready() -> JSONResponse:
        report = await parts.health.ready()
        return JSONResponse(report.document(), report.status_code, headers={"Cache-Control": "no-store"})

    @app.get(
        "/metrics",
        tags=["operations"],
        summary="Metrics for Prometheus",
        response_class=Response,
        responses={200: {"content": {"text/plain": {"schema": {"type": "string"}}}, "description": "Metrics"}},
    )
    async def metrics() -> Response:
        return Response(await parts.exposition(), media_type=CONTENT_TYPE_LATEST, headers={"Cache-Control": "no-store"})

"""The HTTP side: requests in, answers out. What is decided is decided in `service`."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Annotated

import msgspec
from fastapi import FastAPI, Query, Request, Response
from fastapi.exceptions import RequestValidationError
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest
from pydantic import AwareDatetime
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from qos_intake import http_dead_letters, openapi
from qos_intake.bodies import body_chunks, declared_length, whole_body
from qos_intake.capacity import Capacity, Overloaded
from qos_intake.content_modes import read_body
from qos_intake.credentials import presented_key
from qos_intake.letters_kafka import LetterLog
from qos_intake.problems import MEDIA_TYPE, RETRY_AFTER_SECONDS, Problem, Refused, problem
from qos_intake.redriving import Redriver
from qos_intake.registering import Registrar
from qos_intake.results import Accepted, Answer, Result
from qos_intake.schemas import data_schema, schema_list
from qos_intake.service import Intake
from qos_intake.settings import IntakeSettings
from qos_intake.sources import Source, Sources
from qos_intake.telemetry import Telemetry
from qos_runtime.health import Health
from qos_runtime.logging import get_logger
from qos_runtime.tracing import PROBES, Tracing

log = get_logger(__name__)

# What a file upload holds at a time: the rows waiting to be published, not the file.
_FILE_BYTES = 2_000_000


@dataclass(frozen=True, slots=True)
class Parts:
    """What the HTTP side answers with. `ready` raises TransientFailure until events can be judged."""

    settings: IntakeSettings
    sources: Sources
    intake: Intake
    registrar: Registrar
    letters: LetterLog
    redriver: Redriver
    capacity: Capacity
    health: Health
    telemetry: Telemetry
    caught_up: Callable[[], bool]
    tracing: Tracing


def create_app(parts: Parts) -> FastAPI:
    """The application, without any background task of its own."""
    app = FastAPI(
        title="QOS intake",
        version="1",
        description=openapi.DESCRIPTION,
        redoc_url=None,
        default_response_class=Response,
        telemetry=parts.tracing.of_requests(untraced=PROBES),
    )
    telemetry = parts.telemetry
    telemetry.in_flight_bytes.set_function(lambda: parts.capacity.held_bytes)

    def authenticated(request: Request) -> Source:
        """The source whose key the request carries. Not a dependency of FastAPI's: resolving those cost a single event
        a third of its time."""
        key = presented_key(request)
        source = parts.sources.authenticate(key) if key else None
        if source is None:
            raise Refused("unauthenticated")
        if not parts.caught_up():
            raise Refused("starting")
        return source

    @app.post("/v1/events", **openapi.POST_EVENTS)
    async def post_events(request: Request) -> Response:
        source = authenticated(request)
        settings = parts.settings
        length = declared_length(request)
        with parts.capacity.reserve(
            min(settings.max_body_bytes if length is None else length, settings.max_body_bytes)
        ):
            body = await whole_body(
                request, limit=settings.max_body_bytes, timeout_seconds=settings.body_timeout_seconds
            )
            read = read_body(
                request.headers.get("content-type", ""),
                request.headers.items(),
                body,
                max_events=settings.max_batch_events,
            )
            results = await parts.intake.take(
                read.documents, source=source, decode=read.decode, rows=read.rows, single=read.single
            )
        if read.single:
            return _single(results[0])
        answer = Answer.of(results)
        _log(source, answer)
        return _several(answer)

    @app.post("/v1/procedures", operation_id="post_procedures", **openapi.PUT_PROCEDURES)
    @app.put("/v1/procedures", operation_id="put_procedures", **openapi.PUT_PROCEDURES)
    async def put_procedures(
        request: Request, time: Annotated[AwareDatetime | None, Query(description=openapi.TIME_PARAMETER)] = None
    ) -> Response:
        source = authenticated(request)
        settings = parts.settings
        chunks = body_chunks(request, limit=settings.max_csv_bytes, timeout_seconds=settings.body_timeout_seconds)
        with parts.capacity.reserve(_FILE_BYTES):
            answer = await parts.registrar.register(
                chunks, charset=_csv_charset(request), source=source, listed_at=time
            )
        _log(source, answer)
        return _several(answer)

    @app.get("/v1/schemas", **openapi.GET_SCHEMAS)
    async def get_schemas() -> Response:
        return _json(200, schema_list(parts.settings.rules))

    @app.get("/v1/schemas/{type}", **openapi.GET_SCHEMA)
    async def get_schema(type: str) -> Response:  # noqa: A002  CloudEvents' word
        schema = data_schema(type, parts.settings.rules)
        if schema is None:
            raise Refused("not_found", field="type", rule="a type that GET /v1/schemas lists")
        return Response(msgspec.json.encode(schema), media_type="application/schema+json")

    @app.get("/health/live", **openapi.HEALTH)
    async def live() -> Response:
        report = await parts.health.live()
        return _json(report.status_code, report.document())

    @app.get("/health/ready", **openapi.HEALTH)
    async def ready() -> Response:
        report = await parts.health.ready()
        return _json(report.status_code, report.document())

    @app.get("/metrics", **openapi.METRICS)
    async def metrics() -> Response:
        return Response(generate_latest(telemetry.registry), media_type=CONTENT_TYPE_LATEST)

    app.include_router(
        http_dead_letters.router(
            http_dead_letters.LetterParts(parts.settings, parts.sources, parts.letters, parts.redriver, parts.caught_up)
        )
    )
    _answer_errors(app)
    app.add_middleware(_CountRequests, telemetry=telemetry)
    openapi.describe(app)
    return app


def _single(result: Result) -> Response:
    if isinstance(result, Accepted):
        return _json(202, result)
    return _problem(result.problem)


def _several(answer: Answer) -> Response:
    """202 when all were taken, 503 when Kafka did not take some, else 207; the body says which."""
    if answer.unavailable:
        return _json(503, answer, {"Retry-After": str(RETRY_AFTER_SECONDS)})
    return _json(207 if answer.rejected or answer.unread else 202, answer)


def _log(source: Source, answer: Answer) -> None:
    level = log.info if answer.rejected or answer.unavailable else log.debug
    level(
        "events_answered",
        source=source.name,
        accepted=answer.accepted,
        rejected=answer.rejected,
        unavailable=answer.unavailable,
    )


def _csv_charset(request: Request) -> str:
    media_type, *parameters = (part.strip() for part in request.headers.get("content-type", "").lower().split(";"))
    if media_type != "text/csv":
        raise Refused("unsupported_media_type", field="Content-Type", rule="text/csv; charset=utf-8 or shift_jis")
    named = dict(part.partition("=")[::2] for part in parameters)
    return named.get("charset", "utf-8").strip('"')


def _json(status: int, document: object, headers: dict[str, str] | None = None) -> Response:
    return Response(msgspec.json.encode(document), status, headers, media_type="application/json")


def _problem(told: Problem, allow: Mapping[str, str] | None = None) -> Response:
    """`allow` are the headers of a refused method."""
    headers = dict(allow or {})
    if told.status == 503:
        headers["Retry-After"] = str(RETRY_AFTER_SECONDS)
    if told.status == 401:
        headers["WWW-Authenticate"] = "Bearer"
    return Response(msgspec.json.encode(told), told.status, headers, media_type=MEDIA_TYPE)


def _answer_errors(app: FastAPI) -> None:
    """Every error as a problem (RFC 9457)."""

    def on(kind: type[Exception], answer: Callable[[Exception], Problem]) -> None:
        async def handle(_request: Request, error: Exception) -> Response:
            return _problem(answer(error), allow=getattr(error, "headers", None))

        app.add_exception_handler(kind, handle)

    on(Refused, lambda error: error.problem if isinstance(error, Refused) else problem("internal"))
    on(Overloaded, lambda _: problem("overloaded"))
    on(ClientDisconnect, lambda _: problem("malformed_request", field="body", rule="a body that comes to its end"))
    on(RequestValidationError, _parameter)
    on(HTTPException, _routing)
    on(Exception, lambda _: problem("internal"))


def _parameter(error: Exception) -> Problem:
    """Only the name of the parameter and its rule: what was sent for it is not repeated."""
    first = error.errors()[0] if isinstance(error, RequestValidationError) else {"loc": ("",), "msg": ""}
    named = str(first["loc"][-1])
    rule = openapi.TIME_PARAMETER if named == "time" else str(first["msg"])
    return problem("malformed_request", field=named, rule=rule)


def _routing(error: Exception) -> Problem:
    status = error.status_code if isinstance(error, HTTPException) else 500
    return problem({404: "not_found", 405: "method_not_allowed"}.get(status, "malformed_request"))


class _CountRequests:
    """Counts answers by route template; a path that is no route counts as `other`, whatever it is."""

    def __init__(self, app: ASGIApp, telemetry: Telemetry) -> None:
        self._app = app
        self._telemetry = telemetry

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return

        async def counted(message: Message) -> None:
            if message["type"] == "http.response.start":
                route = getattr(scope.get("route"), "path", "other")
                self._telemetry.request(route=route, status=message["status"])
                log.debug("request_answered", route=route, status=message["status"])
            await send(message)

        await self._app(scope, receive, counted)

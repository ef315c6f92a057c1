"""The live stream: server-sent events of levels that changed, and of cases that fall due, breach and recover."""

import json
from collections.abc import AsyncIterator
from typing import Annotated

from fastapi import APIRouter, Header, Query, Response
from sse_starlette import EventSourceResponse, ServerSentEvent
from sse_starlette.sse import SendTimeoutError
from starlette.types import Receive, Scope, Send

from qos_domain.errors import TransientFailure
from qos_metrics.http_answers import STAFF_SECURITY, Authorization
from qos_metrics.params import StreamParameters
from qos_metrics.parts import Parts
from qos_metrics.problems import BadParameter, responses
from qos_metrics.stream import Filter, Gap, Message, Overflow, Position, Subscription
from qos_runtime.logging import get_logger

log = get_logger(__name__)

_RETRY_MS = 2_000
_SEND_TIMEOUT_SECONDS = 30.0


def router(parts: Parts) -> APIRouter:
    routes = APIRouter(prefix="/v1", tags=["stream"])

    @routes.get(
        "/stream",
        summary="Live: levels that changed, and cases that fall due, breach and recover",
        response_class=EventSourceResponse,
        responses=responses(401, 422, 503)
        | {
            200: {
                "description": "Server-sent events; docs/api.md, The live stream, lists them.",
                "content": {"text/event-stream": {"schema": {"type": "string"}}},
            }
        },
        openapi_extra=STAFF_SECURITY,
    )
    async def stream(
        parameters: Annotated[StreamParameters, Query()],
        last_event_id: Annotated[str | None, Header(max_length=200)] = None,
        authorization: Authorization = None,
    ) -> Response:
        """The public sees assessments and changes of levels, with small counts withheld; staff also single cases."""
        if not parts.following():
            raise TransientFailure("the stream isn't followed at the moment")
        after = _position(last_event_id or parameters.last_event_id)
        staff = parts.gate.admit(parameters.audience, authorization) == "staff"
        wanted = Filter(staff, parameters.procedure, parameters.organisation)
        subscription = parts.hub.subscribe(wanted, after)
        return _Stream(
            _events(parts, subscription),
            ping=parts.settings.stream_heartbeat_seconds,
            ping_message_factory=lambda: ServerSentEvent(comment="heartbeat"),
            send_timeout=_SEND_TIMEOUT_SECONDS,
            headers={"Cache-Control": "no-store"},
        )

    return routes


class _Stream(EventSourceResponse):
    """A stream whose client may stop reading without a word: that is no error of ours."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            await super().__call__(scope, receive, send)
        except SendTimeoutError:
            log.info("stream_client_gone", send_timeout_seconds=_SEND_TIMEOUT_SECONDS)


async def _events(parts: Parts, subscription: Subscription) -> AsyncIterator[ServerSentEvent]:
    try:
        yield ServerSentEvent(comment="following", retry=_RETRY_MS)
        async for item in subscription:
            yield _event(item, staff=subscription.wanted.staff)
    finally:
        parts.hub.leave(subscription)


def _event(item: Message | Gap | Overflow, *, staff: bool) -> ServerSentEvent:
    match item:
        case Message():
            return ServerSentEvent(item.data if staff else item.public, event=item.event, id=str(item.position))
        case Gap():
            return ServerSentEvent(
                json.dumps({"detail": "Messages are missing before this one: read the current state again."}),
                event="gap",
            )
        case Overflow():
            return ServerSentEvent(
                json.dumps({"detail": f"More than {item.limit} messages waited for this client. Connect again."}),
                event="overflow",
            )


def _position(text: str | None) -> Position | None:
    if not text:
        return None
    try:
        return Position.parse(text)
    except ValueError as error:
        raise BadParameter(field="last_event_id", rule="the id of an event of this stream") from error

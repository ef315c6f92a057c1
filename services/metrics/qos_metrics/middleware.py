"""What goes around every request: how long it took, and whether the client has the answer already."""

import time
from hashlib import sha256

from prometheus_client import Histogram
from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from qos_runtime.logging import get_logger

log = get_logger(__name__)

_UNKNOWN_ROUTE = "other"


class RequestMetrics:
    """Observes the time until the answer begins, by route template: a path that is no route is `other`."""

    def __init__(self, app: ASGIApp, seconds: Histogram) -> None:
        self._app = app
        self._seconds = seconds

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        began = time.perf_counter()

        async def observed(message: Message) -> None:
            if message["type"] == "http.response.start":
                route = getattr(scope.get("route"), "path", _UNKNOWN_ROUTE)
                self._seconds.labels(route=route, status=str(message["status"])).observe(time.perf_counter() - began)
                log.debug("request_answered", route=route, status=message["status"])
            await send(message)

        await self._app(scope, receive, observed)


class ConditionalAnswers:
    """Gives every complete answer to a GET that may be stored an ETag, and answers 304 to whoever has it already.

    The tag is weak: the same answer may be sent compressed or not. Streams pass untouched.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["method"] not in ("GET", "HEAD"):
            await self._app(scope, receive, send)
            return
        wanted = Headers(scope=scope).get("if-none-match", "")
        start: Message | None = None

        async def tagged(message: Message) -> None:
            nonlocal start
            if message["type"] == "http.response.start" and _may_be_stored(message):
                start = message
                return
            if start is None or message["type"] != "http.response.body":
                await send(message)
                return
            head, start = start, None
            if not message.get("more_body", False):
                tag = f'W/"{sha256(message.get("body", b"")).hexdigest()[:32]}"'
                headers = MutableHeaders(scope=head)
                headers["ETag"] = tag
                if tag in (each.strip() for each in wanted.split(",")):
                    del headers["content-length"]
                    head["status"] = 304
                    message = {"type": "http.response.body", "body": b""}
            await send(head)
            await send(message)

        await self._app(scope, receive, tagged)


def _may_be_stored(message: Message) -> bool:
    cache = Headers(raw=message["headers"]).get("cache-control", "")
    return message["status"] == 200 and cache != "" and "no-store" not in cache

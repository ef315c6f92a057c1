"""A span around each request of an ASGI application, by HTTP's semantic conventions.

The conventions would also have the path, the query, the client's address and its program: those can name an applicant,
or an application. The route's template says what was asked for.
"""

from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import TypeAlias

from opentelemetry.trace import Span, StatusCode
from opentelemetry.util.types import AttributeValue

from qos_runtime.tracing import TRACEPARENT, AsgiApp, Message, Receive, Scope, Send

Around: TypeAlias = Callable[[str, dict[str, AttributeValue], str], AbstractContextManager[Span]]
"""A server span of this name, with these attributes, that continues what a traceparent names, if it names anything."""

_METHODS = frozenset({"DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT"})
# Asked for every few seconds by whoever watches the service.
_NOT_TRACED = ("/health/", "/metrics")


class ServerSpans:
    """The application with its spans."""

    def __init__(self, app: AsgiApp, around: Around) -> None:
        self._app = app
        self._around = around

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """An ASGI application."""
        if scope["type"] != "http" or scope["path"].startswith(_NOT_TRACED):
            await self._app(scope, receive, send)
            return
        method = scope["method"] if scope["method"] in _METHODS else "_OTHER"
        name = method if method in _METHODS else "HTTP"
        attributes: dict[str, AttributeValue] = {"http.request.method": method, "url.scheme": scope["scheme"]}
        with self._around(name, attributes, _traceparent(scope)) as span:

            async def observed(message: Message) -> None:
                if message["type"] == "http.response.start":
                    _describe(span, name, getattr(scope.get("route"), "path", None), message["status"])
                await send(message)

            await self._app(scope, receive, observed)


def _traceparent(scope: Scope) -> str:
    values = [value for name, value in scope["headers"] if name == TRACEPARENT.encode()]
    return values[0].decode("latin-1") if len(values) == 1 else ""


def _describe(span: Span, name: str, route: str | None, status: int) -> None:
    if route is not None:
        span.update_name(f"{name} {route}")
        span.set_attribute("http.route", route)
        span.set_attribute("url.path", route)
    span.set_attribute("http.response.status_code", status)
    if status >= 500:
        span.set_status(StatusCode.ERROR)
        span.set_attribute("error.type", str(status))

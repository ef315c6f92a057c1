"""A collector for traces: an HTTP server that takes what the services' real OTLP exporters send, and keeps it."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue


@dataclass(frozen=True, slots=True)
class CollectedSpan:
    """A span as the collector reads it; ids in hexadecimal, as log lines and headers have them."""

    service: str
    name: str
    kind: str  # SERVER, PRODUCER, CONSUMER, CLIENT, INTERNAL
    trace_id: str
    span_id: str
    parent_id: str
    links: frozenset[tuple[str, str]]
    failed: bool
    attributes: dict[str, Any]


@dataclass
class Collector:
    """What came so far, and where it has to be sent (OTEL_EXPORTER_OTLP_ENDPOINT)."""

    endpoint: str
    _spans: list[CollectedSpan] = field(default_factory=list)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def take(self, body: bytes) -> None:
        """Read an export request."""
        request = ExportTraceServiceRequest.FromString(body)
        with self._lock:
            for resource in request.resource_spans:
                service = _attributes(resource.resource.attributes)["service.name"]
                self._spans += [_span(service, each) for scope in resource.scope_spans for each in scope.spans]

    def spans(self, service: str | None = None, name: str | None = None, **wanted: str) -> list[CollectedSpan]:
        """Those of a service, of a name, of a trace; in the order in which they came."""
        with self._lock:
            return [
                span
                for span in self._spans
                if (service is None or span.service == service)
                and (name is None or span.name == name)
                and all(getattr(span, field) == value for field, value in wanted.items())
            ]


@contextmanager
def running_collector() -> Iterator[Collector]:
    """A collector on a free port of this machine, until the block ends."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            if self.path == "/v1/traces" and self.headers["Content-Type"] == "application/x-protobuf":
                collector.take(body)
                self.send_response(200)
            else:
                self.send_response(404)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_: object) -> None:
            """Requests are what the test asks about."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        collector = Collector(f"http://127.0.0.1:{server.server_port}")
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
        thread.start()
        try:
            yield collector
        finally:
            server.shutdown()
            thread.join()


def _span(service: str, span: Any) -> CollectedSpan:
    return CollectedSpan(
        service=service,
        name=span.name,
        kind=span.SpanKind.Name(span.kind).removeprefix("SPAN_KIND_"),
        trace_id=span.trace_id.hex(),
        span_id=span.span_id.hex(),
        parent_id=span.parent_span_id.hex(),
        links=frozenset((link.trace_id.hex(), link.span_id.hex()) for link in span.links),
        failed=span.status.code == span.status.STATUS_CODE_ERROR,
        attributes=_attributes(span.attributes),
    )


def _attributes(pairs: Any) -> dict[str, Any]:
    return {pair.key: _value(pair.value) for pair in pairs}


def _value(value: AnyValue) -> Any:
    kind = value.WhichOneof("value")
    return [_value(each) for each in value.array_value.values] if kind == "array_value" else getattr(value, kind)

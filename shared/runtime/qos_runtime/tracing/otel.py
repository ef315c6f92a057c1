"""Tracing by OpenTelemetry, with the names of its semantic conventions for HTTP, messaging and databases."""

from collections.abc import Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from threading import Thread
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from opentelemetry.context import Context
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.trace import Link, SpanKind, StatusCode, get_current_span, set_span_in_context
from opentelemetry.trace import Span as OtelSpan
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator
from opentelemetry.util.types import AttributeValue

from qos_runtime.settings import RuntimeSettings
from qos_runtime.tracing import TRACEPARENT, ConnectionClass, Received, Span, Tracing
from qos_runtime.tracing.queries import summary_of, traced

if TYPE_CHECKING:
    from fastapi.telemetry import TelemetryConfig

MOST_LINKS = 128
"""A batch of thousands of records has so many links at most: what the SDK keeps of a span by default."""

_CLOSE_SECONDS = 3.0
_PROPAGATOR = TraceContextTextMapPropagator()
_NO_PARENT = Context()


class OpenSpan(Span):
    """A span that is recorded, or that the sampler left out: both have an id that others can name."""

    __slots__ = ("_span",)

    def __init__(self, span: OtelSpan) -> None:
        self._span = span

    @property
    def headers(self) -> Sequence[tuple[str, bytes]]:
        carrier: dict[str, str] = {}
        _PROPAGATOR.inject(carrier, set_span_in_context(self._span))
        # Nothing else: what a record carries is kept for ever. With OTEL_SDK_DISABLED there is no id to tell.
        return tuple((name, carrier[name].encode()) for name in (TRACEPARENT,) if name in carrier)

    def count(self, name: str, number: int) -> None:
        self._span.set_attribute(name, number)

    def failed(self, kind: str) -> None:
        self._span.set_status(StatusCode.ERROR)
        self._span.set_attribute("error.type", kind)


class OpenTelemetry(Tracing):
    """Records spans with a provider's sampler and hands them to its processors."""

    def __init__(self, provider: TracerProvider, settings: RuntimeSettings) -> None:
        self._provider = provider
        self._tracer = provider.get_tracer("qos_runtime")
        self._settings = settings
        database = urlsplit(settings.database_url)
        self._database: dict[str, AttributeValue] = {
            "db.system.name": "postgresql",
            "db.namespace": database.path.removeprefix("/"),
            "server.address": database.hostname or "",
        }

    def of_requests(self, *, untraced: Sequence[str]) -> "TelemetryConfig":
        prefixes = tuple(untraced)
        return {
            "tracer_provider": self._provider,
            "operation_spans": False,
            "metrics": False,
            "logs": False,
            "exclude": lambda scope: scope["path"].startswith(prefixes),
        }

    @contextmanager
    def sending(self, topics: Iterable[str], records: int) -> Iterator[Span]:
        name, attributes = self._messaging("send", topics, records)
        with self._span(name, SpanKind.PRODUCER, attributes) as span:
            yield OpenSpan(span)

    @contextmanager
    def processing(self, received: Sequence[Received], *, group: str | None = None) -> Iterator[Span]:
        records = sum(len(each.records) for each in received)
        name, attributes = self._messaging("process", (each.topic for each in received), records)
        senders = _senders(received)
        attributes["messaging.consumer.group.name"] = group or self._settings.consumer_group
        attributes["messaging.destination.partition.id"] = str(received[0].partition)
        attributes["qos.offsets"] = [_places(each) for each in received if each.records]
        attributes["qos.senders"] = len(senders)
        contexts = [_context_of(sender) for sender in senders[:MOST_LINKS]]
        links = [Link(found) for each in contexts if (found := get_current_span(each).get_span_context()).is_valid]
        # With a single sender the conventions allow it as the parent too: then one trace shows the whole way.
        parent = contexts[0] if len(senders) == 1 else _NO_PARENT
        with self._span(name, SpanKind.CONSUMER, attributes, parent=parent, links=links) as span:
            yield OpenSpan(span)

    @contextmanager
    def step(self, name: str) -> Iterator[Span]:
        with self._span(name, SpanKind.INTERNAL, {}) as span:
            yield OpenSpan(span)

    def querying(self, connection_class: ConnectionClass) -> ConnectionClass:
        def around(statement: str) -> AbstractContextManager[object]:
            if not get_current_span().is_recording():
                return nullcontext()
            summary = summary_of(statement)
            attributes = {**self._database, "db.operation.name": summary.split(" ")[0], "db.query.summary": summary}
            return self._span(summary, SpanKind.CLIENT, attributes)

        return traced(connection_class, around)

    def close(self) -> None:
        # The SDK would wait for ten seconds and more for a collector that is away, while the service is being stopped.
        closing = Thread(target=self._provider.shutdown, daemon=True)
        closing.start()
        closing.join(_CLOSE_SECONDS)

    def _messaging(self, operation: str, topics: Iterable[str], records: int) -> tuple[str, dict[str, AttributeValue]]:
        attributes: dict[str, AttributeValue] = {
            "messaging.system": "kafka",
            "messaging.operation.name": operation,
            "messaging.operation.type": operation,
            "messaging.batch.message_count": records,
        }
        names = set(topics)
        if len(names) != 1:
            return operation, attributes
        topic = self._settings.topic(names.pop())
        return f"{operation} {topic}", {**attributes, "messaging.destination.name": topic}

    @contextmanager
    def _span(
        self,
        name: str,
        kind: SpanKind,
        attributes: dict[str, AttributeValue],
        *,
        parent: Context | None = None,
        links: Sequence[Link] = (),
    ) -> Iterator[OtelSpan]:
        """A span that is the current one for the block; a part of what was it before, if no other parent is given."""
        # An error's text and stack may quote what it failed on: its class is all that is told.
        with self._tracer.start_as_current_span(
            name, parent, kind, attributes, links, record_exception=False, set_status_on_exception=False
        ) as span:
            try:
                yield span
            except BaseException as error:
                OpenSpan(span).failed(type(error).__name__)
                raise


def _context_of(traceparent: str) -> Context:
    """With the span that is named as the current one, or with none where the text names none."""
    return _PROPAGATOR.extract({TRACEPARENT: traceparent}, _NO_PARENT)


def _senders(received: Sequence[Received]) -> list[str]:
    """What the records' headers say of the work that sent them, each once."""
    named = (
        value
        for each in received
        for record in each.records
        for name, value in record.headers
        if name == TRACEPARENT and value
    )
    return [value.decode("latin-1") for value in dict.fromkeys(named)]


def _places(received: Received) -> str:
    """`applications-3 100..117`: the offsets of the first record and of the last."""
    first, last = received.records[0].offset, received.records[-1].offset
    return f"{received.topic}-{received.partition} {first}..{last}"

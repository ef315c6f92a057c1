"""Sets the SDK up: from QOS_TRACING, and from the variables OTEL_* that every program with OpenTelemetry knows."""

import os
import sys
from collections.abc import Sequence

from opentelemetry.context import Context
from opentelemetry.sdk.resources import OTELResourceDetector, Resource
from opentelemetry.sdk.trace import ReadableSpan, Span, SpanProcessor, TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, ConsoleSpanExporter, SimpleSpanProcessor
from opentelemetry.sdk.trace.sampling import ALWAYS_ON, ParentBased, Sampler, SamplingResult
from opentelemetry.trace import Link, SpanKind, TraceState
from opentelemetry.util.types import Attributes

from qos_runtime.errors import NotConfigured
from qos_runtime.settings import RuntimeSettings
from qos_runtime.tracing.otel import OpenTelemetry

_PROTOCOL = "http/protobuf"
# Of a request; its path, its query, its client and its client's program can name an applicant or an application.
_TOLD_OF_REQUESTS = frozenset(
    {"http.request.method", "network.protocol.version", "server.address", "server.port", "url.scheme"}
)


class FollowLinks(Sampler):
    """Samples what works on records of a request that was sampled; asks `sampler` about all else.

    A batch has many senders and so no parent: of requests sampled by their share, hardly one would be seen beyond the
    log. A sampler that doesn't follow parents follows no links either. The `tracestate` of a caller ends here.
    """

    def __init__(self, sampler: Sampler) -> None:
        self._sampler = sampler
        self._follows = isinstance(sampler, ParentBased)

    def should_sample(
        self,
        parent_context: Context | None,
        trace_id: int,
        name: str,
        kind: SpanKind | None = None,
        attributes: Attributes = None,
        links: Sequence[Link] | None = None,
        trace_state: TraceState | None = None,
    ) -> SamplingResult:
        """See `Sampler`."""
        followed = self._follows and any(link.context.trace_flags.sampled for link in links or ())
        sampler = ALWAYS_ON if followed else self._sampler
        result = sampler.should_sample(parent_context, trace_id, name, kind, attributes, links, trace_state)
        return SamplingResult(result.decision, result.attributes)

    def get_description(self) -> str:
        """See `Sampler`."""
        return f"FollowLinks({self._sampler.get_description()})"


class Redaction(SpanProcessor):
    """Takes out of FastAPI's spans what can name somebody, before anybody sees it."""

    def on_start(self, span: Span, parent_context: Context | None = None) -> None:  # noqa: ARG002
        """Of what a request's span begins with, only a few attributes are told."""
        if span.kind is SpanKind.SERVER:
            for name in (span.attributes or {}).keys() - _TOLD_OF_REQUESTS:
                span.set_attribute(name, "REDACTED")


def new_provider(
    processor: SpanProcessor, *, sampler: Sampler | None = None, resource: Resource | None = None
) -> TracerProvider:
    """A provider whose spans `processor` gets. Without a `sampler` it is the one of OTEL_TRACES_SAMPLER."""
    # Nothing is registered with `atexit`: the service closes it when it stops, and in its own time.
    provider = TracerProvider(sampler=sampler, resource=resource, shutdown_on_exit=False)
    provider.sampler = FollowLinks(provider.sampler)
    provider.add_span_processor(Redaction())
    provider.add_span_processor(processor)
    return provider


def start(settings: RuntimeSettings, *, service: str) -> OpenTelemetry:
    """See `start_tracing`; the settings don't say `off`."""
    own = Resource.create({"service.name": service, "service.namespace": "procedure-qos"})
    processor = _to_console() if settings.tracing == "console" else _to_collector()
    provider = new_provider(processor, resource=own.merge(OTELResourceDetector().detect()))
    return OpenTelemetry(provider, settings)


def _to_console() -> SpanProcessor:
    def line(span: ReadableSpan) -> str:
        return f"{span.to_json(indent=None)}\n"

    return SimpleSpanProcessor(ConsoleSpanExporter(out=sys.stdout, formatter=line))


def _to_collector() -> SpanProcessor:
    for variable in ("OTEL_EXPORTER_OTLP_TRACES_PROTOCOL", "OTEL_EXPORTER_OTLP_PROTOCOL"):
        if os.environ.get(variable, _PROTOCOL) != _PROTOCOL:
            raise NotConfigured(setting=variable, remedy=f"only {_PROTOCOL} is spoken: set it to that, or leave it out")
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter  # noqa: PLC0415  only if used

    return BatchSpanProcessor(OTLPSpanExporter())

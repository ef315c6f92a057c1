"""Sets the SDK up: from QOS_TRACING, and from the variables OTEL_* that every program with OpenTelemetry knows."""

import os
import sys
from collections.abc import Sequence

from opentelemetry.context import Context
from opentelemetry.sdk.resources import OTELResourceDetector, Resource
from opentelemetry.sdk.trace import ReadableSpan, SpanProcessor, TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, ConsoleSpanExporter, SimpleSpanProcessor
from opentelemetry.sdk.trace.sampling import ALWAYS_ON, ParentBased, Sampler, SamplingResult
from opentelemetry.trace import Link, SpanKind, TraceState
from opentelemetry.util.types import Attributes

from qos_runtime.errors import NotConfigured
from qos_runtime.settings import RuntimeSettings
from qos_runtime.tracing.otel import OpenTelemetry

_PROTOCOL = "http/protobuf"


class FollowLinks(Sampler):
    """Samples work on the records of a request that was sampled; asks `sampler` about all else.

    A batch has many senders and so no parent: of requests sampled by their share, hardly one would be seen beyond the
    log.
    """

    def __init__(self, sampler: Sampler) -> None:
        self._sampler = sampler

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
        followed = any(link.context.trace_flags.sampled for link in links or ())
        sampler = ALWAYS_ON if followed else self._sampler
        return sampler.should_sample(parent_context, trace_id, name, kind, attributes, links, trace_state)

    def get_description(self) -> str:
        """See `Sampler`."""
        return f"FollowLinks({self._sampler.get_description()})"


def start(settings: RuntimeSettings, *, service: str) -> OpenTelemetry:
    """See `start_tracing`; the settings don't say `off`."""
    own = Resource.create({"service.name": service, "service.namespace": "procedure-qos"})
    # Nothing is registered with `atexit`: the service closes it when it stops, and in its own time.
    provider = TracerProvider(resource=own.merge(OTELResourceDetector().detect()), shutdown_on_exit=False)
    if isinstance(provider.sampler, ParentBased):
        provider.sampler = FollowLinks(provider.sampler)
    provider.add_span_processor(_to_console() if settings.tracing == "console" else _to_collector())
    return OpenTelemetry(provider, settings)


def _to_console() -> SpanProcessor:
    def line(span: ReadableSpan) -> str:
        return f"{span.to_json(indent=None)}\n"

    return SimpleSpanProcessor(ConsoleSpanExporter(out=sys.stdout, formatter=line))


def _to_collector() -> SpanProcessor:
    for variable in ("OTEL_EXPORTER_OTLP_TRACES_PROTOCOL", "OTEL_EXPORTER_OTLP_PROTOCOL"):
        if os.environ.get(variable, _PROTOCOL) != _PROTOCOL:
            raise NotConfigured(setting=variable, remedy=f"only {_PROTOCOL} is spoken: set it to that, or leave it out")
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter  # noqa: PLC0415  as its SDK

    return BatchSpanProcessor(OTLPSpanExporter())

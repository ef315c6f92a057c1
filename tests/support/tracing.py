"""Tracing with the real SDK, whose spans are kept in memory for the test to look at."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import NamedTuple

from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.sdk.trace.sampling import Sampler
from opentelemetry.trace import SpanContext
from opentelemetry.util.types import AttributeValue

from qos_runtime.settings import RuntimeSettings
from qos_runtime.tracing.otel import OpenTelemetry
from qos_runtime.tracing.setup import new_provider

NOWHERE = RuntimeSettings(
    kafka_bootstrap_servers="127.0.0.1:1", database_url="postgresql://staff:secret@db.invalid/qos", topic_prefix="t."
)
CALLER = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"


def sender(number: int, *, flags: str = "01") -> bytes:
    """The traceparent of another sender for each number."""
    return f"00-{number:032x}-{number:016x}-{flags}".encode()


def sampled(traceparent: bytes) -> bool:
    return bool(int(traceparent[-2:], 16) & 1)


class Record(NamedTuple):
    offset: int
    headers: tuple[tuple[str, bytes | None], ...]


def records(*senders: bytes | None) -> list[Record]:
    """One record of each sender."""
    return [Record(offset, (("via", b"x"), ("traceparent", each))) for offset, each in enumerate(senders)]


@dataclass
class Recorded:
    """The spans that ended, in the order in which they did."""

    exporter: InMemorySpanExporter = field(default_factory=InMemorySpanExporter)

    def tracing(self, settings: RuntimeSettings = NOWHERE, sampler: Sampler | None = None) -> OpenTelemetry:
        return OpenTelemetry(new_provider(SimpleSpanProcessor(self.exporter), sampler=sampler), settings)

    @property
    def spans(self) -> Sequence[ReadableSpan]:
        return self.exporter.get_finished_spans()

    @property
    def names(self) -> list[str]:
        return [span.name for span in self.spans]

    def only(self, name: str) -> ReadableSpan:
        [span] = [each for each in self.spans if each.name == name]
        return span


def context_of(span: ReadableSpan) -> SpanContext:
    assert span.context is not None
    return span.context


def attributes_of(span: ReadableSpan) -> Mapping[str, AttributeValue]:
    return span.attributes or MappingProxyType({})

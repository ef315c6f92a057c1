"""Traces, off unless QOS_TRACING says otherwise. Off, every call here does nothing and OpenTelemetry isn't imported.

    with tracing.processing(received) as span:
        ...
        span.count("qos.events.repeated", repeated)

What a span may say: names from the code, counts, and places in the log (topic, partition, offset). Never a payload, a
key, an id of a procedure or an application, an address of a client, or the text of an error (docs/adr/0023).
"""

from collections.abc import Iterable, Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import TYPE_CHECKING, Final, NamedTuple, Protocol, TypeVar

from qos_runtime.settings import RuntimeSettings

if TYPE_CHECKING:
    from fastapi.telemetry import TelemetryConfig

TRACEPARENT: Final = "traceparent"
"""The header, of a request and of a Kafka record, that names a span (W3C Trace Context)."""

PROBES: Final = ("/health/", "/metrics")
"""Asked for every few seconds by whoever watches a service."""

ConnectionClass = TypeVar("ConnectionClass", bound=type)


class Headed(Protocol):
    """A record with headers, as Kafka's clients have it."""

    @property
    def headers(self) -> Sequence[tuple[str, bytes | None]]: ...
    @property
    def offset(self) -> int: ...


class Received(NamedTuple):
    """Records of one partition that are worked on together. `topic` is the base name."""

    topic: str
    partition: int
    records: Sequence[Headed]


class Span:
    """A piece of work under way. This one is nobody's: nothing is remembered of it."""

    __slots__ = ()

    @property
    def headers(self) -> Sequence[tuple[str, bytes]]:
        """What the records carry that this work sends, so that whoever works on them can name it."""
        return ()

    def count(self, name: str, number: int) -> None:
        """Say how many of something there were."""

    def failed(self, kind: str) -> None:
        """The work did not succeed; `kind` is the name of an error's class, or something as few-valued."""


class Tracing:
    """Tracing that is off. `start_tracing` gives what the settings ask for."""

    # ruff: noqa: ARG002  what is off looks at nothing

    def of_requests(self, *, untraced: Sequence[str]) -> "TelemetryConfig":
        """What `FastAPI(telemetry=...)` takes: a span around each request, which continues the caller's trace, but for
        paths that begin with one of `untraced`."""
        return {"tracing": False, "metrics": False, "logs": False}

    def sending(self, topics: Iterable[str], records: int) -> AbstractContextManager[Span]:
        """Around the sending of so many records to these topics (base names), until they are acknowledged."""
        return _NO_SPAN

    def processing(self, received: Sequence[Received], *, group: str | None = None) -> AbstractContextManager[Span]:
        """Around the work on records, linked to the work that sent them. `group` is the consumer group, where it isn't
        that of the settings."""
        return _NO_SPAN

    def step(self, name: str) -> AbstractContextManager[Span]:
        """Around a part of the work that is under way."""
        return _NO_SPAN

    def querying(self, connection_class: ConnectionClass) -> ConnectionClass:
        """asyncpg's class of connections, with a span around each query of work that has a span itself."""
        return connection_class

    def close(self) -> None:
        """Hand over what was recorded, as far as that goes within a few seconds. Blocks."""


_NO_SPAN: Final = nullcontext(Span())
OFF: Final = Tracing()


def start_tracing(settings: RuntimeSettings, *, service: str) -> Tracing:
    """What QOS_TRACING asks for; where spans go and how many, the variables OTEL_* say (docs/observability.md).

    `service` is the name under which the spans appear, unless OTEL_SERVICE_NAME gives another. Raises NotConfigured
    when a variable asks for what isn't there.
    """
    if settings.tracing == "off":
        return OFF
    from qos_runtime.tracing.setup import start  # noqa: PLC0415  importing the SDK costs time and memory

    return start(settings, service=service)

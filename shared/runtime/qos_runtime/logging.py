"""Logs for machines: a static event name and identifiers as fields, one JSON object a line; never a payload.

    log = get_logger(__name__)
    log.info("batch_committed", topic="reviews", partition=3, next_offset=42, events=17)

The standard library's loggers (aiokafka, uvicorn, faust) come out the same way. A line that belongs to a traced request
or transaction has its `trace_id` and `span_id`.
"""

import logging
import sys
import time
from collections.abc import Callable, MutableMapping
from typing import Any, Final, Literal, TextIO, TypeAlias

import structlog

# What could hold an applicant's data. Positions (topic, partition, offset) and ids are enough to find an event.
_NEVER_LOGGED = frozenset({"body", "comment", "data", "event_data", "headers", "key", "payload", "record", "value"})
_OMITTED = "<omitted>"

Level: TypeAlias = Literal["DEBUG", "INFO", "WARNING", "ERROR"]

# At DEBUG others write what we don't know: aiokafka the key and the value of every record it sends, faust and
# sse-starlette what passes through them. Only these may go below INFO.
_OWN: Final = ("qos_domain", "qos_runtime", "qos_intake", "qos_processing", "qos_metrics", "qos_local", "__main__")
# What these say at INFO is a detail.
_CHATTY: Final = ("aiokafka", "faust", "mode")


def configure_logging(
    *,
    service: str,
    level: Level = "INFO",
    log_format: Literal["json", "console"] = "json",
    traced: bool = False,
    stream: TextIO | None = None,
) -> None:
    """Route structlog and the standard library's logging to one handler on `stream` (standard error). Repeatable.

    `traced`: there are spans, whose ids the lines are to have.
    """
    shared: list[structlog.types.Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.stdlib.ExtraAdder(allow=["suppressed"]),
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        _with_service(service),
        *([_span_ids()] if traced else []),
        omit_payloads,
    ]
    console = log_format == "console"
    renderer: structlog.types.Processor = (
        # The default traceback shows local variables: payloads may be among them.
        structlog.dev.ConsoleRenderer(exception_formatter=structlog.dev.plain_traceback)
        if console
        else structlog.processors.JSONRenderer(ensure_ascii=False)
    )
    last: list[structlog.types.Processor] = [structlog.stdlib.ProcessorFormatter.remove_processors_meta]
    if not console:
        last.append(structlog.processors.format_exc_info)
    formatter = structlog.stdlib.ProcessorFormatter(foreign_pre_chain=shared, processors=[*last, renderer])
    handler = logging.StreamHandler(stream or sys.stderr)
    handler.setFormatter(formatter)
    for prefix in ("aiokafka", "opentelemetry"):
        handler.addFilter(RateLimit(prefix=prefix))
    logging.getLogger().handlers = [handler]
    set_level(level)
    structlog.configure(
        processors=[
            structlog.stdlib.filter_by_level,
            *shared,
            structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
        ],
        wrapper_class=structlog.stdlib.BoundLogger,
        logger_factory=structlog.stdlib.LoggerFactory(),
        cache_logger_on_first_use=False,
    )


def set_level(level: Level) -> None:
    """The level of every logger from now on; DEBUG is for our own loggers, the others stay at INFO."""
    number = logging.getLevelNamesMapping()[level]
    logging.getLogger().setLevel(max(number, logging.INFO))
    for name in _OWN:
        logging.getLogger(name).setLevel(number)
    for name in _CHATTY:
        logging.getLogger(name).setLevel(logging.WARNING if level == "INFO" else logging.NOTSET)


def get_logger(name: str) -> structlog.stdlib.BoundLogger:
    return structlog.stdlib.get_logger(name)


def omit_payloads(_logger: object, _method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """Replace what may hold personal data, whoever logged it: by the name of the field, and any raw bytes."""
    for name, content in event.items():
        if name in _NEVER_LOGGED or isinstance(content, bytes | bytearray | memoryview):
            event[name] = _OMITTED
    return event


def _with_service(service: str) -> structlog.types.Processor:
    def add(_logger: object, _method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
        event["service"] = service
        return event

    return add


def _span_ids() -> structlog.types.Processor:
    from opentelemetry.trace import format_span_id, format_trace_id, get_current_span  # noqa: PLC0415  only if traced

    def add(_logger: object, _method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
        context = get_current_span().get_span_context()
        if context.is_valid:
            event["trace_id"], event["span_id"] = format_trace_id(context.trace_id), format_span_id(context.span_id)
        return event

    return add


class RateLimit(logging.Filter):
    """Let through at most `burst` records of one message template in `period_seconds`, for loggers under `prefix`.

    aiokafka logs thousands of identical errors while a broker is away, and so it is with OpenTelemetry and a collector.
    The first record after a pause says in `suppressed` how many were held back.
    """

    def __init__(
        self,
        *,
        prefix: str,
        burst: int = 5,
        period_seconds: float = 30.0,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        super().__init__()
        self._prefix = prefix
        self._burst = burst
        self._period_seconds = period_seconds
        self._monotonic = monotonic
        self._windows: dict[tuple[str, int, object], _Window] = {}

    def filter(self, record: logging.LogRecord) -> bool:
        if record.name != self._prefix and not record.name.startswith(f"{self._prefix}."):
            return True
        now = self._monotonic()
        key = (record.name, record.levelno, record.msg)
        window = self._windows.get(key)
        if window is None or now - window.since >= self._period_seconds:
            if window is not None and window.count > self._burst:
                record.suppressed = window.count - self._burst
            window = self._windows[key] = _Window(since=now)
        window.count += 1
        return window.count <= self._burst


class _Window:
    __slots__ = ("count", "since")

    def __init__(self, *, since: float) -> None:
        self.since = since
        self.count = 0

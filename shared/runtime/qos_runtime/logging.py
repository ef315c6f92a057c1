"""Logs for machines: a static event name and identifiers as fields, one JSON object a line; never a payload.

    log = get_logger(__name__)
    log.info("batch_committed", topic="reviews", partition=3, next_offset=42, events=17)

The standard library's loggers (aiokafka, uvicorn, faust) come out the same way.
"""

import logging
import sys
import time
from collections.abc import Callable, MutableMapping
from typing import Any, Literal, TextIO

import structlog

# What could hold an applicant's data. Positions (topic, partition, offset) and ids are enough to find an event.
_NEVER_LOGGED = frozenset({"body", "comment", "data", "event_data", "headers", "key", "payload", "record", "value"})
_OMITTED = "<omitted>"


def configure_logging(
    *,
    service: str,
    level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = "INFO",
    log_format: Literal["json", "console"] = "json",
    stream: TextIO | None = None,
) -> None:
    """Route structlog and the standard library's logging to one handler on `stream` (standard error). Repeatable."""
    shared: list[structlog.types.Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.stdlib.ExtraAdder(allow=["suppressed"]),
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        _with_service(service),
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
    handler.addFilter(RateLimit(prefix="aiokafka"))
    root = logging.getLogger()
    root.handlers = [handler]
    root.setLevel(level)
    # At DEBUG aiokafka writes the key and the value of every record it sends.
    logging.getLogger("aiokafka").setLevel(max(logging.INFO, logging.getLevelNamesMapping()[level]))
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


class RateLimit(logging.Filter):
    """Let through at most `burst` records of one message template in `period_seconds`, for loggers under `prefix`.

    aiokafka logs thousands of identical errors while a broker is away. The first record after a pause says in
    `suppressed` how many were held back.
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

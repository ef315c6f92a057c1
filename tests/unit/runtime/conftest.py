"""The log and the spans of a test, kept in memory."""

import logging
from collections.abc import Iterator
from io import StringIO

import pytest
import structlog

from qos_runtime.logging import configure_logging, set_level
from support.tracing import Recorded


@pytest.fixture
def written() -> Iterator[StringIO]:
    """What the log says, at INFO."""
    root = logging.getLogger()
    handlers, level = root.handlers, root.level
    stream = StringIO()
    configure_logging(service="qos-test", level="INFO", stream=stream)
    yield stream
    set_level("INFO")
    root.handlers, root.level = handlers, level
    structlog.reset_defaults()


@pytest.fixture
def recorded() -> Recorded:
    return Recorded()

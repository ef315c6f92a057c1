"""A line of the log: an event name, identifiers, and never an applicant's data."""

import json
import logging
from io import StringIO
from typing import Any

import pytest

from qos_runtime.logging import RateLimit, configure_logging, get_logger


def lines(written: StringIO) -> list[dict[str, Any]]:
    return [json.loads(line) for line in written.getvalue().splitlines()]


def test_an_event_is_one_json_object_with_its_fields(written: StringIO) -> None:
    get_logger("qos_test.worker").info("batch_committed", topic="reviews", partition=3, next_offset=42)
    [line] = lines(written)
    assert line["event"] == "batch_committed"
    assert (line["topic"], line["partition"], line["next_offset"]) == ("reviews", 3, 42)
    assert (line["service"], line["level"], line["logger"]) == ("qos-test", "info", "qos_test.worker")
    assert line["timestamp"].endswith("Z")


def test_what_may_hold_personal_data_is_left_out_whoever_logs_it(written: StringIO) -> None:
    get_logger("x").warning("record_refused", value='{"name": "山田"}', raw=b"secret", offset=7)
    [line] = lines(written)
    assert line["value"] == "<omitted>"
    assert line["raw"] == "<omitted>"
    assert line["offset"] == 7


def test_the_standard_librarys_loggers_come_out_the_same_way(written: StringIO) -> None:
    logging.getLogger("uvicorn.error").warning("started on %s", 8081)
    [line] = lines(written)
    assert line["event"] == "started on 8081"
    assert (line["level"], line["logger"], line["service"]) == ("warning", "uvicorn.error", "qos-test")


def test_an_exception_is_in_its_line(written: StringIO) -> None:
    try:
        [].index("absent")
    except ValueError:
        get_logger("x").exception("lookup_failed")
    [line] = lines(written)
    assert "ValueError: 'absent' is not in list" in line["exception"]


@pytest.mark.parametrize("log_format", ["json", "console"])
def test_a_traceback_shows_no_local_variables(written: StringIO, log_format: str) -> None:
    configure_logging(service="qos-test", level="INFO", log_format=log_format, stream=written)
    payload = "".join(("Taro ", "Yamada"))  # not as one literal: a traceback quotes the lines of the source
    try:
        raise ValueError(len(payload))  # noqa: TRY301 - what is shown is where it is raised
    except ValueError:
        get_logger("x").exception("batch_failed")
    assert "ValueError: 11" in written.getvalue()
    assert payload not in written.getvalue()


def test_below_the_level_nothing_is_written(written: StringIO) -> None:
    get_logger("x").debug("detail")
    logging.getLogger("x").debug("detail")
    assert written.getvalue() == ""


def test_a_storm_of_one_message_becomes_a_few_lines_and_a_count() -> None:
    now = 0.0
    limit = RateLimit(prefix="aiokafka", burst=2, period_seconds=30, monotonic=lambda: now)

    def passes(name: str, message: str) -> logging.LogRecord | None:
        record = logging.LogRecord(name, logging.ERROR, __file__, 1, message, ("broker",), None)
        return record if limit.filter(record) else None

    through = [passes("aiokafka.conn", "no connection to %s") for _ in range(100)]
    assert sum(record is not None for record in through) == 2
    assert passes("aiokafka.conn", "another message") is not None
    assert passes("qos_processing", "no connection to %s") is not None
    now = 31.0
    after = passes("aiokafka.conn", "no connection to %s")
    assert after is not None
    assert after.__dict__["suppressed"] == 98


def test_the_handler_limits_kafkas_client(written: StringIO) -> None:
    for _ in range(50):
        logging.getLogger("aiokafka.client").error("Unable connect to node with id %s", 1)
    assert 0 < len(lines(written)) < 10

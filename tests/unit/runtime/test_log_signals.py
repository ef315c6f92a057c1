"""A running service says more when it is asked to, and never what others would say of keys and values."""

import json
import logging
import os
import signal
from io import StringIO
from typing import Any

import pytest

from qos_runtime.log_signals import LevelSignals
from qos_runtime.logging import Level, get_logger, set_level
from support.eventually import eventually

OWN, OTHERS = "qos_intake.http", ("aiokafka.producer", "faust.topics", "sse_starlette.sse", "uvicorn.error", "new.one")


def lines(written: StringIO) -> list[dict[str, Any]]:
    return [json.loads(line) for line in written.getvalue().splitlines()]


def say_everything() -> None:
    """A line at each level, by each logger, of ours and of others."""
    for level in (logging.DEBUG, logging.INFO, logging.WARNING, logging.ERROR):
        get_logger(OWN).log(level, "said")
        for name in OTHERS:
            logging.getLogger(name).log(level, "said")


def said(written: StringIO, logger: str) -> list[str]:
    return [line["level"] for line in lines(written) if line["logger"] == logger and line["event"] == "said"]


@pytest.mark.parametrize(
    ("level", "own", "others", "chatty"),
    [
        ("DEBUG", ["debug", "info", "warning", "error"], ["info", "warning", "error"], ["info", "warning", "error"]),
        ("INFO", ["info", "warning", "error"], ["info", "warning", "error"], ["warning", "error"]),
        ("WARNING", ["warning", "error"], ["warning", "error"], ["warning", "error"]),
        ("ERROR", ["error"], ["error"], ["error"]),
    ],
)
def test_debug_is_for_our_own_loggers(
    written: StringIO, level: Level, own: list[str], others: list[str], chatty: list[str]
) -> None:
    set_level(level)
    say_everything()
    assert said(written, OWN) == own
    for name in ("aiokafka.producer", "faust.topics"):
        assert said(written, name) == chatty
    for name in ("sse_starlette.sse", "uvicorn.error", "new.one"):
        assert said(written, name) == others


@pytest.fixture
async def listening(written: StringIO) -> StringIO:
    """A process that is configured to WARNING and listens until SIGUSR2."""
    set_level("WARNING")
    LevelSignals("WARNING", debug_seconds=0).listen()
    return written


async def changed(written: StringIO, times: int) -> None:
    await eventually(lambda: [line["event"] for line in lines(written)].count("log_level_changed") == times)


async def test_a_signal_asks_for_more_and_another_for_less(listening: StringIO) -> None:
    get_logger(OWN).debug("before")
    os.kill(os.getpid(), signal.SIGUSR1)
    await changed(listening, 1)
    get_logger(OWN).debug("between")
    os.kill(os.getpid(), signal.SIGUSR2)
    await changed(listening, 2)
    get_logger(OWN).debug("after")
    get_logger(OWN).info("after")
    assert [(line["event"], line.get("to")) for line in lines(listening)] == [
        ("log_level_changed", "DEBUG"),
        ("between", None),
        ("log_level_changed", "WARNING"),
    ]


async def test_it_returns_by_itself(written: StringIO) -> None:
    set_level("ERROR")
    LevelSignals("ERROR", debug_seconds=0.05).listen()
    os.kill(os.getpid(), signal.SIGUSR1)
    await changed(written, 2)
    get_logger(OWN).warning("after")
    first, last = lines(written)
    assert (first["to"], first["returns_after_seconds"], last["to"]) == ("DEBUG", 0.05, "ERROR")

"""A client of the live stream that stops reading is let go without an error in the log."""

import asyncio
from collections.abc import AsyncIterator

import pytest
from starlette.types import Message

from qos_metrics.http_stream import _Stream


async def test_a_client_that_stopped_reading_is_given_up(caplog: pytest.LogCaptureFixture) -> None:
    left = False

    async def events() -> AsyncIterator[str]:
        nonlocal left
        try:
            yield "one"
            yield "two"
        finally:
            left = True

    async def send(message: Message) -> None:
        if message["type"] == "http.response.body":
            await asyncio.Event().wait()  # its buffers are full, for ever

    async def receive() -> Message:
        await asyncio.Event().wait()
        raise AssertionError("never")

    stream = _Stream(events(), send_timeout=0.05)
    await asyncio.wait_for(stream({"type": "http", "method": "GET", "headers": []}, receive, send), 5)
    assert left
    assert "Traceback" not in caplog.text

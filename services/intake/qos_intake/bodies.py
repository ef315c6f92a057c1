"""Reading a request's body no further than its limit: nothing larger is ever in memory."""

import asyncio
from collections.abc import AsyncIterator

from starlette.requests import Request

from qos_intake.problems import Refused


def declared_length(request: Request) -> int | None:
    """The Content-Length; None for a body that comes in chunks of unknown number."""
    text = request.headers.get("content-length", "")
    return int(text) if text.isascii() and text.isdigit() else None


async def body_chunks(request: Request, *, limit: int, timeout_seconds: float) -> AsyncIterator[bytes]:
    """The body piece by piece. Raises Refused as soon as it is known to be larger than `limit` bytes, before reading
    where its length is declared, and when a piece takes longer than `timeout_seconds`."""
    if request.headers.get("content-encoding", "identity").lower() != "identity":
        raise Refused("unsupported_media_type", field="Content-Encoding", rule="a body that is not compressed")
    too_large = Refused("body_too_large", field="body", rule=f"at most {limit} bytes")
    if (declared_length(request) or 0) > limit:
        raise too_large
    size = 0
    stream = aiter(request.stream())
    while True:
        try:
            async with asyncio.timeout(timeout_seconds):
                chunk = await anext(stream)
        except StopAsyncIteration:
            return
        except TimeoutError:
            rule = f"the next part of the body within {timeout_seconds:g} seconds"
            raise Refused("body_too_slow", field="body", rule=rule) from None
        size += len(chunk)
        if size > limit:
            raise too_large
        if chunk:
            yield chunk


async def whole_body(request: Request, *, limit: int, timeout_seconds: float) -> bytes:
    """The body in one piece. Raises as `body_chunks`."""
    body = bytearray()
    async for chunk in body_chunks(request, limit=limit, timeout_seconds=timeout_seconds):
        body += chunk
    return bytes(body)

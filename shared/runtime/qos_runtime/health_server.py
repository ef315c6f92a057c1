"""`/health/live`, `/health/ready` and `/metrics` for a process that has no web framework of its own (the worker)."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from http import HTTPStatus

from prometheus_client import CollectorRegistry
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4, generate_latest

from qos_runtime.health import Health

_READ_TIMEOUT_SECONDS = 5.0
_MAX_REQUEST_BYTES = 16_384


@asynccontextmanager
async def health_server(
    health: Health, registry: CollectorRegistry, *, host: str, port: int
) -> AsyncIterator[tuple[str, int]]:
    """Serve until the block ends; yields the address bound (port 0 picks a free one). Raises OSError if taken."""

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            async with asyncio.timeout(_READ_TIMEOUT_SECONDS):
                head = await reader.readuntil(b"\r\n\r\n")
            status, content_type, body = await _respond(head, health, registry)
            reason = HTTPStatus(status).phrase
            writer.write(
                f"HTTP/1.1 {status} {reason}\r\nContent-Type: {content_type}\r\n"
                f"Content-Length: {len(body)}\r\nConnection: close\r\n\r\n".encode()
                + body
            )
            await writer.drain()
        except (TimeoutError, ConnectionError, asyncio.IncompleteReadError, asyncio.LimitOverrunError):
            return  # a probe that hung up or never asked gets no answer
        finally:
            writer.close()

    server = await asyncio.start_server(answer, host, port, limit=_MAX_REQUEST_BYTES)
    try:
        bound = server.sockets[0].getsockname()
        yield bound[0], bound[1]
    finally:
        server.close()
        await server.wait_closed()


async def _respond(head: bytes, health: Health, registry: CollectorRegistry) -> tuple[int, str, bytes]:
    method, target, *_ = [*head.split(b"\r\n", 1)[0].decode("latin-1").split(" "), "", ""]
    if method not in ("GET", "HEAD"):
        return 405, "text/plain; charset=utf-8", b"only GET\n"
    match target.split("?", 1)[0]:
        case "/health/live":
            report = await health.live()
        case "/health/ready":
            report = await health.ready()
        case "/metrics":
            return 200, CONTENT_TYPE_PLAIN_0_0_4, generate_latest(registry)
        case _:
            return 404, "text/plain; charset=utf-8", b"/health/live, /health/ready, /metrics\n"
    return report.status_code, "application/json", json.dumps(report.document()).encode()

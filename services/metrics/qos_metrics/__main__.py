"""`python -m qos_metrics`: serve until SIGTERM or Ctrl-C."""

import argparse
import asyncio
import signal
import sys
from collections.abc import Sequence
from contextlib import closing
from socket import socket

import asyncpg
import uvicorn
from sse_starlette.sse import AppStatus

from qos_domain.calendar import UnknownCalendar
from qos_domain.criteria import InvalidCriteria
from qos_metrics.bootstrap import build, connected, running
from qos_metrics.settings import MetricsSettings
from qos_metrics.stream import Hub
from qos_runtime.errors import NotConfigured
from qos_runtime.log_signals import LevelSignals
from qos_runtime.logging import configure_logging, get_logger
from qos_runtime.tracing import Tracing, start_tracing

_HELP = """
Serves indicators, QOS levels, the quality map, the live stream and the metrics for Prometheus. Reads only.

Environment: KAFKA_BOOTSTRAP_SERVERS, DATABASE_URL, and either QOS_METRICS_STAFF_TOKEN_SHA256 or
QOS_METRICS_STAFF_OPEN=true are required; QOS_METRICS_HOST, QOS_METRICS_PORT and the limits have defaults (docs/api.md).
"""


class _Server(uvicorn.Server):
    """Ends the live streams before it waits for requests under way: a stream would never end by itself."""

    def __init__(self, config: uvicorn.Config, hub: Hub) -> None:
        super().__init__(config)
        self._hub = hub
        # The streams' library would break them off within half a second of the signal.
        AppStatus.enable_automatic_graceful_drain = False

    async def shutdown(self, sockets: list[socket] | None = None) -> None:
        self._hub.close()
        await super().shutdown(sockets)


async def serve(settings: MetricsSettings, tracing: Tracing) -> None:
    """Serve until a signal, then end streams and finish the requests under way."""
    LevelSignals(settings.log_level, debug_seconds=settings.log_debug_seconds).listen()
    async with connected(settings, tracing=tracing) as pool:
        service = build(settings, pool, tracing=tracing)
        config = uvicorn.Config(
            service.app,
            host=settings.host,
            port=settings.port,
            lifespan="off",
            log_config=None,
            access_log=False,
            server_header=False,
            timeout_graceful_shutdown=settings.stop_seconds,
        )
        async with running(service):
            get_logger(__name__).info("serving", host=settings.host, port=settings.port)
            await _Server(config, service.hub).serve()


def main(arguments: Sequence[str] | None = None) -> int:
    argparse.ArgumentParser(
        prog="python -m qos_metrics", description=_HELP, formatter_class=argparse.RawDescriptionHelpFormatter
    ).parse_args(arguments)
    try:
        settings = MetricsSettings.from_environment()
        configure_logging(
            service="metrics",
            level=settings.log_level,
            log_format=settings.log_format,
            traced=settings.tracing != "off",
        )
        # uvicorn raises the signal again once it has finished; this takes it, so that all is closed in order.
        signal.signal(signal.SIGTERM, lambda *_: None)
        signal.signal(signal.SIGINT, lambda *_: None)
        with closing(start_tracing(settings, service="qos-metrics")) as tracing:
            asyncio.run(serve(settings, tracing))
    except (NotConfigured, UnknownCalendar, InvalidCriteria) as error:
        sys.stderr.write(f"{error}\n")
        return 2
    except (asyncpg.PostgresError, OSError) as error:
        sys.stderr.write(f"the database of DATABASE_URL doesn't answer: {error}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())

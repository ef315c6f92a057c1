"""`python -m qos_intake`: serve until SIGTERM or Ctrl-C."""

import argparse
import asyncio
import signal
import sys
from collections.abc import Sequence
from contextlib import closing

import uvicorn

from qos_intake.bootstrap import build, running
from qos_intake.settings import IntakeSettings
from qos_runtime.errors import NotConfigured
from qos_runtime.log_signals import LevelSignals
from qos_runtime.logging import configure_logging, get_logger
from qos_runtime.tracing import Tracing, start_tracing

_HELP = """
Takes CloudEvents over HTTP and from inbox topics, and publishes them to Kafka.

Environment: KAFKA_BOOTSTRAP_SERVERS and QOS_INTAKE_SOURCES_FILE are required; QOS_INTAKE_HOST, QOS_INTAKE_PORT and the
limits have defaults (docs/events.md). Make a source and its key with: python -m qos_intake.keys new
"""

# Longer than balancers commonly keep an idle connection, so that it is never we who close one that they are using.
_KEEP_ALIVE_SECONDS = 75


async def serve(settings: IntakeSettings, tracing: Tracing) -> None:
    """Serve until a signal, then finish the requests under way and flush the producer."""
    service = build(settings, tracing=tracing)
    config = uvicorn.Config(
        service.app,
        host=settings.host,
        port=settings.port,
        lifespan="off",
        log_config=None,
        access_log=False,
        server_header=False,
        timeout_keep_alive=_KEEP_ALIVE_SECONDS,
        timeout_graceful_shutdown=settings.stop_seconds,
    )
    server = uvicorn.Server(config)

    def stop(_number: int, _frame: object) -> None:
        server.should_exit = True

    # uvicorn handles signals while it serves, and raises them again when it has finished: this takes them then, so that
    # the producer is flushed as well, and before, so that a stop during the start isn't lost.
    signal.signal(signal.SIGTERM, stop)
    signal.signal(signal.SIGINT, stop)
    LevelSignals(settings.log_level, debug_seconds=settings.log_debug_seconds).listen()
    async with running(service):
        get_logger(__name__).info("serving", host=settings.host, port=settings.port)
        await server.serve()


def main(arguments: Sequence[str] | None = None) -> int:
    argparse.ArgumentParser(
        prog="python -m qos_intake", description=_HELP, formatter_class=argparse.RawDescriptionHelpFormatter
    ).parse_args(arguments)
    try:
        settings = IntakeSettings.from_environment()
        configure_logging(
            service="intake",
            level=settings.log_level,
            log_format=settings.log_format,
            traced=settings.tracing != "off",
        )
        with closing(start_tracing(settings, service="qos-intake")) as tracing:
            asyncio.run(serve(settings, tracing))
    except NotConfigured as error:
        sys.stderr.write(f"{error}\n")
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())

"""How a worker's process ends: the exit code says why, and an end that hangs is cut off."""

import asyncio
import faulthandler
import gc
import os
import sys
import threading
from collections.abc import Awaitable, Callable
from typing import TypeAlias

from asyncpg import InvalidCatalogNameError

from qos_domain.errors import BrokenInvariant, TransientFailure
from qos_processing.settings import ProcessingSettings
from qos_runtime.errors import NotConfigured, TopicsNotReady
from qos_runtime.log_signals import LevelSignals
from qos_runtime.logging import configure_logging, get_logger

EXIT_STOPPED = 0
EXIT_CRASHED = 1
EXIT_NOT_CONFIGURED = 2

Work: TypeAlias = Callable[[ProcessingSettings, Callable[[], None]], Awaitable[None]]

_log = get_logger(__name__)
_MAKE_IT = (
    "make it, with its tables (`python -m qos_processing.migrate`). If the one before was lost, `qos recover` fills it"
    " before any worker starts (docs/disaster.md)"
)


def run(work: Work) -> int:
    """Run `work(settings, on_stopping)` with settings from the environment; returns the process's exit code.

    0 after a clean stop, 1 when something broke (start the worker again), 2 when it can't start as it was configured.
    From `on_stopping` on the process has `stop_seconds` left; then it is ended with 1 wherever it hangs.
    """
    try:
        settings = ProcessingSettings.from_environment()
    except NotConfigured as error:
        sys.stderr.write(f"{error}\n")
        return EXIT_NOT_CONFIGURED
    configure_logging(
        service="qos-processing",
        level=settings.log_level,
        log_format=settings.log_format,
        traced=settings.tracing != "off",
    )
    _tune_interpreter()
    cut_off = threading.Timer(settings.stop_seconds, _cut_off)
    cut_off.daemon = True
    try:
        asyncio.run(_main(work(settings, cut_off.start), settings))
    except (NotConfigured, TopicsNotReady) as error:
        _log.critical("worker_not_configured", error=str(error))
        return EXIT_NOT_CONFIGURED
    except (BrokenInvariant, TransientFailure) as error:
        # Foreseen: the message says what is wrong and what to do, the stack says nothing.
        _log.critical("worker_crashed", kind=type(error).__name__, error=str(error))
        return EXIT_CRASHED
    except InvalidCatalogNameError as error:
        _log.critical("worker_crashed", kind=type(error).__name__, error=f"{error}: {_MAKE_IT}")
        return EXIT_CRASHED
    except Exception:  # noqa: BLE001  the last frame: whatever it was, it is logged and ends the process
        _log.critical("worker_crashed", exc_info=True)
        return EXIT_CRASHED
    return EXIT_STOPPED


def _tune_interpreter() -> None:
    """For a loop that computes beside a thread that talks to the broker; both figures are in docs/performance.md."""
    # The broker's thread needs the interpreter some ten times for one fetch, and waits this long for it each time.
    sys.setswitchinterval(0.0005)
    # A batch is thousands of objects that live together; by default all of them are looked at again and again.
    gc.freeze()
    gc.set_threshold(50_000, 20, 50)


async def _main(work: Awaitable[None], settings: ProcessingSettings) -> None:
    LevelSignals(settings.log_level, debug_seconds=settings.log_debug_seconds).listen()
    await work


def _cut_off() -> None:
    sys.stderr.write("The worker did not stop in time and is cut off. Its threads were at:\n")
    faulthandler.dump_traceback(all_threads=True)
    sys.stderr.flush()
    os._exit(EXIT_CRASHED)

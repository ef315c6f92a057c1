"""A worker process with the numbered service: `python -m support.numbered_worker`, settings from the environment."""

import os
import sys
from collections.abc import Callable

from prometheus_client import CollectorRegistry

from qos_processing.ending import run
from qos_processing.settings import ProcessingSettings
from qos_processing.worker import serve
from qos_runtime.clock import SystemClock
from qos_runtime.health import Health
from qos_runtime.postgres import create_pool
from support.numbered import NumberedProcessor


async def nothing() -> None:
    """The numbered service keeps no topic ids."""


async def work(settings: ProcessingSettings, on_stopping: Callable[[], None]) -> None:
    pool = await create_pool(settings.database_url, application_name="numbered")
    try:
        processor = NumberedProcessor(pool, seconds_a_batch=float(os.environ.get("NUMBERED_SECONDS_A_BATCH", "0")))
        await serve(
            settings,
            processor,
            verify_log=nothing,
            clock=SystemClock(),
            registry=CollectorRegistry(),
            health=Health(),
            on_stopping=on_stopping,
        )
    finally:
        pool.terminate()


if __name__ == "__main__":
    sys.exit(run(work))

"""A worker in the test's own process, with a service that records what it is handed."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from prometheus_client import CollectorRegistry

from qos_processing.settings import ProcessingSettings
from qos_processing.worker import serve
from qos_runtime.clock import SystemClock
from qos_runtime.health import Health
from qos_runtime.kafka import admin_client
from qos_runtime.settings import RuntimeSettings
from qos_runtime.topics import INPUT, create_topics
from support.recording import Log, Recording, StartWorker


@pytest.fixture
async def log(runtime_settings: RuntimeSettings) -> Log:
    async with admin_client(runtime_settings) as admin:
        await create_topics(admin, runtime_settings, INPUT)
    return Log(runtime_settings)


@pytest.fixture
def start(log: Log) -> StartWorker:
    """`async with start(service, **settings) as task`: a worker that runs until the block ends."""

    @asynccontextmanager
    async def started(service: Recording, **options: object) -> AsyncIterator["asyncio.Task[None]"]:
        settings = ProcessingSettings(**{**log.settings.model_dump(), "port": 0, **options})

        async def no_topic_ids() -> None:
            return

        task = asyncio.ensure_future(
            serve(
                settings,
                service,
                verify_log=no_topic_ids,
                clock=SystemClock(),
                registry=CollectorRegistry(),
                health=Health(),
            )
        )
        try:
            yield task
        finally:
            service.release()
            task.cancel()
            await asyncio.wait([task])

    return started

"""Runs a worker from start to a clean stop, or to the error that ends it."""

import asyncio
import signal
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Sequence
from contextlib import asynccontextmanager

from prometheus_client import CollectorRegistry

from qos_domain.errors import BrokenInvariant, TransientFailure
from qos_processing.app import ProcessingApp
from qos_processing.ports import BatchProcessor
from qos_processing.settings import ProcessingSettings
from qos_runtime.clock import Clock
from qos_runtime.health import Health
from qos_runtime.health_server import health_server
from qos_runtime.kafka import admin_client, broker_answers
from qos_runtime.logging import get_logger
from qos_runtime.topics import INPUT, require_topics

_log = get_logger(__name__)
_MEASURE_SECONDS = 2.0


class Stuck(BrokenInvariant):
    """One batch has been worked on for longer than any batch takes."""


class Behind(TransientFailure):
    """Records wait for longer than figures may be late: what the worker does is right, and of a while ago."""


async def serve(
    settings: ProcessingSettings,
    processor: BatchProcessor,
    *,
    verify_log: Callable[[], Awaitable[None]],
    clock: Clock,
    registry: CollectorRegistry,
    health: Health,
    alongside: Sequence[Callable[[], Awaitable[None]]] = (),
    on_stopping: Callable[[], None] = lambda: None,
) -> None:
    """Run a worker until SIGTERM or SIGINT, then finish the batch being worked on, commit and leave the group.

    `verify_log` raises LogMismatch when the log isn't the one whose offsets are stored; asked at every assignment.
    `alongside`: what runs beside the agent for as long as it does (publisher, sweep); cancelled at the end.
    `on_stopping` is called once when the end begins, whatever its cause.

    Raises TopicsNotReady before anything is started; later whatever ended the agent, an assignment or one of
    `alongside`: then the process must end with a non-zero exit.
    """
    async with admin_client(settings, client_id=settings.consumer_group) as admin:
        await require_topics(admin, settings, INPUT)
    app = ProcessingApp(settings, processor, verify_log=verify_log, clock=clock, registry=registry)
    _add_checks(health, app, settings)
    async with (
        health_server(health, registry, host=settings.host, port=settings.port) as address,
        _stop_signal() as stop,
    ):
        _log.info("worker_starting", group=settings.consumer_group, health=f"http://{address[0]}:{address[1]}")
        jobs = [
            asyncio.ensure_future(job) for job in (_run(app), _measure(app), *(companion() for companion in alongside))
        ]
        try:
            ended, _ = await asyncio.wait([*jobs, stop], return_when=asyncio.FIRST_COMPLETED)
        finally:
            on_stopping()
            await _stop(app, settings.stop_seconds / 2)
            for job in jobs:
                job.cancel()
            await asyncio.wait(jobs, timeout=settings.stop_seconds / 4)
    if stop not in ended:
        raise next(iter(_errors(ended)), BrokenInvariant("a part of the worker that runs for ever has ended"))
    for error in _errors(jobs):  # asked to stop, it did; what stumbled on the way out changed nothing
        _log.error("stopped_with_error", exc_info=error)
    _log.info("worker_stopped")


def _errors(jobs: Iterable[asyncio.Future[None]]) -> list[BaseException]:
    finished = [job for job in jobs if job.done() and not job.cancelled()]
    return [error for job in finished if (error := job.exception()) is not None]


async def _stop(app: ProcessingApp, seconds: float) -> None:
    # In a task of its own: after a crash all parts of the app stop at once, and one may cancel what another awaits,
    # or wait for what never comes. Whatever happens here, the cause of the end is to be told.
    stopping = asyncio.ensure_future(app.stop())
    await asyncio.wait([stopping], timeout=seconds)
    if not stopping.done():
        _log.warning("app_not_stopped_in_time", seconds=seconds)
    elif not stopping.cancelled() and (error := stopping.exception()):
        _log.warning("app_stopped_with_error", error=repr(error))


async def _run(app: ProcessingApp) -> None:
    await app.start()
    await app.wait_until_stopped()
    if app.crash_reason is not None:
        raise app.crash_reason


async def _measure(app: ProcessingApp) -> None:
    while True:
        await asyncio.sleep(_MEASURE_SECONDS)
        await app.measure_lag()
        await app.notice_set_back()


@asynccontextmanager
async def _stop_signal() -> AsyncIterator[asyncio.Future[None]]:
    loop = asyncio.get_running_loop()
    stop: asyncio.Future[None] = loop.create_future()

    def on_signal(name: str) -> None:
        _log.info("signal_received", signal=name)
        if not stop.done():
            stop.set_result(None)

    signals = (signal.SIGTERM, signal.SIGINT)
    for number in signals:
        loop.add_signal_handler(number, on_signal, number.name)
    try:
        yield stop
    finally:
        for number in signals:
            loop.remove_signal_handler(number)


def _add_checks(health: Health, app: ProcessingApp, settings: ProcessingSettings) -> None:
    async def not_stuck() -> None:
        if app.gate.working_seconds() > settings.stuck_seconds:
            raise Stuck(f"a batch has been worked on for more than {settings.stuck_seconds:g} s")

    async def in_the_group() -> None:
        if not app.tables.actives_ready:
            raise TransientFailure("no assignment yet, or a rebalance is under way")

    async def broker() -> None:
        await broker_answers(settings)

    async def not_behind() -> None:
        if app.progress.lag_seconds > settings.behind_seconds:
            raise Behind(f"the oldest record that is not committed has waited for {app.progress.lag_seconds:.0f} s")

    health.add_liveness("batch", not_stuck)
    health.add_wanted("lag", not_behind)
    health.add("group", in_the_group)
    health.add("kafka", broker)

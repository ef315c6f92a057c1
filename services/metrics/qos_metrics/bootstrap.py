"""Puts the metrics service together: the one place that knows every part."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta

from fastapi import FastAPI
from prometheus_client import CollectorRegistry, generate_latest

from qos_domain import criteria
from qos_domain.calendar import DEFAULT_VERSION, Calendar
from qos_metrics.access import Gate
from qos_metrics.freshness import LagWatch, LogPartition
from qos_metrics.gauges import Gauges
from qos_metrics.http import create_app
from qos_metrics.kafka import Follower, LogEnds
from qos_metrics.parts import Parts
from qos_metrics.postgres import PostgresStore
from qos_metrics.postgres_gauges import PostgresGauges
from qos_metrics.postgres_publications import PostgresPublications
from qos_metrics.service import MetricsService
from qos_metrics.settings import MetricsSettings
from qos_metrics.stream import Hub
from qos_metrics.upkeep import Upkeep
from qos_runtime import metric_defs
from qos_runtime.clock import Clock, SystemClock
from qos_runtime.health import Health
from qos_runtime.logging import get_logger
from qos_runtime.postgres import Pool, create_pool, database_answers
from qos_runtime.tracing import OFF, Tracing

log = get_logger(__name__)

_LOG_ENDS_EVERY_SECONDS = 1.0


@dataclass(frozen=True, slots=True)
class Service:
    """The application, and what runs beside it."""

    app: FastAPI
    metrics: MetricsService
    hub: Hub
    follower: Follower
    log_ends: LogEnds
    gauges: Gauges
    upkeep: Upkeep


@asynccontextmanager
async def connected(settings: MetricsSettings, *, tracing: Tracing = OFF) -> AsyncIterator[Pool]:
    """A pool of connections for the block. Raises what asyncpg raises when the database is away."""
    pool = await create_pool(
        settings.database_url,
        application_name="qos-metrics",
        max_size=settings.pool_size,
        command_timeout_seconds=settings.statement_timeout_seconds,
        tracing=tracing,
    )
    try:
        yield pool
    finally:
        await pool.close()


def build(settings: MetricsSettings, pool: Pool, *, clock: Clock | None = None, tracing: Tracing = OFF) -> Service:
    """Nothing runs yet. Raises UnknownCalendar, InvalidCriteria for files that can't be used."""
    clock = clock or SystemClock()
    calendar = Calendar.load(settings.calendar or DEFAULT_VERSION, settings.time_zone)
    store = PostgresStore(pool)
    lag = LagWatch(stale_after=timedelta(seconds=settings.stale_after_seconds))
    hub = Hub(
        past_limit=settings.stream_past_messages,
        queue_limit=settings.stream_queue,
        subscriber_limit=settings.stream_clients,
    )
    follower = Follower(settings, hub, now_ms=lambda: int(clock.now().timestamp() * 1000))
    gauges = Gauges(
        PostgresGauges(store),
        clock=clock,
        calendar=calendar,
        every=settings.gauges_every_seconds,
        limit=settings.gauges_scope_limit,
    )
    upkeep = Upkeep(store, every=settings.gauges_every_seconds)
    service = MetricsService(
        store,
        clock=clock,
        calendar=calendar,
        criteria=criteria.load(settings.criteria or criteria.DEFAULT_VERSION),
        lag=lag,
        cache_seconds=settings.cache_seconds,
    )

    async def observe(ends: Mapping[LogPartition, int]) -> None:
        lag.observe(clock.now(), ends, await store.processed_offsets())

    registry, figures = CollectorRegistry(), CollectorRegistry()
    figures.register(gauges)
    registry.register(upkeep)
    metric_defs.METRICS_STREAM_CLIENTS.gauge(registry).set_function(lambda: hub.subscribers)
    metric_defs.METRICS_STREAM_DROPPED.gauge(registry).set_function(lambda: hub.dropped)
    metric_defs.METRICS_LAG_SECONDS.gauge(registry).set_function(lambda: _number(lag.lag_seconds(clock.now())))
    metric_defs.METRICS_BACKLOG_RECORDS.gauge(registry).set_function(lambda: _number(lag.backlog_records))

    async def exposition() -> bytes:
        # Ten thousand figures take a tenth of a second to write: other requests go on meanwhile.
        return generate_latest(registry) + await asyncio.to_thread(generate_latest, figures)

    health = Health()
    health.add("database", lambda: database_answers(pool, timeout_seconds=2.0))
    health.add("results", service.require_results)
    parts = Parts(
        settings=settings,
        service=service,
        publications=PostgresPublications(store),
        gate=Gate(settings),
        hub=hub,
        following=follower.following.is_set,
        health=health,
        request_seconds=metric_defs.METRICS_REQUEST_SECONDS.histogram(registry),
        exposition=exposition,
        tracing=tracing,
    )
    log_ends = LogEnds(settings, observe, _LOG_ENDS_EVERY_SECONDS)
    return Service(create_app(parts), service, hub, follower, log_ends, gauges, upkeep)


@asynccontextmanager
async def running(service: Service) -> AsyncIterator[None]:
    """Run what is beside the application for the block. A part that fails ends the block with its error: one crash is
    one restart. A broker or a database that is away is no failure: the parts try again."""
    async with asyncio.TaskGroup() as group:
        tasks = [
            group.create_task(service.follower.run(), name="follower"),
            group.create_task(service.log_ends.run(), name="log_ends"),
            group.create_task(service.gauges.run(), name="gauges"),
            group.create_task(service.upkeep.run(), name="upkeep"),
        ]
        try:
            yield
        finally:
            for task in tasks:
                task.cancel()


def _number(value: float | None) -> float:
    return float("nan") if value is None else value

"""What one event, one case and one bucket cost, measured by a real worker on a real log."""

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from statistics import median

import asyncpg
import psutil

from bench.backlog import events, fill
from bench.ground import database, running, topics, worker
from qos_domain.acceptance import AcceptanceRules, encode_cloudevent
from qos_domain.calendar import Calendar
from qos_domain.cells import FISCAL_YEAR_MEASURES, STOCK_MEASURES, TRAILING_YEAR_MEASURES, Spans
from qos_domain.events import INPUT_TOPICS
from qos_domain.periods import window
from qos_local.simulation.simulate import simulate
from qos_local.stack.home import Home
from qos_local.stack.stack import Addresses
from qos_metrics.ports import Everything, Part
from qos_metrics.postgres import PostgresStore
from qos_runtime.postgres import create_pool
from qos_runtime.settings import RuntimeSettings

_LOOK_EVERY_SECONDS = 0.1
_WINDOW = "28d"
_QUESTIONS = 7
_BUCKETS_OF_EVERYTHING = """
    SELECT (SELECT count(*) FROM scope_buckets WHERE everything AND date <= $1)
        + (SELECT count(*) FROM scope_bucket_changes WHERE date <= $1)
"""
_CASES_IN_THE_LOG = 10_000


@dataclass(frozen=True, slots=True)
class Costs:
    """Bytes are those on disk of one replica; seconds are of a core."""

    events_per_case: float
    record_bytes: float
    """An event as it is sent: JSON, before the producer's compression."""
    log_bytes_per_event: float
    """An event in the log, in the batches of a sender that is busy (lz4)."""
    case_bytes: float
    """A case's row with its indexes."""
    bucket_bytes: float
    """A day bucket's row with its index."""
    wal_bytes_per_event: float
    worker_core_seconds_per_event: float
    database_core_seconds_per_event: float
    events_per_second: float
    """Of one worker with the rest of the machine, committed."""
    read_seconds_per_bucket: float
    """To sum a bucket of a scope into its answer."""
    read_seconds_per_open_case: float
    """To find out of an open case whether it is suspended, due soon or overdue."""


async def measure(home: Home, given: Addresses, count: int, *, progress: Callable[[str, int], None]) -> Costs:
    """Fill a log with `count` events and let one worker commit them; then ask the metrics service."""
    record, log = await _bytes_an_event(home, given)
    async with topics(given) as prefixed, database(prefixed) as settings:
        await fill(settings, events(count), progress=lambda more: progress("filling the log", more))
        connection = await asyncpg.connect(settings.database_url)
        try:
            wal = await connection.fetchval("SELECT pg_current_wal_lsn()")
            seconds, worker_cpu, database_cpu = await _work_off(connection, settings, count, progress)
            written = int(await connection.fetchval("SELECT pg_wal_lsn_diff(pg_current_wal_lsn(), $1)", wal))
            cases, case_bytes = await _table(connection, "cases_g1")
            buckets, bucket_bytes = await _table(connection, "day_buckets_g1")
            by_bucket, by_case = await _read_costs(settings)
        finally:
            await connection.close()
    return Costs(
        events_per_case=count / cases,
        record_bytes=record,
        log_bytes_per_event=log,
        case_bytes=case_bytes / cases,
        bucket_bytes=bucket_bytes / buckets,
        wal_bytes_per_event=written / count,
        worker_core_seconds_per_event=worker_cpu / count,
        database_core_seconds_per_event=database_cpu / count,
        events_per_second=count / seconds,
        read_seconds_per_bucket=by_bucket,
        read_seconds_per_open_case=by_case,
    )


async def _work_off(
    connection: "asyncpg.Connection[asyncpg.Record]",
    settings: RuntimeSettings,
    count: int,
    progress: Callable[[str, int], None],
) -> tuple[float, float, float]:
    """Seconds from the first committed batch on, and core seconds of the worker and of its database sessions."""
    service = worker(settings)
    async with running([service]) as services:
        began, committed = 0.0, 0
        while committed < count:
            now = int(await connection.fetchval("SELECT coalesce(sum(next_offset), 0) FROM partition_offsets"))
            if now and not began:
                began = time.monotonic()
            progress("one worker", now - committed)
            committed = now
            services.check()
            await asyncio.sleep(_LOOK_EVERY_SECONDS)
        seconds = time.monotonic() - began
        own = _core_seconds(lambda process: _listens(process, service.port))
        name = settings.consumer_group
        return seconds, own, _core_seconds(lambda process: _serves(process, name))


def _listens(process: psutil.Process, port: int) -> bool:
    return any(
        each.status == psutil.CONN_LISTEN and each.laddr.port == port for each in process.net_connections("inet")
    )


def _serves(process: psutil.Process, database_name: str) -> bool:
    # PostgreSQL writes into its title what a session is for.
    return "postgres:" in " ".join(process.cmdline()) and database_name in " ".join(process.cmdline())


def _core_seconds(wanted: Callable[[psutil.Process], bool]) -> float:
    total = 0.0
    for process in psutil.process_iter():
        try:
            if wanted(process):
                times = process.cpu_times()
                total += times.user + times.system
        except (psutil.NoSuchProcess, psutil.AccessDenied, psutil.ZombieProcess):
            continue
    if not total:
        raise RuntimeError("the process to measure was not found")
    return total


async def _bytes_an_event(home: Home, given: Addresses) -> tuple[float, float]:
    """Of a record as it is sent, and as it lies in the segments of the input topics: no event like another."""
    calendar = Calendar.load()
    simulation = simulate(
        seed=2, today=calendar.local_date(datetime.now(UTC)), cases=_CASES_IN_THE_LOG, calendar=calendar
    )
    rules = AcceptanceRules()
    count = len(simulation.events)
    async with topics(given) as settings:
        await fill(settings, simulation.events, progress=lambda _: None)
        names = [settings.topic(topic) for topic in INPUT_TOPICS]
        files = [path for name in names for path in home.kafka_data.rglob(f"{name}-*/*.log")]
        if not files:
            raise RuntimeError(f"no segments of {names[0]} under {home.kafka_data}")
        log = sum(path.stat().st_size for path in files)
    return sum(len(encode_cloudevent(event, rules)) for event in simulation.events) / count, log / count


async def _table(connection: "asyncpg.Connection[asyncpg.Record]", name: str) -> tuple[int, int]:
    """Rows, and bytes with indexes; after the vacuum that a quiet night brings."""
    await connection.execute(f"VACUUM ANALYZE {name}")
    row = await connection.fetchrow(
        f"SELECT count(*), pg_total_relation_size('{name}'::regclass) FROM {name}"  # noqa: S608 - our own names
    )
    assert row is not None
    return int(row[0]), int(row[1])


async def _read_costs(settings: RuntimeSettings) -> tuple[float, float]:
    """Seconds of an answer over everything, by the scope's buckets up to its day, and by the cases that are open."""
    pool = await create_pool(settings.database_url, application_name="bench", max_size=1)
    now = datetime.now(UTC)
    by_bucket, by_case = [], []
    try:
        last = await pool.fetchval("SELECT max(date) FROM day_buckets WHERE measure = 'arrived'")
        opened = await pool.fetchval("SELECT count(*) FROM cases WHERE status = 'open'")
        for ago in range(_QUESTIONS):
            as_of = last - timedelta(days=ago)
            spans = Spans.of(window(_WINDOW, as_of), as_of)
            parts = (
                Part(spans.window),
                Part(spans.until, STOCK_MEASURES),
                Part(spans.trailing_year, TRAILING_YEAR_MEASURES),
                Part(spans.fiscal_year, FISCAL_YEAR_MEASURES),
            )
            async with PostgresStore(pool).snapshot() as snapshot:
                began = time.perf_counter()
                await snapshot.sums(Everything(), as_of, parts)
                summed = time.perf_counter()
                await snapshot.workloads(Everything(), as_of=last, today=last, moment=now, horizon=last)
                looked = time.perf_counter()
            rows = await pool.fetchval(_BUCKETS_OF_EVERYTHING, as_of)
            by_bucket.append((summed - began) / rows)
            by_case.append((looked - summed) / opened)
    finally:
        await pool.close()
    return median(by_bucket), median(by_case)

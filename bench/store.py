"""How fast the transaction of a batch is: `DATABASE_URL=... python bench/store.py [--cases N] [--batch N ...]`.

Folds the events of a simulated year into a database of its own on that server, without Kafka, and prints events
committed a second for each size of batch, with the topics of a partition number one by one and together. `--tracing off
otlp` does each with tracing off and on; then spans go to a collector that forgets them.
"""

import argparse
import asyncio
import cProfile
import gc
import os
import pstats
import sys
import threading
import time
from collections import defaultdict
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from datetime import UTC, date, datetime
from http.server import BaseHTTPRequestHandler, HTTPServer
from itertools import product
from typing import Literal
from urllib.parse import urlsplit, urlunsplit

import asyncpg
from prometheus_client import CollectorRegistry

from qos_domain.acceptance import AcceptanceRules, encode_cloudevent
from qos_domain.calendar import Calendar
from qos_domain.events import Event
from qos_local.simulation.simulate import simulate
from qos_processing.aligning import align
from qos_processing.counters import Counters
from qos_processing.dead_letters import DeadLetterLimit
from qos_processing.migrate import migrate
from qos_processing.ports import Batch, Record
from qos_processing.service import ProcessingService
from qos_processing.transactions import Transactions
from qos_runtime.clock import SystemClock
from qos_runtime.kafka import partition_of
from qos_runtime.logging import configure_logging
from qos_runtime.postgres import create_pool
from qos_runtime.settings import RuntimeSettings
from qos_runtime.tracing import start_tracing

PARTITIONS = 8
RULES = AcceptanceRules()
TODAY = date(2025, 10, 1)
LogPartitions = dict[tuple[str, int], list[Record]]


def log_of(events: tuple[Event, ...]) -> LogPartitions:
    """The events as the records of a log, in the order in which they are sent."""
    log: LogPartitions = defaultdict(list)
    began_ms = int(datetime.combine(TODAY, datetime.min.time(), UTC).timestamp() * 1000)
    for number, event in enumerate(events):
        key = event.data.procedure_id.encode()
        records = log[event.topic, partition_of(key, PARTITIONS)]
        # Ten events of a POST: intake gives all of them the same, if it traces.
        headers = (("traceparent", f"00-{number // 10 + 1:032x}-{number // 10 + 1:016x}-01".encode()),)
        records.append(Record(key, encode_cloudevent(event, RULES), headers, len(records), began_ms + number))
    return log


def rounds(log: LogPartitions, most: int, *, together: bool) -> Iterator[list[Batch]]:
    """What goes into one transaction each, partition number after partition number, as a worker meets a backlog."""
    positions = dict.fromkeys(log, 0)
    waiting: dict[int, dict[str, Batch]] = {}
    while positions or any(waiting.values()):
        for (topic, partition), start in list(positions.items()):
            if topic in waiting.setdefault(partition, {}):
                continue
            records = log[topic, partition][start : start + most]
            if records:
                positions[topic, partition] = start + len(records)
                waiting[partition][topic] = Batch(topic, partition, start, start + len(records), records)
            else:
                del positions[topic, partition]
        for partition, batches in waiting.items():
            now, later = align(list(batches.values()), most=sys.maxsize) if together else (list(batches.values()), [])
            waiting[partition] = {batch.topic: batch for batch in later}
            yield from [now] if together and now else [[batch] for batch in now]


@contextmanager
def forgetful_collector() -> Iterator[None]:
    """What the OTLP exporter of this process sends to for the block."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["Content-Length"]))
            self.send_response(200)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            """Nothing is told of it."""

    with HTTPServer(("127.0.0.1", 0), Handler) as server:
        os.environ["OTEL_EXPORTER_OTLP_ENDPOINT"] = f"http://127.0.0.1:{server.server_port}"
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield
        finally:
            server.shutdown()
            thread.join()


async def run(
    database_url: str, cases: int, most: int, *, together: bool, profile: bool, tracing: Literal["off", "otlp"]
) -> None:
    await migrate(database_url)
    calendar = Calendar.load()
    simulation = simulate(seed=1, today=TODAY, cases=cases, calendar=calendar)
    registry, log = log_of(simulation.procedures), log_of(simulation.events)
    gc.freeze()  # the events of the simulation are no part of what is measured
    settings = RuntimeSettings(kafka_bootstrap_servers="unused", database_url=database_url, tracing=tracing)
    traced = start_tracing(settings, service="bench")
    pool = await create_pool(database_url, application_name="bench", min_size=2, tracing=traced)
    service = ProcessingService(
        Transactions(pool, patience_seconds=5, registry=CollectorRegistry()),
        calendar=calendar,
        rules=RULES,
        clock=SystemClock(),
        counters=Counters(CollectorRegistry()),
        partitions=PARTITIONS,
        dead_letter_limit=DeadLetterLimit(),
        tracing=traced,
    )
    for batches in rounds(registry, most, together=together):
        await service.process(*batches)
    profiler = cProfile.Profile()
    count = len(simulation.events)
    print(
        f"{count} events, {cases} cases; batches of {most}, topics {'together' if together else 'one by one'};"
        f" tracing {tracing}"
    )
    began, cpu = time.perf_counter(), time.process_time()
    if profile:
        profiler.enable()
    for batches in rounds(log, most, together=together):
        await service.process(*batches)
    if profile:
        profiler.disable()
        pstats.Stats(profiler).sort_stats("tottime").print_stats(45)
    seconds, cpu = time.perf_counter() - began, time.process_time() - cpu
    print(
        f"  {count / seconds:10,.0f} events/s; {seconds:.2f} s;"
        f" this process: {cpu:.2f} s of a core, {cpu / count * 1e6:.0f} us an event"
    )
    for line in await pool.fetch(
        "SELECT relname, n_tup_ins, n_tup_upd, n_tup_hot_upd, pg_size_pretty(pg_total_relation_size(relid)) AS size"
        " FROM pg_stat_user_tables WHERE n_tup_ins > 0 ORDER BY n_tup_ins DESC LIMIT 4"
    ):
        print("   ", dict(line))
    await pool.close()
    traced.close()


@asynccontextmanager
async def database_on(server_url: str) -> AsyncIterator[str]:
    """The URL of an empty database on the same server, dropped afterwards."""
    name = f"bench_store_{os.getpid()}"
    connection = await asyncpg.connect(server_url)
    try:
        await connection.execute(f"CREATE DATABASE {name}")
        try:
            yield urlunsplit(urlsplit(server_url)._replace(path=f"/{name}"))
        finally:
            await connection.execute(f"DROP DATABASE {name} WITH (FORCE)")
    finally:
        await connection.close()


async def measure(given: argparse.Namespace) -> None:
    for most in given.batch:
        for together, tracing in product((False, True), given.tracing):
            async with database_on(os.environ["DATABASE_URL"]) as database_url:
                await run(database_url, given.cases, most, together=together, profile=given.profile, tracing=tracing)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cases", type=int, default=20_000)
    parser.add_argument("--batch", type=int, nargs="+", default=[500, 5_000])
    parser.add_argument("--profile", action="store_true")
    parser.add_argument("--tracing", nargs="+", choices=["off", "otlp"], default=["off"])
    configure_logging(service="bench", level="WARNING", log_format="console")
    with forgetful_collector():
        asyncio.run(measure(parser.parse_args()))


if __name__ == "__main__":
    main()

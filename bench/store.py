"""How fast the transaction of a batch is: `DATABASE_URL=... python bench/store.py [--cases N] [--batch N ...]`.

Folds the events of a simulated year into a fresh schema of that database, without Kafka, and prints events committed a
second for each size of batch. The database must be empty or may be thrown away: its tables are dropped.
"""

import argparse
import asyncio
import cProfile
import os
import pstats
import time
from collections import defaultdict
from collections.abc import Iterator
from datetime import UTC, date, datetime

import asyncpg
from prometheus_client import CollectorRegistry

from qos_domain.acceptance import AcceptanceRules, encode_cloudevent
from qos_domain.calendar import Calendar
from qos_domain.events import Event
from qos_local.simulation.simulate import simulate
from qos_processing.dead_letters import DeadLetterLimit
from qos_processing.migrate import migrate
from qos_processing.ports import Batch, Record
from qos_processing.service import ProcessingService
from qos_processing.transactions import Transactions
from qos_runtime.clock import SystemClock
from qos_runtime.kafka import partition_of
from qos_runtime.postgres import create_pool

PARTITIONS = 8
RULES = AcceptanceRules()
TODAY = date(2025, 10, 1)
LogPartitions = dict[tuple[str, int], list[Record]]


def log_of(events: tuple[Event, ...]) -> LogPartitions:
    """The events as the records of a log, in the order in which they are sent."""
    log: LogPartitions = defaultdict(list)
    appended_ms = int(datetime.combine(TODAY, datetime.min.time(), UTC).timestamp() * 1000)
    for event in events:
        key = event.data.procedure_id.encode()
        records = log[event.topic, partition_of(key, PARTITIONS)]
        records.append(Record(key, encode_cloudevent(event, RULES), (), len(records), appended_ms))
    return log


def batches(log: LogPartitions, most: int) -> Iterator[Batch]:
    """Rounds over all partitions of all topics, as a worker fetches a backlog."""
    positions = dict.fromkeys(log, 0)
    while positions:
        for (topic, partition), start in list(positions.items()):
            records = log[topic, partition][start : start + most]
            if records:
                positions[topic, partition] = start + len(records)
                yield Batch(topic, partition, start, start + len(records), records)
            else:
                del positions[topic, partition]


async def run(database_url: str, cases: int, most: int, *, profile: bool) -> None:
    connection = await asyncpg.connect(database_url)
    await connection.execute("DROP SCHEMA public CASCADE; CREATE SCHEMA public")
    await connection.close()
    await migrate(database_url)
    calendar = Calendar.load()
    simulation = simulate(seed=1, today=TODAY, cases=cases, calendar=calendar)
    registry, log = log_of(simulation.procedures), log_of(simulation.events)
    pool = await create_pool(database_url, application_name="bench", min_size=2)
    service = ProcessingService(
        Transactions(pool, patience_seconds=5),
        calendar=calendar,
        rules=RULES,
        clock=SystemClock(),
        registry=CollectorRegistry(),
        partitions=PARTITIONS,
        dead_letter_limit=DeadLetterLimit(),
    )
    for batch in batches(registry, 5_000):
        await service.process(batch)
    profiler = cProfile.Profile()
    count = len(simulation.events)
    print(f"{count} events of {cases} cases, batches of at most {most}")
    began, cpu = time.perf_counter(), time.process_time()
    if profile:
        profiler.enable()
    for batch in batches(log, most):
        await service.process(batch)
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


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cases", type=int, default=20_000)
    parser.add_argument("--batch", type=int, nargs="+", default=[500, 5_000])
    parser.add_argument("--profile", action="store_true")
    arguments = parser.parse_args()
    for most in arguments.batch:
        asyncio.run(run(os.environ["DATABASE_URL"], arguments.cases, most, profile=arguments.profile))


if __name__ == "__main__":
    main()

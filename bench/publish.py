"""How long a month of all procedures takes to publish: `python -m bench.publish`.

A fresh database gets procedures with a standard period and results of every third month (of 181: of every day of a
year), and a publisher that empties the outbox meanwhile. Uses KAFKA_BOOTSTRAP_SERVERS and DATABASE_URL where both are
set, else a stack of its own.
"""

import argparse
import asyncio
import resource
import time
from datetime import UTC, date, datetime

import asyncpg
import msgspec
from prometheus_client import CollectorRegistry

from bench.ground import addresses, topics
from bench.store import database_on
from qos_domain import criteria
from qos_domain.calendar import Calendar
from qos_domain.events import INPUT_TOPICS, Event, ProcedureRegistered
from qos_domain.facts import fact_of
from qos_domain.procedures import Name, Organisation, Period
from qos_local.stack.stack import Addresses
from qos_processing.migrate import migrate
from qos_processing.outbox import Publisher
from qos_processing.publish.publishing import Publishing, Rules
from qos_processing.restate.restating import Restating
from qos_processing.topic_ids import TopicIdentity
from qos_processing.transactions import Transactions
from qos_runtime.kafka import partition_of
from qos_runtime.postgres import Pool, create_pool
from qos_runtime.settings import RuntimeSettings

NOW = datetime(2027, 4, 5, 3, 0, tzinfo=UTC)
MONTH_END = date(2027, 3, 31)
PRIORITY = 181
ORGANISATIONS = 100

_BUCKETS = """
    INSERT INTO day_buckets (generation, procedure_id, organisation_id, date, channel, online, measure, bin, value)
    SELECT 1, 'procedure-' || n, 'organisation-' || n % $2::int, d, c.channel, c.channel = 'online', m.measure, m.bin,
        5 + (n + m.bin) % 7
    FROM generate_series(1, $1::int) AS n
    CROSS JOIN generate_series(
        $4::date - 364, $4::date, make_interval(days => CASE WHEN n <= $3::int THEN 1 ELSE 90 END)
    ) AS d
    CROSS JOIN (VALUES ('online'), ('counter')) AS c (channel)
    CROSS JOIN (
        SELECT measure, 0 AS bin FROM unnest(ARRAY['arrived', 'ended', 'met', 'breached', 'recovered']) AS measure
        UNION ALL SELECT 'calendar_days', 2 * bin FROM generate_series(1, 5) AS bin
        UNION ALL SELECT 'rating', bin FROM generate_series(3, 5) AS bin
    ) AS m
    WHERE n <= $3::int OR c.channel = 'online'
"""
_TOTALS = """
    INSERT INTO scope_buckets (generation, everything, organisation_id, date, channel, online, measure, bin, value)
    SELECT 1, grouping(organisation_id) = 1, coalesce(organisation_id, ''), date, channel, online, measure, bin,
        sum(value)
    FROM day_buckets
    GROUP BY date, channel, online, measure, bin, GROUPING SETS ((organisation_id), ())
"""
_PARTITIONS = """
    INSERT INTO partition_state (generation, partition, live, logic_version)
    SELECT 1, n, true, logic_version FROM generations, generate_series(0, $1::int - 1) AS n
"""
_OFFSETS = """
    INSERT INTO partition_offsets (generation, partition, topic)
    SELECT 1, n, topic FROM generate_series(0, $1::int - 1) AS n, unnest($2::text[]) AS topic
"""


class Standing:
    """A clock that stands at NOW."""

    def now(self) -> datetime:
        return NOW


def registration(number: int) -> Event:
    name = f"organisation-{number % ORGANISATIONS}"
    return Event(
        source="urn:registry",
        id=f"version-{number}",
        time=datetime(2020, 3, 1, tzinfo=UTC),
        data=ProcedureRegistered(
            procedure_id=f"procedure-{number}",
            name=Name(ja="手続"),
            organisation=Organisation(id=name, name=Name(ja="組織"), kind="bureau"),
            effective_from=date(2020, 4, 1),
            standard_period=Period(unit="business_days", maximum=10),
        ),
    )


async def fill(database_url: str, procedures: int, partitions: int) -> None:
    connection = await asyncpg.connect(database_url)
    try:
        await connection.execute(_PARTITIONS, partitions)
        await connection.execute(_OFFSETS, partitions, list(INPUT_TOPICS))
        events = [registration(number) for number in range(1, procedures + 1)]
        await connection.copy_records_to_table(
            "procedure_facts",
            columns=["generation", "procedure_id", "source", "id", "fact"],
            records=[
                (1, e.data.procedure_id, e.source, e.id, msgspec.json.encode(fact_of(e)).decode()) for e in events
            ],
        )
        await connection.executemany(
            "INSERT INTO procedures (generation, procedure_id, partition, organisation_id, organisation_name_ja,"
            " organisation_kind, name_ja, version, effective_from, retired)"
            " VALUES (1, $1, $2, $3, '組織', 'bureau', '手続', '{}', '2020-04-01', false)",
            [
                (name, partition_of(name.encode(), partitions), f"organisation-{number % ORGANISATIONS}")
                for number in range(1, procedures + 1)
                for name in (f"procedure-{number}",)
            ],
        )
        await connection.execute(_BUCKETS, procedures, ORGANISATIONS, PRIORITY, MONTH_END)
        await connection.execute(_TOTALS)
        await connection.execute("ANALYZE")
        buckets = await connection.fetchval("SELECT count(*) FROM day_buckets")
        print(f"{procedures:,} procedures, {buckets:,} day buckets")
    finally:
        await connection.close()


async def watch_outbox(pool: Pool, most: list[int]) -> None:
    while True:
        most[0] = max(most[0], await pool.fetchval("SELECT count(*) FROM outbox"))
        await asyncio.sleep(0.1)


async def measure(settings: RuntimeSettings, procedures: int) -> None:
    await migrate(settings.database_url)
    await fill(settings.database_url, procedures, settings.partitions)
    rules = Rules(calendar=Calendar.load(), criteria=criteria.load())
    pool = await create_pool(settings.database_url, application_name="bench-publish")
    await TopicIdentity(pool, settings).verify()
    transactions, most = Transactions(pool, patience_seconds=60, registry=CollectorRegistry()), [0]
    publisher = asyncio.create_task(Publisher(transactions, settings).run())
    watching = asyncio.create_task(watch_outbox(pool, most))
    began, cpu = time.perf_counter(), time.process_time()
    published = await Publishing(settings, rules, Standing(), lambda *_: None).run(None)
    seconds, cpu = time.perf_counter() - began, time.process_time() - cpu
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    size = await pool.fetchval("SELECT pg_total_relation_size('publication_statements')")
    content = await pool.fetchval("SELECT sum(octet_length(content)) FROM publication_statements")
    print(
        f"published {published.publication.period}: {seconds:.1f} s, of which {cpu:.1f} s in this process;"
        f" at most {peak:.0f} MB of memory (filling took some of it) and {most[0]:,} messages in the outbox"
    )
    print(f"  {content / 1e6:.0f} MB of statements, {size / 1e6:.0f} MB in the database")
    began = time.perf_counter()
    (restated,) = await Restating(settings, rules, Standing(), lambda *_: None).run(None)
    print(f"compared again: {time.perf_counter() - began:.1f} s, {restated.differing} of {restated.scopes:,} differ")
    for task in (publisher, watching):
        task.cancel()
    await asyncio.gather(publisher, watching, return_exceptions=True)
    await pool.close()


async def run(given: Addresses, procedures: int) -> None:
    async with topics(given) as settings, database_on(given.database_url) as database_url:
        await measure(settings.model_copy(update={"database_url": database_url}), procedures)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--procedures", type=int, default=28_000, help="registered procedures (default: 28,000)")
    wanted = parser.parse_args().procedures
    with addresses() as found:
        asyncio.run(run(found, wanted))

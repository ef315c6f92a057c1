"""How long the figures for Prometheus take at the size of Tokyo: `DATABASE_URL=... python -m bench.figures`.

A fresh database gets a year of day buckets of 181 priority procedures and of 28,000 others of 100 organisations, and
a thousand open cases for each priority procedure. Twice as many as these have an objective of their own. More
procedures than 28,000 are registered and have no application.
"""

import argparse
import asyncio
import os
import time
from dataclasses import dataclass
from datetime import UTC, date, datetime

import asyncpg
from prometheus_client import CollectorRegistry, generate_latest

from bench.store import database_on
from qos_domain.calendar import Calendar
from qos_metrics.gauges import Gauges
from qos_metrics.postgres import PostgresStore
from qos_metrics.postgres_gauges import PostgresGauges
from qos_processing.migrate import migrate
from qos_runtime.postgres import create_pool

NOW = datetime(2027, 3, 31, 3, 0, tzinfo=UTC)
TODAY = date(2027, 3, 31)
PRIORITY = 181
USED = 28_000
ORGANISATIONS = 100

_PROCEDURES = """
    INSERT INTO procedures (
        generation, procedure_id, partition, organisation_id, organisation_name_ja, organisation_kind, name_ja, version,
        effective_from, retired, priority
    )
    SELECT 1, 'procedure-' || n, 0, 'organisation-' || n % $3::int, '組織', 'bureau', '手続',
        jsonb_build_object(
            'objective', CASE WHEN n <= 2 * $2::int THEN 0.9 + (n % 5) / 50.0 ELSE 0.95 END,
            'legal_basis', repeat('道路法', 60)
        ),
        '2020-04-01', false, n <= $2::int
    FROM generate_series(1, $1::int) AS n
"""
# Of the measures that are read and of twice as many rows that are not: what the scan has to pass over.
_BUCKETS = """
    INSERT INTO day_buckets (generation, procedure_id, organisation_id, date, channel, online, measure, bin, value)
    SELECT 1, 'procedure-' || n, 'organisation-' || n % $3::int, d, c.channel, c.channel = 'online', m.measure, m.bin,
        10 + (n + m.bin) % 7
    FROM generate_series(1, $1::int) AS n
    CROSS JOIN generate_series(
        $4::date - 364, $4::date, make_interval(days => CASE WHEN n <= $2::int THEN 1 ELSE 45 END)
    ) AS d
    CROSS JOIN (VALUES ('online'), ('counter'), ('mail')) AS c (channel)
    CROSS JOIN (
        SELECT measure, 0 AS bin
        FROM unnest(ARRAY['arrived', 'met', 'breached', 'ended', 'decided', 'notified']) AS measure
        UNION ALL SELECT 'calendar_days', 2 * bin FROM generate_series(1, 10) AS bin
        UNION ALL SELECT 'elapsed_business_days', bin FROM generate_series(1, 10) AS bin
        UNION ALL SELECT 'stage_review_days', bin FROM generate_series(1, 10) AS bin
        UNION ALL SELECT 'payments', bin FROM generate_series(0, 1) AS bin
        UNION ALL SELECT 'rating', bin FROM generate_series(3, 5) AS bin
    ) AS m
    WHERE n <= $2::int OR (c.channel = 'mail' AND m.bin <= 4)
"""
_TOTALS = """
    INSERT INTO scope_buckets (generation, everything, organisation_id, date, channel, online, measure, bin, value)
    SELECT 1, grouping(organisation_id) = 1, coalesce(organisation_id, ''), date, channel, online, measure, bin,
        sum(value)
    FROM day_buckets
    GROUP BY date, channel, online, measure, bin, GROUPING SETS ((organisation_id), ())
"""
_CASES = """
    INSERT INTO cases (
        generation, procedure_id, application_id, partition, facts, contributions, status, reference_date,
        organisation_id, channel, online, arrival_date, breach_date, due_date, due_soon_date
    )
    SELECT 1, 'procedure-' || n, 'A-' || number, 0, repeat('{"fact": 1}', 60), '[]', 'open', $3::date - number % 30,
        'organisation-' || n % $2::int, 'online', true, $3::date - number % 30, $3::date + number % 20 - 3,
        $3::date + number % 20 - 4, $3::date + number % 20 - 6
    FROM generate_series(1, $1::int) AS n CROSS JOIN generate_series(1, 1000) AS number
"""
_LEVELS = """
    INSERT INTO levels (procedure_id, partition, revision, assessed_at, as_of, digest, live, settled, settled_on)
    SELECT 'procedure-' || n, 0, 1, now(), $2::date, '', jsonb_build_object('principles', live), settled, $2::date
    FROM generate_series(1, $1::int) AS n,
        (SELECT jsonb_object_agg(principle, '{
            "declared": {"level": 2, "possible_level": 2}, "evidenced": {"level": 1, "possible_level": 3},
            "contradictions": []
        }'::jsonb) AS live FROM unnest(ARRAY['faster', 'simpler', 'easier']) AS principle) AS l,
        (SELECT jsonb_build_object('as_of', $2::date, 'levels', jsonb_object_agg(principle, '{
            "declared": {"level": 2, "since": "2026-04-01"}, "evidenced": {"level": 1, "since": "2026-04-01"}
        }'::jsonb)) AS settled FROM unnest(ARRAY['faster', 'simpler', 'easier']) AS principle) AS s
"""


@dataclass(frozen=True, slots=True)
class Standing:
    """A clock that stands at NOW."""

    def now(self) -> datetime:
        return NOW


async def fill(database_url: str, procedures: int) -> None:
    connection = await asyncpg.connect(database_url)
    try:
        await connection.execute(_PROCEDURES, procedures, PRIORITY, ORGANISATIONS)
        await connection.execute(_BUCKETS, min(procedures, USED), PRIORITY, ORGANISATIONS, TODAY)
        await connection.execute(_TOTALS)
        await connection.execute(_CASES, PRIORITY, ORGANISATIONS, TODAY)
        await connection.execute(_LEVELS, PRIORITY, TODAY)
        await connection.execute("VACUUM ANALYZE")
        buckets = await connection.fetchval("SELECT count(*) FROM day_buckets")
        print(f"{procedures:,} procedures, {buckets:,} day buckets, {1000 * PRIORITY:,} open cases")
    finally:
        await connection.close()


async def run(database_url: str, procedures: int) -> None:
    await migrate(database_url)
    await fill(database_url, procedures)
    pool = await create_pool(database_url, application_name="bench-figures")
    gauges = Gauges(
        PostgresGauges(PostgresStore(pool)), clock=Standing(), calendar=Calendar.load(), every=5.0, limit=500
    )
    registry = CollectorRegistry()
    registry.register(gauges)
    for number in range(3):
        began, cpu = time.perf_counter(), time.process_time()
        await gauges.read()
        seconds, cpu = time.perf_counter() - began, time.process_time() - cpu
        print(f"  reading {number + 1}: {seconds:.2f} s, of which {cpu:.2f} s in this process")
    began = time.perf_counter()
    exposition = generate_latest(registry)
    seconds = time.perf_counter() - began
    series = sum(not line.startswith(b"#") for line in exposition.splitlines())
    print(f"  a scrape: {series:,} series, {len(exposition):,} bytes, {1000 * seconds:.0f} ms")
    await pool.close()


async def measure(server_url: str, procedures: int) -> None:
    async with database_on(server_url) as database_url:
        await run(database_url, procedures)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--procedures", type=int, default=USED, help=f"registered procedures (default: {USED:,})")
    asyncio.run(measure(os.environ["DATABASE_URL"], parser.parse_args().procedures))


if __name__ == "__main__":
    main()

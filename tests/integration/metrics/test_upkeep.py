"""What a verification found, and how far a rebuild is, is what Prometheus scrapes."""

import asyncpg
import pytest
from prometheus_client import CollectorRegistry

from qos_processing.verify.verification import Scope
from qos_runtime.settings import RuntimeSettings
from support.builders import happened, registered
from support.metrics import Serve
from support.verifying import verifier

pytestmark = pytest.mark.real

STORY = [registered(), happened("application.submitted", "2025-05-02", channel="online")]


async def test_the_last_verification_and_a_rebuild_under_way(serve: Serve, migrated: str) -> None:
    verified = verifier(RuntimeSettings(kafka_bootstrap_servers="unused.invalid:9092", database_url=migrated))
    connection = await asyncpg.connect(migrated)
    try:
        async with serve(STORY, now="2025-05-20 12:00") as api:
            registry = CollectorRegistry()
            registry.register(api.service.upkeep)
            await api.service.upkeep.read()
            assert registry.get_sample_value("qos_verify_timestamp_seconds") is None
            assert registry.get_sample_value("qos_rebuild_records", {"state": "total"}) is None

            await verified()
            await connection.execute("UPDATE cases SET channel = 'counter'")
            result = await verified(Scope(sample=10))
            await connection.execute(
                "INSERT INTO generations VALUES (2, 'building', 1);"
                "INSERT INTO rebuild_shares VALUES (2, 0, 0, 1000, 250), (2, 1, 0, 500, 500)"
            )
            await api.service.upkeep.read()
            of_cases = {"what": "cases"}
            assert registry.get_sample_value("qos_verify_checked", of_cases) == result.checked["cases"]
            assert registry.get_sample_value("qos_verify_mismatches", of_cases) == result.mismatch_counts["cases"] > 0
            assert registry.get_sample_value("qos_verify_mismatches", {"what": "buckets"}) == 0
            assert registry.get_sample_value("qos_verify_timestamp_seconds") == result.finished_at.timestamp()
            assert registry.get_sample_value("qos_rebuild_records", {"state": "read"}) == 750
            assert registry.get_sample_value("qos_rebuild_records", {"state": "total"}) == 1500
    finally:
        await connection.close()

"""What is told of a transaction; and that nothing of it depends on what the records' headers say."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from opentelemetry.trace import SpanKind
from prometheus_client import CollectorRegistry

from qos_domain.acceptance import encode_cloudevent
from qos_processing.ports import Batch, OffsetMismatch
from qos_processing.service import ProcessingService
from qos_processing.transactions import Transactions
from qos_runtime.postgres import create_pool
from qos_runtime.settings import RuntimeSettings
from support.builders import happened
from support.log import RULES, Log
from support.processing import Processing, replayed
from support.tracing import Recorded, attributes_of, context_of, sender

pytestmark = pytest.mark.real

STORY = [
    happened("application.submitted", "2025-05-02 23:50", channel="online"),
    happened("application.submitted", "2025-05-07", application="A-2", channel="counter"),
    happened("application.withdrawn", "2025-05-08", application="A-2"),
    happened("application.submitted", "2025-05-09", application="A-3", channel="mail"),
]
HEADERS = [sender(1), sender(2), b"\xff no span", None]


@pytest.fixture
def recorded() -> Recorded:
    return Recorded()


@asynccontextmanager
async def traced_service(p: Processing, database_url: str, recorded: Recorded) -> AsyncIterator[ProcessingService]:
    """A service as a worker with tracing has it."""
    settings = RuntimeSettings(kafka_bootstrap_servers="127.0.0.1:1", database_url=database_url)
    tracing = recorded.tracing(settings)
    pool = await create_pool(database_url, application_name="test", max_size=1, tracing=tracing)
    try:
        yield p.another_service(
            transactions=Transactions(pool, patience_seconds=5, registry=CollectorRegistry()), tracing=tracing
        )
    finally:
        await pool.close()


def batch_of(log: Log, headers: list[bytes | None]) -> Batch:
    """The story as one batch, each record with a traceparent of these."""
    for event, header in zip(STORY, headers, strict=True):
        key, value = event.data.procedure_id.encode(), encode_cloudevent(event, RULES)
        log.append_raw("applications", key, value, event.time, headers=(("traceparent", header),))
    [batch] = log.new()
    return batch


async def test_a_transaction_tells_of_its_senders_its_steps_and_its_queries(
    p: Processing, database_url: str, recorded: Recorded
) -> None:
    async with traced_service(p, database_url, recorded) as service:
        batch = batch_of(p.log, HEADERS)
        await service.process(batch)
    transaction = recorded.only("process applications")
    assert transaction.kind is SpanKind.CONSUMER
    assert [link.context.span_id for link in transaction.links] == [1, 2]
    told = attributes_of(transaction)
    assert told["qos.offsets"] == (f"applications-{batch.partition} 0..3",)
    assert (told["messaging.batch.message_count"], told["qos.events.dead_letters"]) == (4, 0)
    parts = [span.name for span in recorded.spans if span.parent == context_of(transaction)]
    assert parts[:2] == ["accept", "BEGIN"]
    assert parts[-1] == "COMMIT"
    assert parts.index("SELECT cases") < parts.index("fold") < parts.index("INSERT cases")


async def test_what_is_stored_does_not_depend_on_headers(p: Processing, database_url: str, recorded: Recorded) -> None:
    async with traced_service(p, database_url, recorded) as service:
        await service.process(batch_of(p.log, HEADERS))
    traced = await p.everything()
    assert await p.buckets() == replayed(STORY, p.calendar).buckets()
    await p.forget_everything()
    await p.another_service().process(batch_of(Log(p.log.partitions), [None] * len(STORY)))
    assert await p.everything() == traced
    assert await p.pool.fetchval("SELECT count(*) FROM dead_letters") == 0


async def test_a_transaction_that_is_refused_is_told_as_failed(
    p: Processing, database_url: str, recorded: Recorded
) -> None:
    async with traced_service(p, database_url, recorded) as service:
        batch = batch_of(p.log, HEADERS)
        await service.process(batch)
        with pytest.raises(OffsetMismatch):
            await service.process(batch)
    refused = [span for span in recorded.spans if span.name == "process applications"][1]
    assert not refused.status.is_ok
    assert attributes_of(refused)["error.type"] == "OffsetMismatch"
    assert not refused.events
    assert recorded.names[-2:] == ["ROLLBACK", "process applications"]


async def test_a_query_of_no_traced_work_leaves_no_span(database_url: str, recorded: Recorded) -> None:
    """The leader asks the database every second, whether or not there is anything to do."""
    tracing = recorded.tracing()
    pool = await create_pool(database_url, application_name="test", max_size=1, tracing=tracing)
    try:
        assert await pool.fetchval("SELECT 1") == 1
        assert recorded.names == []
        with tracing.step("sweep"):
            assert await pool.fetchval("SELECT 2") == 2
    finally:
        await pool.close()
    assert recorded.names == ["SELECT", "sweep"]

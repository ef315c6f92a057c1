"""The database goes away at the worst moments: nothing is lost, nothing is applied twice."""

import asyncio
from collections.abc import Awaitable, Callable

import asyncpg
import pytest
from asyncpg.transaction import Transaction
from prometheus_client import CollectorRegistry

from qos_domain.errors import TransientFailure
from qos_processing.ports import Batch, OffsetMismatch
from qos_processing.transactions import Connection, Transactions
from qos_runtime.postgres import DatabaseError, create_pool
from support.builders import happened, registered
from support.eventually import eventually
from support.processing import Processing, replayed

pytestmark = pytest.mark.real

STORY = [registered(), happened("application.submitted", "2025-05-02", channel="online")]
Commit = Callable[[Transaction], Awaitable[None]]


async def batches(p: Processing) -> tuple[Batch, Batch]:
    p.log.append(*STORY)
    found = {batch.topic: batch for batch in p.log.new()}
    return found["procedures"], found["applications"]


def fail_once(monkeypatch: pytest.MonkeyPatch, commit: Callable[[Commit, Transaction], Awaitable[None]]) -> None:
    """Let the next COMMIT be `commit(the real one, the transaction)`."""
    real = Transaction.commit

    async def once(self: Transaction) -> None:
        monkeypatch.setattr(Transaction, "commit", real)
        await commit(real, self)

    monkeypatch.setattr(Transaction, "commit", once)


async def test_a_commit_whose_answer_is_lost_is_not_repeated(p: Processing, monkeypatch: pytest.MonkeyPatch) -> None:
    procedures, applications = await batches(p)
    await p.service.process(procedures)

    async def commit_and_lose_the_answer(real: Commit, transaction: Transaction) -> None:
        await real(transaction)
        raise ConnectionResetError

    fail_once(monkeypatch, commit_and_lose_the_answer)
    await p.service.process(applications)
    assert await p.buckets() == replayed(STORY, p.calendar).buckets()
    assert await p.service.start_offset("applications", applications.partition) == 1


async def test_a_commit_that_never_arrived_is_repeated(p: Processing, monkeypatch: pytest.MonkeyPatch) -> None:
    procedures, applications = await batches(p)

    async def lose_the_connection(_: Commit, transaction: Transaction) -> None:
        transaction._connection.terminate()
        raise ConnectionResetError

    for batch in (procedures, applications):
        fail_once(monkeypatch, lose_the_connection)
        await p.service.process(batch)
    assert await p.buckets() == replayed(STORY, p.calendar).buckets()


async def test_a_lost_answer_and_another_worker_that_went_on(p: Processing, monkeypatch: pytest.MonkeyPatch) -> None:
    """When we look again the offset is past ours: it isn't ours to say what happened."""
    procedures, applications = await batches(p)
    await p.service.process(procedures)

    async def another_goes_on(real: Commit, transaction: Transaction) -> None:
        await real(transaction)
        p.log.append(happened("application.fee_paid", "2025-05-03", payment_id="x", method="card", amount_yen=1))
        for batch in p.log.new():
            await p.another_service().process(batch)
        raise ConnectionResetError

    fail_once(monkeypatch, another_goes_on)
    with pytest.raises(OffsetMismatch):
        await p.service.process(applications)
    assert await p.service.start_offset("applications", applications.partition) == 2


async def test_a_worker_that_is_cut_off_in_the_middle(p: Processing) -> None:
    procedures, applications = await batches(p)
    await p.service.process(procedures)
    async with p.pool.acquire() as holder, holder.transaction():
        await holder.execute("SELECT FROM partition_state FOR UPDATE")
        applying = asyncio.ensure_future(p.service.process(applications))
        await eventually(lambda: _waiting_for_a_lock(p))
        await holder.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            " WHERE wait_event_type = 'Lock' AND datname = current_database()"
        )
    await applying
    assert await p.buckets() == replayed(STORY, p.calendar).buckets()


async def test_a_session_that_is_ended_between_two_queries(p: Processing) -> None:
    """What asyncpg makes of it depends on how far the news has come when the next query is sent: also an internal
    error. Two hundred transactions, each ended once before its COMMIT, count once."""
    await p.pool.execute("CREATE TABLE counted (n int PRIMARY KEY)")
    async with p.pool.acquire() as executioner:
        for n in range(200):
            attempts = []

            async def work(connection: Connection, doubtful: bool, n: int = n, attempts: list[bool] = attempts) -> None:
                attempts.append(doubtful)
                if doubtful and await connection.fetchval("SELECT 1 FROM counted WHERE n = $1", n):
                    return
                await connection.execute("INSERT INTO counted VALUES ($1)", n)
                if len(attempts) == 1:
                    await executioner.execute("SELECT pg_terminate_backend($1)", connection.get_server_pid())

            await p.transactions.run(work)
            assert len(attempts) == 2
        assert await executioner.fetchval("SELECT count(*) FROM counted") == 200


async def test_a_zombie_does_not_keep_the_lock(p: Processing, database_url: str) -> None:
    """A worker that stopped living inside its transaction is put out, and the next one goes on."""
    procedures, _ = await batches(p)
    pool = await create_pool(database_url, application_name="zombie", max_size=1, idle_in_transaction_seconds=1)
    zombie = await pool.acquire()
    await p.service.process(procedures)
    transaction = zombie.transaction()
    await transaction.start()
    await zombie.execute("SELECT FROM partition_state FOR UPDATE")
    p.log.append(registered())
    async with asyncio.timeout(10):
        for batch in p.log.new():
            await p.another_service().process(batch)
    with pytest.raises(DatabaseError):
        await transaction.commit()
    pool.terminate()


async def test_a_start_offset_is_not_waited_for_too_long(p: Processing) -> None:
    procedures, applications = await batches(p)
    await p.service.process(procedures)
    service = p.another_service()
    service._start_offset_seconds = 0.2
    async with p.pool.acquire() as holder, holder.transaction():
        await holder.execute("SELECT FROM partition_state FOR UPDATE")
        with pytest.raises(TransientFailure):
            await service.start_offset("applications", applications.partition)
    assert await service.start_offset("applications", applications.partition) == 0


async def test_a_database_that_stays_away(free_port: int) -> None:
    url = f"postgresql://nobody@127.0.0.1:{free_port}/nothing"
    pool = await create_pool(url, application_name="test", min_size=0)
    attempts = []

    async def work(_connection: Connection, _doubtful: bool) -> None:
        attempts.append(True)

    with pytest.raises(TransientFailure, match="PostgreSQL is away"):
        await Transactions(pool, patience_seconds=0.2, registry=CollectorRegistry()).run(work)
    assert attempts == []
    pool.terminate()


async def test_a_statement_that_is_wrong_is_not_tried_again(p: Processing) -> None:
    attempts = []

    async def work(connection: Connection, _doubtful: bool) -> None:
        attempts.append(True)
        await connection.execute("SELECT nonsense")

    with pytest.raises(asyncpg.UndefinedColumnError):
        await p.transactions.run(work)
    assert len(attempts) == 1


async def _waiting_for_a_lock(p: Processing) -> int:
    count: int = await p.pool.fetchval(
        "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()"
    )
    return count

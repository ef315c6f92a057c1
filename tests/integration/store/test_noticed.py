"""What is noticed is counted once it is committed, and once: delivered twice, rolled back or left unanswered."""

import asyncio
from collections.abc import Awaitable, Callable

import pytest
from asyncpg.transaction import Transaction
from prometheus_client import CollectorRegistry

from qos_domain.events import Event
from qos_processing.counters import Counters
from qos_processing.outbox_depth import OutboxDepth
from qos_processing.ports import Batch, OffsetMismatch
from support.builders import happened, registered, tokyo
from support.processing import Processing

pytestmark = pytest.mark.real

BUREAU = ("organisation", "construction")
PERMIT = ("procedure", "road-occupation")
# Five business days from 2 May, with Golden Week between: due on 13 May, breached on the 14th.
ARRIVED = happened("application.submitted", "2025-05-02 23:50", channel="online")
IN_TIME = happened("notification.sent", "2025-05-13 16:00", channel="mail")
LATE = happened("notification.sent", "2025-05-15 10:00", channel="mail")
Counts = dict[tuple[str, ...], float]


def noticed(registry: CollectorRegistry) -> Counts:
    """The counter by (scope, id, result), with `backfill` after it where it is."""
    return {
        (labels["scope"], labels["id"], labels["result"], *(["backfill"] if labels["backfill"] == "yes" else [])): value
        for family in registry.collect()
        if family.name == "qos_sla_results"
        for sample in family.samples
        if sample.name.endswith("_total")
        for labels, value in [(sample.labels, sample.value)]
    }


def value(p: Processing, name: str, **labels: str) -> float:
    found = p.registry.get_sample_value(name, labels)
    assert found is not None, (name, labels)
    return found


async def received(p: Processing, at: str, *events: Event) -> None:
    p.clock.at = tokyo(at)
    await p.receive(*events, at=p.clock.at)


async def retracted(p: Processing) -> list[tuple[str, str, str, int]]:
    rows = await p.pool.fetch("SELECT procedure_id, organisation_id, date::text, breaches FROM retracted_breaches")
    return [tuple(row) for row in rows]


async def test_a_case_within_its_period(p: Processing) -> None:
    await received(p, "2025-05-02 23:51", registered(), ARRIVED)
    assert noticed(p.registry) == {}
    await received(p, "2025-05-13 16:01", IN_TIME)
    assert noticed(p.registry) == {(*BUREAU, "met"): 1}
    # What comes later about the case is no new result.
    await received(p, "2025-05-14 09:00", happened("feedback.submitted", "2025-05-14", rating=5, channel="online"))
    assert noticed(p.registry) == {(*BUREAU, "met"): 1}


async def test_a_breach_counts_when_it_is_announced_and_its_end_with_the_batch(p: Processing) -> None:
    await received(p, "2025-05-02 23:51", registered(), ARRIVED)
    p.clock.at = tokyo("2025-05-14 00:00")
    await p.sweep.sweep()
    assert noticed(p.registry) == {(*BUREAU, "breached"): 1}
    await received(p, "2025-05-15 10:01", LATE)
    assert noticed(p.registry) == {(*BUREAU, "breached"): 1, (*BUREAU, "recovered"): 1}
    await p.sweep.sweep()
    assert noticed(p.registry) == {(*BUREAU, "breached"): 1, (*BUREAU, "recovered"): 1}


async def test_a_breach_taken_back_is_counted_and_kept(p: Processing) -> None:
    """The result of the 13th is reported on the 19th; nothing but the retraction tells of the breach any more."""
    await received(p, "2025-05-02 23:51", registered(priority=True), ARRIVED)
    p.clock.at = tokyo("2025-05-14 00:00")
    await p.sweep.sweep()
    await received(p, "2025-05-19 09:00", IN_TIME)
    assert await retracted(p) == []
    await p.sweep.sweep()
    await p.sweep.sweep()
    assert noticed(p.registry) == {(*PERMIT, "breached"): 1, (*PERMIT, "met"): 1, (*PERMIT, "retracted"): 1}
    assert await retracted(p) == [("road-occupation", "construction", "2025-05-19", 1)]


async def test_retractions_of_a_day_add_up_and_a_void_case_counts_with_the_owner(p: Processing) -> None:
    """A-1 was reported late, of A-2 no fact is left: both breaches are taken back on 20 May, one more on the 21st."""

    def submitted(application: str, **more: str) -> Event:
        return happened("application.submitted", "2025-05-02", application=application, channel="mail", **more)

    mistaken = submitted("A-2", id="mistaken", corrects="void")
    await received(p, "2025-05-02 23:51", registered(), ARRIVED, mistaken, submitted("A-3"))
    p.clock.at = tokyo("2025-05-14 00:00")
    await p.sweep.sweep()
    await received(p, "2025-05-20 09:00", IN_TIME, submitted("A-2", id="void", corrects="mistaken"))
    assert (await p.case("A-2"))["status"] == "void"
    await p.sweep.sweep()
    assert await retracted(p) == [("road-occupation", "construction", "2025-05-20", 2)]
    in_time = happened("notification.sent", "2025-05-12", application="A-3", channel="mail")
    await received(p, "2025-05-21 09:00", in_time)
    await p.sweep.sweep()
    assert sorted(await retracted(p)) == [
        ("road-occupation", "construction", "2025-05-20", 2),
        ("road-occupation", "construction", "2025-05-21", 1),
    ]
    assert noticed(p.registry)[(*BUREAU, "retracted")] == 3


async def test_four_sweeps_at_once_count_each_breach_once(p: Processing) -> None:
    cases = [
        happened("application.submitted", "2025-05-02", application=f"A-{number}", channel="online")
        for number in range(20)
    ]
    await received(p, "2025-05-02 12:01", registered(), *cases)
    p.clock.at = tokyo("2025-05-14")
    await asyncio.gather(*(p.another_sweep().sweep() for _ in range(4)))
    assert noticed(p.registry) == {(*BUREAU, "breached"): 20}


async def test_an_old_log_counts_as_backfill(p: Processing) -> None:
    """Read on 20 June: a result of May is no news; one of the day before is."""
    yesterday = [
        happened("application.submitted", "2025-06-17", application="A-2", channel="mail"),
        happened("notification.sent", "2025-06-19", application="A-2", channel="mail"),
    ]
    await received(p, "2025-06-20 12:00", registered(), ARRIVED, LATE, *yesterday)
    await p.sweep.sweep()
    assert noticed(p.registry) == {
        (*BUREAU, "recovered", "backfill"): 1,
        (*BUREAU, "met"): 1,
        (*BUREAU, "breached", "backfill"): 1,
    }


async def test_a_procedure_registered_at_last_counts_what_its_judgement_finds(p: Processing) -> None:
    await received(p, "2025-05-13 16:01", ARRIVED, IN_TIME)
    assert noticed(p.registry) == {}
    await received(p, "2025-05-14 09:00", registered(priority=True))
    assert noticed(p.registry) == {(*PERMIT, "met"): 1}
    # Judged anew by a version that changes nothing of the result, it isn't found again.
    await received(p, "2025-05-15 09:00", registered("2020-04-02", type="procedure.updated", priority=True))
    assert noticed(p.registry) == {(*PERMIT, "met"): 1}


async def batch_with_the_result(p: Processing) -> Batch:
    await received(p, "2025-05-02 23:51", registered(), ARRIVED)
    p.clock.at = tokyo("2025-05-13 16:01")
    p.log.append(IN_TIME, at=p.clock.at)
    (batch,) = p.log.new()
    return batch


async def test_a_batch_delivered_again_counts_nothing(p: Processing) -> None:
    batch = await batch_with_the_result(p)
    await p.service.process(batch)
    for _ in range(2):
        with pytest.raises(OffsetMismatch):
            await p.service.process(batch)
    # Sent twice, it is another record and the same fact.
    p.log.append(IN_TIME, at=p.clock.at)
    await p.catch_up()
    assert noticed(p.registry) == {(*BUREAU, "met"): 1}


async def test_two_workers_with_the_same_batch_count_it_once(p: Processing) -> None:
    batch, other = await batch_with_the_result(p), CollectorRegistry()
    workers = (p.service, p.another_service(Counters(other)))
    done = await asyncio.gather(*(each.process(batch) for each in workers), return_exceptions=True)
    assert sorted(type(each).__name__ for each in done) == ["NoneType", "OffsetMismatch"]
    assert sorted([noticed(p.registry), noticed(other)], key=len) == [{}, {(*BUREAU, "met"): 1}]


Commit = Callable[[Transaction], Awaitable[None]]


def fail_once(monkeypatch: pytest.MonkeyPatch, commit: Callable[[Commit, Transaction], Awaitable[None]]) -> None:
    """Let the next COMMIT be `commit(the real one, the transaction)`."""
    real = Transaction.commit

    async def once(self: Transaction) -> None:
        monkeypatch.setattr(Transaction, "commit", real)
        await commit(real, self)

    monkeypatch.setattr(Transaction, "commit", once)


async def test_a_transaction_that_is_rolled_back_counts_nothing_until_it_is_done(
    p: Processing, monkeypatch: pytest.MonkeyPatch
) -> None:
    batch = await batch_with_the_result(p)

    async def roll_back(_: Commit, transaction: Transaction) -> None:
        await transaction.rollback()
        assert noticed(p.registry) == {}
        raise ConnectionResetError

    fail_once(monkeypatch, roll_back)
    await p.service.process(batch)
    assert noticed(p.registry) == {(*BUREAU, "met"): 1}
    assert value(p, "qos_processing_retries_total", error="ConnectionResetError") == 1


async def test_a_commit_whose_answer_is_lost_is_counted(p: Processing, monkeypatch: pytest.MonkeyPatch) -> None:
    batch = await batch_with_the_result(p)

    async def commit_and_lose_the_answer(real: Commit, transaction: Transaction) -> None:
        await real(transaction)
        raise ConnectionResetError

    fail_once(monkeypatch, commit_and_lose_the_answer)
    await p.service.process(batch)
    assert noticed(p.registry) == {(*BUREAU, "met"): 1}
    assert p.outcomes("notifications")["folded"] == 1


async def test_a_sweep_that_is_rolled_back_announces_and_counts_nothing(
    p: Processing, monkeypatch: pytest.MonkeyPatch
) -> None:
    await received(p, "2025-05-02 23:51", registered(), ARRIVED)
    p.clock.at = tokyo("2025-05-14 00:00")
    await p.sweep.sweep()
    await received(p, "2025-05-19 09:00", IN_TIME)

    async def roll_back(_: Commit, transaction: Transaction) -> None:
        await transaction.rollback()
        raise RuntimeError("the process ends here")

    monkeypatch.setattr(Transaction, "commit", lambda self: roll_back(Transaction.commit, self))
    with pytest.raises(RuntimeError):
        await p.sweep.sweep()
    monkeypatch.undo()
    assert await retracted(p) == []
    assert (*BUREAU, "retracted") not in noticed(p.registry)
    await p.sweep.sweep()
    assert await retracted(p) == [("road-occupation", "construction", "2025-05-19", 1)]
    assert noticed(p.registry)[(*BUREAU, "retracted")] == 1


async def test_dead_letters_by_reason(p: Processing) -> None:
    assert value(p, "qos_dead_letters_total", topic="reviews", reason="unknown_field") == 0
    at = tokyo("2025-05-02")
    for bad in (b"{", b"[]", None):
        p.log.append_raw("applications", b"road-occupation", bad, at)
    await p.catch_up()
    assert value(p, "qos_dead_letters_total", topic="applications", reason="malformed_json") == 1
    assert value(p, "qos_dead_letters_total", topic="applications", reason="invalid_field") == 1
    assert value(p, "qos_dead_letters_total", topic="applications", reason="tombstone") == 1


async def test_the_age_of_the_outbox(p: Processing) -> None:
    """Two announcements of midnight wait; at ten past, one of them is ten minutes old; then all is sent."""
    depth = OutboxDepth(p.transactions, clock=p.clock, registry=p.registry)
    await depth.measure()
    assert value(p, "qos_outbox_oldest_seconds") == 0
    await received(p, "2025-05-02 23:51", registered(), ARRIVED)
    p.clock.at = tokyo("2025-05-14 00:00")
    await p.sweep.sweep()
    p.clock.at = tokyo("2025-05-14 00:10")
    await depth.measure()
    assert value(p, "qos_outbox_pending", topic="sla-events") == 1
    assert value(p, "qos_outbox_pending", topic="dead-letters") == 0
    assert value(p, "qos_outbox_oldest_seconds") == 600
    await p.pool.execute("DELETE FROM outbox")
    await depth.measure()
    assert value(p, "qos_outbox_pending", topic="sla-events") == 0
    assert value(p, "qos_outbox_oldest_seconds") == 0

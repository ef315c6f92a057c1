"""Random events, in batches of random sizes, by workers that cached different things, come to what replay says."""

import asyncio
from random import Random

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from qos_domain.events import Event
from qos_domain.replay import Replay
from qos_processing.ports import Batch
from qos_processing.service import ProcessingService
from support.events_strategies import streams
from support.log import Log
from support.processing import Processing, processing, replayed, scope_sums

pytestmark = pytest.mark.real


@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)
@given(events=streams, seed=st.integers(0, 2**32))
def test_random_events_in_random_batches(database_url: str, events: list[Event], seed: int) -> None:
    asyncio.run(_check(database_url, events, Random(seed)))  # noqa: S311 - hypothesis chooses the seed


async def _check(database_url: str, events: list[Event], random: Random) -> None:
    async with processing(database_url, now="2025-07-01 12:00") as p:
        await p.forget_everything()
        await _apply(p, events, random)
        replay = replayed(events, p.calendar)
        assert await p.buckets() == replay.buckets()
        assert await p.scope_buckets() == scope_sums(replay.buckets())
        await p.totals.take_in()
        assert await p.scope_buckets() == scope_sums(replay.buckets())
        assert await _cases(p) == _expected_cases(replay)


async def _apply(p: Processing, events: list[Event], random: Random) -> None:
    """Each batch by one of two workers; some are delivered again; the judging anew lags behind at random."""
    p.log = Log(p.log.partitions)
    p.log.append(*events, at=p.clock.now())
    services = [p.service, p.another_service()]
    waiting: dict[tuple[str, int], Batch] = {}
    for batch in p.log.new(4, random):
        if (batch.topic, batch.partition) in waiting or random.random() < 0.5:
            await _together(services, waiting, batch.partition, random)
        waiting[batch.topic, batch.partition] = batch
        if random.random() < 0.2:
            await p.totals.take_in()
        if random.random() < 0.3:
            await p.rejudging.rejudge_chunk(batch.partition)
    for partition in range(p.log.partitions):
        await _together(services, waiting, partition, random)
    for topic in ("applications", "feedback"):  # sent once more, by an emitter that saw no answer
        p.log.append(*(event for event in events if event.topic == topic), at=p.clock.now())
    for batch in p.log.new(4, random):
        await random.choice(services).process(batch)
    await p.rejudging.rejudge_all()


async def _together(
    services: list[ProcessingService], waiting: dict[tuple[str, int], Batch], partition: int, random: Random
) -> None:
    """Apply all that waits for a partition number in one transaction."""
    batches = [waiting.pop(position) for position in list(waiting) if position[1] == partition]
    if batches:
        random.shuffle(batches)
        await random.choice(services).process(*batches)


async def _cases(p: Processing) -> dict[tuple[str, str], tuple[object, ...]]:
    rows = await p.pool.fetch("SELECT * FROM cases WHERE status <> 'void'")
    return {
        (row["procedure_id"], row["application_id"]): (
            row["status"],
            row["reference_date"],
            row["organisation_id"],
            row["channel"],
            row["unit"],
            row["stop_date"],
            row["end_date"],
            row["due_date"],
            row["breach_date"],
            row["due_at"],
            row["due_soon_date"],
            row["due_soon_at"],
            tuple((span.lower, span.upper) for span in row["suspended"]),
            row["result"],
        )
        for row in rows
    }


def _expected_cases(replay: Replay) -> dict[tuple[str, str], tuple[object, ...]]:
    return {
        key: (
            case.status,
            case.reference_date,
            case.organisation_id,
            case.channel,
            case.unit,
            case.stop_date,
            case.end_date,
            case.due_date,
            case.breach_date,
            case.due_at,
            case.due_soon_date,
            case.due_soon_at,
            case.suspended,
            case.result,
        )
        for key, projection in replay.projections()
        for case in (projection.case,)
    }

"""Buckets of organisations and of all: what a reader adds up is exact at every moment, whoever takes changes in."""

import asyncio

import asyncpg
import pytest

from qos_processing.totals import Totals
from support.builders import happened, registered
from support.processing import Processing, replayed, scope_sums

pytestmark = pytest.mark.real

STORY = [
    registered(),
    happened("application.submitted", "2025-05-02", channel="online"),
    happened("application.submitted", "2025-05-02", application="A-2", channel="counter"),
    happened("notification.sent", "2025-05-09", channel="electronic"),
]


async def test_changes_wait_and_are_taken_in(p: Processing) -> None:
    await p.receive(*STORY)
    expected = scope_sums(replayed(STORY, p.calendar).buckets())
    waiting = await p.pool.fetchval("SELECT count(*) FROM scope_bucket_changes")
    assert waiting > 3
    assert await p.scope_buckets() == expected
    assert await p.totals.take_in() == waiting
    assert await p.pool.fetchval("SELECT count(*) FROM scope_bucket_changes") == 0
    assert await p.scope_buckets() == expected
    assert await p.totals.take_in() == 0


async def test_two_take_in_at_once_while_batches_arrive(p: Processing) -> None:
    totals = [Totals(p.transactions, chunk=5) for _ in range(2)]
    story = [registered()]
    for number in range(20):
        news = [
            happened("application.submitted", "2025-05-02", application=f"A-{number}-{n}", channel="online")
            for n in range(5)
        ]
        story += news
        await asyncio.gather(p.receive(*([*story[:1], *news] if not number else news)), *(t.take_in() for t in totals))
        assert await p.scope_buckets() == scope_sums(replayed(story, p.calendar).buckets())
    await totals[0].take_in()
    assert await p.pool.fetchval("SELECT count(*) FROM scope_bucket_changes") == 0
    assert await p.scope_buckets() == scope_sums(replayed(story, p.calendar).buckets())


async def test_a_reader_in_the_middle_sees_no_change_twice_or_never(p: Processing, database_url: str) -> None:
    """It reads what waits after it was taken in, in the snapshot from before."""
    await p.receive(*STORY)
    reader = await asyncpg.connect(database_url)
    try:
        async with reader.transaction(isolation="repeatable_read", readonly=True):
            sums = "SELECT coalesce(sum(value), 0)::bigint FROM scope_buckets WHERE everything AND measure = 'arrived'"
            waits = "SELECT coalesce(sum(value), 0)::bigint FROM scope_bucket_changes WHERE measure = 'arrived'"
            before = await reader.fetchval(sums)
            assert await p.totals.take_in()
            assert before + await reader.fetchval(waits) == 2
        assert (await reader.fetchval(sums), await reader.fetchval(waits)) == (2, 0)
    finally:
        await reader.close()


async def test_what_is_taken_back_leaves_nothing(p: Processing) -> None:
    """Applications are counted under another organisation, by a version dated back: no sum is left behind."""
    await p.receive(*STORY)
    await p.totals.take_in()
    moved = registered("2025-01-02", organisation="other", at="2025-05-10")
    await p.receive(moved)
    await p.totals.take_in()
    story = [*STORY, moved]
    assert await p.scope_buckets() == scope_sums(replayed(story, p.calendar).buckets())
    assert {row.organisation_id for everything, row in await p.scope_buckets() if not everything} == {"other"}

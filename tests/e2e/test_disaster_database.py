"""PostgreSQL is lost whole while the system runs, and comes back by the steps of docs/disaster.md, pasted as they are.

Afterwards every figure is what a fold of all events gives, those too that came while it was away; whoever reads what
goes out is told nothing twice, and no revision goes back.
"""

import asyncio
import json
from collections import Counter
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from itertools import pairwise
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit, urlunsplit

import asyncpg
import pytest
from aiokafka import AIOKafkaConsumer

from qos_domain.calendar import Calendar
from qos_domain.events import ApplicationSubmitted, Event
from qos_domain.replay import Replay
from qos_local.simulation.simulate import simulate
from qos_local.stack.postgres_binaries import account, programs
from qos_runtime.kafka import connection, producer
from qos_runtime.postgres import Pool, create_pool
from qos_runtime.settings import RuntimeSettings
from qos_runtime.topics import QOS_LEVELS, SLA_EVENTS
from support.city import send
from support.documents import DOCS, Terminal, commands, terminal
from support.eventually import eventually
from support.live_results import LiveResults, append
from support.lost import results
from support.services import running_service
from support.stack import environment_of
from support.system import System, running_system

pytestmark = [pytest.mark.real, pytest.mark.timeout(600)]

DISASTER = DOCS / "disaster.md"
TRAFFIC = "urn:traffic"
_LIVE = "generation = (SELECT generation FROM generations WHERE status = 'live')"
_WAITING = f"""
    SELECT (SELECT count(*) FROM outbox) + (SELECT count(*) FROM rejudgements WHERE {_LIVE})
        + (SELECT count(*) FROM cases WHERE {_LIVE} AND next_announcement_at <= now())
        + (SELECT count(*) FROM touched_procedures WHERE {_LIVE})
        + (SELECT count(*) FROM procedures WHERE {_LIVE}) - (SELECT count(*) FROM levels WHERE settled IS NOT NULL)
"""  # noqa: S608 - our own names


def test_a_database_that_was_lost_whole_comes_back(runtime_settings: RuntimeSettings, tmp_path: Path) -> None:
    environment = {**environment_of(runtime_settings), "PATH": str(programs(account()))}
    with (
        running_system(runtime_settings, tmp_path, sources=[TRAFFIC]) as system,
        terminal(environment, tmp_path) as shell,
    ):
        asyncio.run(story(runtime_settings, system, shell))


async def story(settings: RuntimeSettings, system: System, shell: Terminal) -> None:
    calendar = Calendar.load()
    simulation = simulate(seed=7, today=calendar.local_date(datetime.now(UTC)), cases=120, calendar=calendar)
    events = [*simulation.procedures, *simulation.events]
    permit = simulation.procedures[0].data.procedure_id
    meanwhile = [applied(permit, number) for number in range(20)]
    (worker,) = system.workers
    await append(settings, events)
    await poison(settings, permit)
    await settled(settings, len(events) + 1)
    shell.paste("qos publish")
    before = await settled(settings, len(events) + 1)
    heard = Counter(event["id"] for event in await messages(settings, SLA_EVENTS))
    assert before["letters"]
    assert len(before["publications"]) == 1
    assert len(heard) > 10

    await lose(settings)
    await eventually(lambda: worker.exit_code is not None, within=120)
    assert worker.exit_code == 1
    (crashed,) = worker.events("worker_crashed")
    assert "does not exist: make it" in crashed["error"]
    send(system, TRAFFIC, meanwhile[:10])

    preamble = commands(DISASTER, "# Disaster recovery")[0]
    empty, fill, verify = commands(DISASTER, "## PostgreSQL is lost")
    shell.paste(preamble)
    shell.paste(empty)
    await killed_in_the_middle(settings)
    worker.start_again()
    await eventually(lambda: worker.exit_code is not None, within=120)
    assert "let `qos recover` end" in worker.logs()
    send(system, TRAFFIC, meanwhile[10:])
    assert "is live" in shell.paste(fill, within=300)

    worker.start_again()
    events += meanwhile
    after = await settled(settings, len(events) + 1)
    assert "0 mismatches" in shell.paste(verify, within=300)
    await same_as_folded(settings, events)
    same_as_before(before, after, permit)
    # The applications of today are not due yet: there is no news.
    assert Counter(event["id"] for event in await messages(settings, SLA_EVENTS)) == heard
    await revisions_only_grow(settings)
    assert worker.stop() == 0


@asynccontextmanager
async def pool_of(settings: RuntimeSettings) -> AsyncIterator[Pool]:
    pool = await create_pool(settings.database_url, application_name="test", max_size=2)
    try:
        yield pool
    finally:
        await pool.close()


def applied(permit: str, number: int) -> Event:
    data = ApplicationSubmitted(procedure_id=permit, application_id=f"M-{number}", channel="online")
    return Event(source=TRAFFIC, id=f"meanwhile-{number}", time=datetime.now(UTC), data=data)


async def poison(settings: RuntimeSettings, permit: str) -> None:
    """One record that nobody can use."""
    sender = producer(settings, client_id="somebody-past-intake")
    await sender.start()
    try:
        await sender.send_and_wait(settings.topic("applications"), b"not an event", key=permit.encode())
    finally:
        await sender.stop()


async def settled(settings: RuntimeSettings, records: int) -> dict[str, list[tuple[Any, ...]]]:
    """What there is, when all is processed, announced, assessed and sent."""
    async with pool_of(settings) as pool:
        live = LiveResults(pool)

        async def done() -> bool:
            return await live.processed() == records and await pool.fetchval(_WAITING) == 0

        await eventually(done, within=240)
        return await results(pool)


async def lose(settings: RuntimeSettings) -> None:
    url = urlsplit(settings.database_url)
    server = await asyncpg.connect(urlunsplit(url._replace(path="/postgres")))
    try:
        await server.execute(f'DROP DATABASE "{url.path[1:]}" WITH (FORCE)')
    finally:
        await server.close()


async def killed_in_the_middle(settings: RuntimeSettings) -> None:
    """A recovery that has begun to load is killed; what it left is the next one's to clear away."""
    async with pool_of(settings) as pool:
        with running_service("qos_processing.recover", environment_of(settings)) as first:

            async def loading() -> bool:
                assert first.exit_code is None, first.logs()
                return bool(await pool.fetchval("SELECT count(*) FROM rebuild_shares"))

            await eventually(loading, within=120)
            first.kill()
        assert await LiveResults(pool).generations() == [(1, "old"), (2, "building")]


async def same_as_folded(settings: RuntimeSettings, events: list[Event]) -> None:
    replay = Replay(Calendar.load())
    replay.add_all(events)
    async with pool_of(settings) as pool:
        live = LiveResults(pool)
        assert await live.buckets() == replay.buckets()
        assert await live.cases() == {key: (one.case, one.contributions) for key, one in replay.projections()}


def same_as_before(
    before: Mapping[str, list[tuple[Any, ...]]], after: Mapping[str, list[tuple[Any, ...]]], permit: str
) -> None:
    """But for what came meanwhile, which is of one procedure."""
    assert [row for row in after["cases"] if not row[1].startswith("M-")] == before["cases"]
    for what in ("letters", "retracted", "publications", "statements"):
        assert after[what] == before[what]
    others = [[row for row in found["levels"] if row[0] != permit] for found in (before, after)]
    assert others[0] == others[1]


async def messages(settings: RuntimeSettings, topic: str) -> list[dict[str, Any]]:
    """All that a reader of the topic has been told, in its order."""
    consumer = AIOKafkaConsumer(
        settings.topic(topic),
        **connection(settings),
        group_id=None,
        auto_offset_reset="earliest",
        isolation_level="read_committed",
    )
    await consumer.start()
    told: list[dict[str, Any]] = []
    try:
        for tp, end in (await consumer.end_offsets(list(consumer.assignment()))).items():
            while await consumer.position(tp) < end:
                for records in (await consumer.getmany(tp, timeout_ms=500)).values():
                    told += [json.loads(record.value) for record in records]
    finally:
        await consumer.stop()
    return told


async def revisions_only_grow(settings: RuntimeSettings) -> None:
    revisions: dict[str, list[int]] = {}
    for event in await messages(settings, QOS_LEVELS):
        revisions.setdefault(event["data"]["procedure_id"], []).append(event["data"]["revision"])
    assert all(before < after for each in revisions.values() for before, after in pairwise(each))

"""A disk is restored from an older copy: two topic partitions lose their tail, and the results know more than the log.

One log ends before the stored offset; the other has grown past it again before anybody looked. Workers stop at both.
What the results know goes back into the log, what nobody had processed is sent again, and every figure is right.
"""

import asyncio
import shutil
from collections import Counter
from collections.abc import AsyncIterator, Mapping, Sequence
from datetime import UTC, date, datetime
from itertools import count
from pathlib import Path
from typing import NamedTuple

import asyncpg
import pytest

from qos_domain.calendar import Calendar
from qos_domain.events import ApplicationStarted, Event, ReviewStarted
from qos_domain.replay import Replay
from qos_local.simulation.simulate import simulate
from qos_local.stack.errors import StackFailed
from qos_local.stack.home import Home, cache_directory
from qos_local.stack.jars import ensure_jars
from qos_local.stack.kafka import KafkaNode
from qos_processing.log_shares import reading
from qos_processing.migrate import migrate
from qos_processing.restore_log.restoring import Request, restore
from qos_runtime.clock import SystemClock
from qos_runtime.kafka import admin_client, partition_of, producer
from qos_runtime.postgres import Pool, create_pool
from qos_runtime.settings import RuntimeSettings
from qos_runtime.topics import create_topics
from support.absent import absent
from support.backends import FAST, Embedded
from support.documents import DOCS, commands, terminal
from support.eventually import eventually
from support.live_results import LiveResults, append
from support.services import running_service
from support.stack import environment_of

pytestmark = pytest.mark.real

PARTITIONS = 2
TODAY = date(2026, 4, 1)


class Place(NamedTuple):
    """A topic partition, by the topic's base name."""

    topic: str
    partition: int

    def __str__(self) -> str:
        return f"{self.topic}-{self.partition}"


class Stack:
    """A broker and a database of this test's own; the broker's disk is copied and put back while it is down."""

    def __init__(self) -> None:
        self._embedded = Embedded()

    async def start(self) -> RuntimeSettings:
        addresses = await asyncio.to_thread(self._embedded._started)
        return RuntimeSettings(
            kafka_bootstrap_servers=addresses.kafka_bootstrap_servers,
            database_url=addresses.database_url,
            partitions=PARTITIONS,
            topic_prefix="t.",
        )

    async def stop_broker(self) -> None:
        await asyncio.to_thread(self._broker.stop)

    async def start_broker(self) -> None:
        jars = ensure_jars(cache_directory())
        await asyncio.to_thread(self._broker.start, jars, overrides=FAST.kafka)

    def copy(self, place: Place) -> None:
        shutil.copytree(self._log(place), self._home.root / "copies" / str(place))

    def put_back(self, place: Place) -> None:
        shutil.rmtree(self._log(place))
        shutil.copytree(self._home.root / "copies" / str(place), self._log(place))

    async def close(self) -> None:
        await asyncio.to_thread(self._embedded.close)

    def _log(self, place: Place) -> Path:
        return self._home.kafka_data / "log" / f"t.{place}"

    @property
    def _broker(self) -> KafkaNode:
        return KafkaNode(self._home, usual_port=None)

    @property
    def _home(self) -> Home:
        assert self._embedded._stack is not None
        return self._embedded._stack.home


@pytest.fixture
async def stack() -> AsyncIterator[Stack]:
    made = Stack()
    try:
        yield made
    finally:
        await made.close()


@pytest.mark.timeout(600)
async def test_the_tails_of_two_partitions_are_lost(stack: Stack, tmp_path: Path) -> None:
    settings = await started(stack)
    environment = {**environment_of(settings), "QOS_PROCESSING_PORT": "0"}
    await migrate(settings.database_url)
    async with admin_client(settings) as admin:
        await create_topics(admin, settings)
    simulation = simulate(seed=8, today=TODAY, cases=200, calendar=Calendar.load())
    events = [*simulation.procedures, *simulation.events]
    begin, until = len(events) // 3, len(events) - 50
    cut, overtaken = (Place(name, fullest(events[begin:until], name)) for name in ("applications", "reviews"))
    pool = await create_pool(settings.database_url, application_name="test", max_size=3)
    live = LiveResults(pool)
    look, put_back, verify = commands(DOCS / "disaster.md", "## The tail of a partition is lost")
    with terminal(environment, tmp_path) as shell:
        await append(settings, events[:begin])
        await processed(settings, pool, environment)
        await stack.stop_broker()
        stack.copy(cut)
        stack.copy(overtaken)

        await stack.start_broker()
        await append(settings, events[begin:until])
        await append(settings, events[begin : begin + 20])  # sent twice
        await append_unusable(settings, cut)
        await processed(settings, pool, environment)
        await append(settings, events[until:])  # lost before anybody has processed them
        await stack.stop_broker()
        stack.put_back(cut)
        stack.put_back(overtaken)

        await stack.start_broker()
        ends, stored = await ends_of(settings), await offsets(pool)
        lost = {place: stored[place] - ends[place] for place in (cut, overtaken)}
        new = [*openings(cut.partition, 5), *examinations(overtaken.partition, lost[overtaken] + 10)]
        assert lost[cut] > 50
        await append(settings, new)

        await stops(environment, f"the broker's log goes from 0 to {ends[cut] + 5}: the log lost records")
        told = shell.paste(look, within=200)
        assert (
            f"{cut}: the log goes on at offset {ends[cut]:,}, the results stand at {stored[cut]:,}: {lost[cut]:,}"
            in told
        )
        assert "1 records were refused" in told
        assert "Nothing was changed" in told
        assert await offsets(pool) == stored
        await killed_when_it_has_appended(environment, settings, cut)
        (finding,) = await restore(settings, Request([cut]), clock=SystemClock())
        assert (finding.events, finding.lost) == ([], lost[cut])
        assert await offsets(pool) == {**stored, cut: ends[cut]}

        await stops(environment, f"The record before offset {stored[overtaken]} of t.{overtaken} is not the one")
        told = shell.paste(put_back, within=200)
        assert f"{overtaken}: the log goes on at offset {ends[overtaken]:,}" in told
        assert str(cut) not in told

        await append(settings, events[until:])
        await processed(settings, pool, environment)
        replay = Replay(Calendar.load())
        replay.add_all([*events, *new])
        assert await live.buckets() == replay.buckets()
        assert await live.cases() == {key: (one.case, one.contributions) for key, one in replay.projections()}
        assert ", 0 mismatches" in shell.paste(verify, within=200)
    await pool.close()


async def started(stack: Stack) -> RuntimeSettings:
    try:
        return await stack.start()
    except StackFailed as failure:
        absent(str(failure))


def fullest(events: Sequence[Event], topic: str) -> int:
    """The partition in which most of the topic's events are."""
    of = Counter(partition_of(e.data.procedure_id.encode(), PARTITIONS) for e in events if e.topic == topic)
    return of.most_common(1)[0][0]


def openings(partition: int, count: int) -> list[Event]:
    name = procedure_in(partition)
    data = [ApplicationStarted(procedure_id=name, application_id=f"N-{n}", channel="online") for n in range(count)]
    return [Event(source="urn:new", id=f"o-{n}", time=datetime.now(UTC), data=each) for n, each in enumerate(data)]


def examinations(partition: int, count: int) -> list[Event]:
    name = procedure_in(partition)
    data = [ReviewStarted(procedure_id=name, application_id=f"N-{n}") for n in range(count)]
    return [Event(source="urn:new", id=f"e-{n}", time=datetime.now(UTC), data=each) for n, each in enumerate(data)]


def procedure_in(partition: int) -> str:
    return next(name for n in count() if partition_of((name := f"new-{n}").encode(), PARTITIONS) == partition)


async def append_unusable(settings: RuntimeSettings, place: Place) -> None:
    sender = producer(settings, client_id="test")
    await sender.start()
    try:
        await sender.send_and_wait(settings.topic(place.topic), b"no event", key=b"any", partition=place.partition)
    finally:
        await sender.stop()


async def ends_of(settings: RuntimeSettings) -> dict[Place, int]:
    async with reading(settings, client_id="test") as log:
        return {Place(*place): end for place, end in (await log.ends()).items()}


async def offsets(pool: Pool) -> dict[Place, int]:
    rows = await pool.fetch("SELECT topic, partition, next_offset FROM partition_offsets")
    return {Place(topic, partition): offset for topic, partition, offset in rows}


async def processed(settings: RuntimeSettings, pool: Pool, environment: Mapping[str, str]) -> None:
    """A worker works off all that is in the log, and ends."""
    ends = {place: end for place, end in (await ends_of(settings)).items() if end}

    async def done() -> bool:
        stored = await offsets(pool)
        waiting = await pool.fetchval("SELECT count(*) FROM rejudgements")
        return not waiting and all(stored.get(place) == end for place, end in ends.items())

    with running_service("qos_processing", environment) as worker:
        await eventually(done, within=100)
        assert worker.stop() == 0


async def stops(environment: Mapping[str, str], because: str) -> None:
    """A worker that is started ends at once, and says why and what to do."""
    with running_service("qos_processing", environment) as worker:
        assert await asyncio.to_thread(worker.wait_for_exit, within=60) == 1
        [event] = worker.events("worker_crashed")
    assert event["kind"] == "LogMismatch"
    assert because in event["error"]
    assert "`qos restore-log`" in event["error"]


async def killed_when_it_has_appended(environment: Mapping[str, str], settings: RuntimeSettings, place: Place) -> None:
    """Somebody holds the partition's lock, so that it comes as far as that and no further."""
    before = (await ends_of(settings))[place]

    async def appended() -> bool:
        return (await ends_of(settings))[place] > before

    holder = await asyncpg.connect(settings.database_url)
    try:
        async with holder.transaction():
            await holder.fetch("SELECT 1 FROM partition_state WHERE partition = $1 FOR UPDATE", place.partition)
            with running_service("qos_processing.restore_log", environment, arguments=(str(place),)) as restoring:
                await eventually(appended, within=60)
                restoring.kill()
    finally:
        await holder.close()

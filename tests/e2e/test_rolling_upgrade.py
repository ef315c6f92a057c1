"""The release before and the present program, side by side on one log and one database, there and back again.

The former release makes results. They are the same after the migrations, to the last row. Then two of its workers go on
while the database is migrated under them, one of the present program joins, they leave, and one comes back and takes
over; cases arrive all the time, and readers of the former release read. In the end every figure is the pure fold's.
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import ExitStack, asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit
from uuid import uuid4

import asyncpg
import httpx
import pytest

from qos_domain.calendar import Calendar
from qos_domain.events import ApplicationSubmitted, Event
from qos_domain.procedures import Period
from qos_domain.replay import Replay
from qos_local.simulation.simulate import simulate
from qos_processing.migrate import migrate
from qos_processing.verify.verification import Scope
from qos_runtime.kafka import admin_client, partition_of, producer
from qos_runtime.postgres import Pool, create_pool
from qos_runtime.settings import RuntimeSettings
from qos_runtime.topics import create_topics
from support.builders import registered
from support.eventually import eventually
from support.live_results import LiveResults, append
from support.releases import PRESENT, Program, last_release
from support.services import RunningService
from support.stack import environment_of
from support.stored import Columns, columns, stored
from support.traffic import Traffic, settled, sla_events
from support.verifying import verifier

pytestmark = pytest.mark.real

TODAY = date(2026, 4, 1)
PARTITIONS = 8
# One in each partition, so that every worker has something to do.
PERMITS = list({partition_of(name.encode(), PARTITIONS): name for name in (f"permit-{n}" for n in range(60))}.values())
# What these show passes with the time, or is about the tables themselves.
OF_THE_MOMENT = ("reporting.pipeline", "reporting.case_load")
READ_EVERY_SECONDS = 1.0
# Small batches, so that many transactions of both programs follow each other; the log names each.
WORKER = {"QOS_PROCESSING_PORT": "0", "QOS_PROCESSING_BATCH_RECORDS": "50", "QOS_LOG_LEVEL": "DEBUG"}


@pytest.mark.timeout(900)
async def test_an_upgrade_and_its_way_back_under_traffic(
    runtime_settings: RuntimeSettings, postgres: str, tmp_path: Path, free_port: int
) -> None:
    settings, environment = runtime_settings, {**environment_of(runtime_settings), **WORKER}
    assert (settings.partitions, len(PERMITS)) == (PARTITIONS, PARTITIONS)
    former = last_release(tmp_path)
    base = story()
    former.run("qos_processing.migrate", environment)
    async with admin_client(settings) as admin:
        await create_topics(admin, settings)
    of_former = await columns(settings.database_url)
    await results_of(former, settings, environment, base)
    await migrated_nothing_changes(settings, postgres, of_former)

    pool = await create_pool(settings.database_url, application_name="test", max_size=3)
    try:
        cases = Cases(settings, LiveResults(pool))
        traffic = Traffic(settings, cases.live, PERMITS, len(base) + 1)
        with workers(environment) as start, metrics_of(former, environment, free_port) as url:
            first, second = start(former), start(former)
            async with going_on(traffic), read_by(former_readers(settings, of_former, url)):
                await work(first, second)
                await migrate(settings.database_url)
                newer = start(PRESENT)
                await work(first, second, newer)
                for each in (first, second):
                    assert await asyncio.to_thread(each.stop) == 0
                    await work(newer)
                await cases.announced(traffic)
                third = start(former)
                await work(newer, third)
                assert await asyncio.to_thread(newer.stop) == 0
                await work(third)
                await cases.announced(traffic)
            await settled(pool, cases.live, traffic.before + len(traffic.events))
            assert third.stop() == 0
            assert [each.events("worker_crashed") for each in (first, second, newer, third)] == [[]] * 4
        await equals_the_fold(cases.live, [*base, *traffic.events, *cases.events])
        assert (await verifier(settings)(Scope(log=True))).clean
        assert await pool.fetchval("SELECT count(*) FROM dead_letters") == 1
        announced = await cases.live.announced()
        assert {(event.data.procedure_id, event.data.application_id) for event in cases.events} <= announced.keys()
        assert len(await sla_events(settings)) == sum(count for _, count in announced.values())
    finally:
        await pool.close()


def story() -> list[Event]:
    """The simulation's, and permits of one day."""
    simulation = simulate(seed=6, today=TODAY, cases=200, calendar=Calendar.load())
    permits = [registered(procedure=name, period=Period(unit="business_days", maximum=1)) for name in PERMITS]
    return [*simulation.procedures, *permits, *simulation.events]


async def results_of(
    program: Program, settings: RuntimeSettings, environment: dict[str, str], events: list[Event]
) -> None:
    """What one worker of the program makes of the events, and of a record that is none."""
    await append(settings, events)
    async with producer(settings, client_id="test") as sender:
        await sender.send_and_wait(settings.topic("reviews"), b"no event", b"permit-0")
    pool = await create_pool(settings.database_url, application_name="test", max_size=2)
    try:
        with program.running("qos_processing", environment) as worker:
            await settled(pool, LiveResults(pool), len(events) + 1)
            await eventually(lambda: assessed(pool), within=60)
            assert worker.stop() == 0
    finally:
        await pool.close()


async def assessed(pool: Pool) -> bool:
    return not await pool.fetchval("SELECT count(*) FROM touched_procedures")


async def migrated_nothing_changes(settings: RuntimeSettings, postgres: str, of_former: Columns) -> None:
    """A copy of the database holds the same after the migrations, in all columns that there were; and is right."""
    lasting = {name: names for name, names in of_former.items() if not name.startswith(OF_THE_MOMENT)}
    name = f"t_{uuid4().hex[:12]}"
    copy = urlunsplit(urlsplit(postgres)._replace(path=f"/{name}"))
    server = await asyncpg.connect(postgres)
    try:
        await server.execute(f'CREATE DATABASE "{name}" TEMPLATE "{urlsplit(settings.database_url).path[1:]}"')
        before = await stored(copy, lasting)
        assert len(before["public.cases"]) > 200
        assert len(before["public.levels"]) > len(PERMITS)
        assert len(before["reporting.daily_figures"]) > 200
        await migrate(copy)
        assert await stored(copy, lasting) == before
        assert (await verifier(settings.model_copy(update={"database_url": copy}))()).clean
    finally:
        await server.execute(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)')
        await server.close()


@dataclass
class Cases:
    """Cases that stay open: each is due soon, and somebody has to announce it."""

    settings: RuntimeSettings
    live: LiveResults
    events: list[Event] = field(default_factory=list)

    async def announced(self, traffic: Traffic) -> None:
        """Return when one more case has arrived, beside the traffic, and was announced."""
        name = f"open-{len(self.events)}"
        data = ApplicationSubmitted(procedure_id=PERMITS[0], application_id=name, channel="counter")
        self.events.append(Event(source="urn:counter", id=name, time=datetime.now(UTC), data=data))
        traffic.before += 1
        await append(self.settings, self.events[-1:])

        async def told() -> bool:
            return (PERMITS[0], name) in await self.live.announced()

        await eventually(told, within=240)


@contextmanager
def workers(environment: dict[str, str]) -> Iterator[Callable[[Program], RunningService]]:
    with ExitStack() as running:
        yield lambda program: running.enter_context(program.running("qos_processing", environment))


async def work(*workers: RunningService) -> None:
    """Return when each has committed batches since."""

    def committed() -> list[int]:
        return [worker.logs().count('"batches_committed"') for worker in workers]

    before = committed()
    await eventually(lambda: all(now > then for now, then in zip(committed(), before, strict=True)), within=240)


@contextmanager
def metrics_of(program: Program, environment: dict[str, str], port: int) -> Iterator[str]:
    url = f"http://127.0.0.1:{port}"
    own = {**environment, "QOS_LOG_LEVEL": "INFO", "QOS_METRICS_PORT": str(port), "QOS_METRICS_STAFF_OPEN": "true"}
    with program.running("qos_metrics", own, ready=f"{url}/health/ready"):
        yield url


async def former_readers(settings: RuntimeSettings, of_former: Columns, metrics_url: str) -> AsyncIterator[int]:
    """Reads the API of the former metrics service, and its views as its reports do; how many applications there are."""
    views = {name: names for name, names in of_former.items() if name.startswith("reporting.")}
    applications = of_former["reporting.daily_figures"].index("applications")
    async with httpx.AsyncClient(base_url=metrics_url, timeout=60) as http:
        while True:
            for path in ("/v1/indicators", f"/v1/procedures/{PERMITS[0]}/indicators", "/v1/quality-map", "/metrics"):
                answer = await http.get(path, params={"audience": "staff"} if path.startswith("/v1") else {})
                assert answer.status_code == 200, f"{path}: {answer.status_code} {answer.text}"
            found = await stored(settings.database_url, views)
            yield sum(row[applications] for row in found["reporting.daily_figures"])


@asynccontextmanager
async def read_by(readers: AsyncIterator[int]) -> AsyncIterator[None]:
    """All that was read while the block went on was there, and never became less."""
    seen: list[int] = []

    async def read() -> None:
        async for applications in readers:
            seen.append(applications)
            await asyncio.sleep(READ_EVERY_SECONDS)

    reading = asyncio.create_task(read())
    yield
    reading.cancel()
    await asyncio.wait([reading])
    assert reading.cancelled(), reading.exception()
    assert len(seen) > 3
    assert seen == sorted(seen)


@asynccontextmanager
async def going_on(traffic: Traffic) -> AsyncIterator[None]:
    running = asyncio.create_task(traffic.run())
    try:
        yield
    finally:
        traffic.stopping = True
        await running


async def equals_the_fold(live: LiveResults, events: list[Event]) -> None:
    replay = Replay(Calendar.load())
    replay.add_all(events)
    assert await live.buckets() == replay.buckets()
    assert await live.cases() == {key: (one.case, one.contributions) for key, one in replay.projections()}

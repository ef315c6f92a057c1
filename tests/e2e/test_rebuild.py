"""A rebuild while events arrive, a worker works and a reader reads: killed once, refused once, then done.

The reader never sees a figure go back or vanish, and in the end every figure is what a fold of all events gives.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import date
from itertools import pairwise

import pytest

from qos_domain.calendar import Calendar
from qos_domain.periods import Span
from qos_domain.replay import Replay
from qos_local.simulation.simulate import simulate
from qos_metrics.ports import Everything, OneProcedure, Part
from qos_metrics.postgres import PostgresStore
from qos_processing.migrate import migrate
from qos_processing.verify.verification import Scope
from qos_runtime.kafka import admin_client
from qos_runtime.postgres import Pool, create_pool
from qos_runtime.settings import RuntimeSettings
from qos_runtime.topics import create_topics
from support.eventually import EVERY_SECONDS, eventually
from support.live_results import LiveResults, append
from support.services import running_service
from support.stack import environment_of
from support.traffic import Traffic, settled, sla_events
from support.verifying import verifier

pytestmark = pytest.mark.real

TODAY = date(2026, 4, 1)
ARRIVED = Part(Span(date(2020, 1, 1), date(2100, 1, 1)), ("arrived",))


@dataclass
class Reader:
    """Reads all the time what the metrics service reads: the live generation, and applications of all and of one."""

    settings: RuntimeSettings
    procedure_id: str
    seen: list[tuple[int, int, int]] = field(default_factory=list)
    stopping: bool = False

    async def run(self) -> None:
        pool = await create_pool(self.settings.database_url, application_name="reader", max_size=1)
        try:
            store = PostgresStore(pool)
            while not self.stopping:
                async with store.snapshot() as snapshot:
                    day = ARRIVED.span.end
                    (every,) = await snapshot.sums(Everything(), day, [ARRIVED])
                    (one,) = await snapshot.sums(OneProcedure(self.procedure_id), day, [ARRIVED])
                    self.seen.append((snapshot._generation, sum(every.values()), sum(one.values())))
                await asyncio.sleep(EVERY_SECONDS)
        finally:
            await pool.close()


@asynccontextmanager
async def going_on(*parts: Traffic | Reader) -> AsyncIterator[None]:
    tasks = [asyncio.create_task(part.run()) for part in parts]
    try:
        yield
    finally:
        for part in parts:
            part.stopping = True
        await asyncio.gather(*tasks)


@pytest.mark.timeout(400)
async def test_nobody_notices_but_the_operator(runtime_settings: RuntimeSettings) -> None:
    settings = runtime_settings
    simulation = simulate(seed=5, today=TODAY, cases=300, calendar=Calendar.load())
    base = [*simulation.procedures, *simulation.events]
    procedure_ids = sorted({event.data.procedure_id for event in simulation.procedures})
    await migrate(settings.database_url)
    async with admin_client(settings) as admin:
        await create_topics(admin, settings)
    await append(settings, base)
    environment = {**environment_of(settings), "QOS_PROCESSING_PORT": "0"}
    pool = await create_pool(settings.database_url, application_name="test", max_size=3)
    try:
        with running_service("qos_processing", environment) as worker:
            live = LiveResults(pool)
            await settled(pool, live, len(base))
            traffic = Traffic(settings, live, procedure_ids, len(base))
            reader = Reader(settings, procedure_ids[0])
            async with going_on(reader):
                async with going_on(traffic):
                    await killed_and_refused(pool, environment)
                    with running_service("qos_local", environment, arguments=("rebuild", "--yes")) as rebuild:
                        await eventually(lambda: rebuild.exit_code is not None, within=200)
                        assert rebuild.exit_code == 0, rebuild.logs()
                        assert "Generation 2 is live" in rebuild.logs()
                await settled(pool, live, len(base) + len(traffic.events))
            assert await live.generations() == [(1, "old"), (2, "live")]
            assert {generation for generation, _, _ in reader.seen} == {1, 2}
            assert all(before <= after for before, after in pairwise(reader.seen))
            replay = Replay(Calendar.load())
            replay.add_all([*base, *traffic.events])
            assert await live.buckets() == replay.buckets()
            assert await live.cases() == {key: (one.case, one.contributions) for key, one in replay.projections()}
            verified = await verifier(settings)(Scope(log=True))
            assert verified.clean, verified.mismatches
            assert not worker.events("worker_crashed")
            assert worker.stop() == 0
        announced = await live.announced()
        assert len(announced) > 10
        assert len(await sla_events(settings)) == sum(count for _, count in announced.values())
    finally:
        await pool.close()


async def killed_and_refused(pool: Pool, environment: dict[str, str]) -> None:
    """A rebuild is under way; a second one isn't begun. The first one is killed: its loaders end with it."""

    async def building() -> bool:
        return bool(await pool.fetchval("SELECT count(*) FROM rebuild_shares"))

    async def loaders_gone() -> bool:
        loaders = "SELECT count(*) FROM pg_stat_activity WHERE application_name LIKE 'qos-rebuild%'"
        return not await pool.fetchval(loaders)

    with running_service("qos_processing.rebuild", environment, arguments=("--yes",)) as first:
        await eventually(building, within=60)
        with running_service("qos_processing.rebuild", environment, arguments=("--yes",)) as second:
            first.pause()
            try:
                await asyncio.to_thread(second.wait_for_exit, within=60)
            finally:
                first.kill()
            assert second.exit_code == 2
            assert "another rebuild of this database is going on" in second.logs()
    await eventually(loaders_gone, within=60)
    generations = await LiveResults(pool).generations()
    assert generations == [(1, "live"), (2, "building")]

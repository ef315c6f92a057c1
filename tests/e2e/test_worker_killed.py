"""A worker is killed in the middle of a backlog. Two others finish it, and no figure tells that it ever happened."""

from contextlib import ExitStack
from datetime import date
from pathlib import Path

import asyncpg
import pytest

from qos_domain.calendar import Calendar
from qos_domain.events import Event
from qos_domain.replay import Replay
from qos_local.simulation.simulate import Simulation, simulate
from qos_processing.migrate import migrate
from qos_runtime.kafka import admin_client
from qos_runtime.settings import RuntimeSettings
from qos_runtime.topics import create_topics
from support.eventually import eventually
from support.folding import compare_with_fold
from support.live_results import Connection, LiveResults, append
from support.services import RunningService, running_service
from support.stack import environment_of

TODAY = date(2026, 4, 1)
WINDOW = "365d"
# Small batches: the kill and both handovers happen between and inside many transactions.
SMALL_BATCHES = {"QOS_PROCESSING_BATCH_RECORDS": "250"}


@pytest.mark.timeout(400)
async def test_a_worker_is_killed_in_a_backlog_and_every_figure_is_exact(
    runtime_settings: RuntimeSettings, tmp_path: Path, free_port: int
) -> None:
    simulation = simulate(seed=7, today=TODAY, cases=8_000, calendar=Calendar.load())
    events = [*simulation.procedures, *simulation.events]
    assert len(events) > 40_000
    await fill(runtime_settings, events)
    connection = await asyncpg.connect(runtime_settings.database_url)
    try:
        await work_off(connection, runtime_settings, len(events))
        replay = Replay(Calendar.load())
        replay.add_all(events)
        assert await LiveResults(connection).cases() == {
            key: (projection.case, projection.contributions) for key, projection in replay.projections()
        }
        assert await LiveResults(connection).buckets() == replay.buckets()
        await metrics_equal_the_fold(runtime_settings, simulation, tmp_path, free_port)
    finally:
        await connection.close()


async def fill(settings: RuntimeSettings, events: list[Event]) -> None:
    """Append the events as they are sent: late, twice, out of order and corrected, as the simulation has them."""
    await migrate(settings.database_url)
    async with admin_client(settings) as admin:
        await create_topics(admin, settings)
    await append(settings, events)


async def work_off(connection: Connection, settings: RuntimeSettings, records: int) -> None:
    async def committed(share: float) -> bool:
        stored = await connection.fetchval("SELECT coalesce(sum(next_offset), 0) FROM partition_offsets")
        return int(stored) >= share * records

    async def rejudged() -> bool:
        return not await connection.fetchval("SELECT count(*) FROM rejudgements")

    with ExitStack() as workers:

        def start() -> RunningService:
            environment = {**environment_of(settings), "QOS_PROCESSING_PORT": "0", **SMALL_BATCHES}
            return workers.enter_context(running_service("qos_processing", environment))

        first = start()
        await eventually(lambda: committed(0.3), within=120)
        first.kill()
        assert not await committed(0.9), "the worker was killed too late to show anything"
        others = [start(), start()]
        await eventually(lambda: committed(1), within=240)
        await eventually(rejudged, within=60)
        for worker in others:
            assert worker.events("partitions_placed")
            assert worker.stop() == 0


async def metrics_equal_the_fold(settings: RuntimeSettings, simulation: Simulation, directory: Path, port: int) -> None:
    url = f"http://127.0.0.1:{port}"
    environment = {**environment_of(settings), "QOS_METRICS_PORT": str(port), "QOS_METRICS_STAFF_OPEN": "true"}
    with running_service("qos_metrics", environment, ready=f"{url}/health/ready", ready_within=60):
        await compare_with_fold(url, simulation, directory, window=WINDOW)

"""A worker is killed in the middle of a backlog. Two others finish it, and no figure tells that it ever happened."""

from contextlib import ExitStack
from datetime import date
from pathlib import Path
from typing import TypeAlias

import asyncpg
import pytest

from qos_domain.acceptance import AcceptanceRules, encode_cloudevent
from qos_domain.calendar import Calendar
from qos_domain.events import Event
from qos_domain.replay import Replay
from qos_domain.rows import CaseRow, Row, decode_contributions
from qos_local.simulation.simulate import Simulation, simulate
from qos_processing.migrate import migrate
from qos_runtime.kafka import admin_client, producer
from qos_runtime.settings import RuntimeSettings
from qos_runtime.topics import create_topics
from support.eventually import eventually
from support.folding import compare_with_fold
from support.services import RunningService, running_service
from support.stack import environment_of

TODAY = date(2026, 4, 1)
WINDOW = "365d"
# Small batches: the kill and both handovers happen between and inside many transactions.
SMALL_BATCHES = {"QOS_PROCESSING_BATCH_RECORDS": "250"}

Connection: TypeAlias = "asyncpg.Connection[asyncpg.Record]"


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
        assert await stored_cases(connection) == {
            key: (projection.case, projection.contributions) for key, projection in replay.projections()
        }
        assert await stored_buckets(connection) == replay.buckets()
        await metrics_equal_the_fold(runtime_settings, simulation, tmp_path, free_port)
    finally:
        await connection.close()


async def fill(settings: RuntimeSettings, events: list[Event]) -> None:
    """Append the events as they are sent: late, twice, out of order and corrected, as the simulation has them."""
    await migrate(settings.database_url)
    rules = AcceptanceRules()
    async with admin_client(settings) as admin:
        await create_topics(admin, settings)
    sender = producer(settings, client_id="test")
    await sender.start()
    try:
        for event in events:
            key = event.data.procedure_id.encode()
            await sender.send(settings.topic(event.topic), encode_cloudevent(event, rules), key=key)
        await sender.flush()
    finally:
        await sender.stop()


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


async def stored_cases(connection: Connection) -> dict[tuple[str, str], tuple[CaseRow, dict[Row, int]]]:
    """Every case that counts somewhere, as it is stored; one whose facts were all corrected away has no status."""
    names = [name for name in CaseRow.__struct_fields__ if name != "suspended"]
    cases = {}
    for row in await connection.fetch("SELECT * FROM cases WHERE reference_date IS NOT NULL"):
        # datemultirange: [from, to) pairs in order, the last one open while the case stands suspended.
        suspended = tuple((span.lower, span.upper) for span in row["suspended"])
        case = CaseRow(**{name: row[name] for name in names}, suspended=suspended)
        cases[row["procedure_id"], row["application_id"]] = (case, decode_contributions(row["contributions"]))
    return cases


async def stored_buckets(connection: Connection) -> dict[str, dict[Row, int]]:
    buckets: dict[str, dict[Row, int]] = {}
    for row in await connection.fetch("SELECT * FROM day_buckets WHERE value <> 0"):
        key = Row(
            row["organisation_id"],
            row["date"].toordinal(),
            row["channel"],
            row["online"],
            row["measure"],
            row["bin"],
        )
        buckets.setdefault(row["procedure_id"], {})[key] = row["value"]
    return buckets


async def metrics_equal_the_fold(settings: RuntimeSettings, simulation: Simulation, directory: Path, port: int) -> None:
    url = f"http://127.0.0.1:{port}"
    environment = {**environment_of(settings), "QOS_METRICS_PORT": str(port), "QOS_METRICS_STAFF_OPEN": "true"}
    with running_service("qos_metrics", environment, ready=f"{url}/health/ready", ready_within=60):
        await compare_with_fold(url, simulation, directory, window=WINDOW)

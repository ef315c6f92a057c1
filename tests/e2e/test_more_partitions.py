"""From four partitions to twelve while events arrive: copied, killed, copied on, swapped, each figure the same."""

import os
import signal
import subprocess
import sys
from collections.abc import Mapping
from datetime import date
from pathlib import Path

import pytest

from qos_domain.calendar import Calendar
from qos_domain.events import INPUT_TOPICS
from qos_domain.replay import Replay
from qos_local.simulation.simulate import simulate
from qos_local.stack.processes import choose_port
from qos_processing.migrate import migrate
from qos_processing.repartition.reading import ends_of
from qos_processing.verify.verification import Scope
from qos_runtime.kafka import admin_client, partition_of, producer
from qos_runtime.postgres import Pool, create_pool
from qos_runtime.settings import RuntimeSettings
from qos_runtime.topics import create_topics
from support.eventually import eventually
from support.folding import compare_with_fold
from support.live_results import LiveResults, append
from support.services import running_service
from support.stack import environment_of
from support.verifying import verifier

pytestmark = pytest.mark.real

TODAY = date(2026, 4, 1)
AT_A_TIME = 40


@pytest.mark.timeout(500)
async def test_four_partitions_become_twelve(runtime_settings: RuntimeSettings, tmp_path: Path) -> None:
    old = runtime_settings.model_copy(update={"partitions": 4})
    new = old.model_copy(update={"partitions": 12, "topic_prefix": f"{old.topic_prefix}v2."})
    simulation = simulate(seed=9, today=TODAY, cases=200, calendar=Calendar.load())
    events = [*simulation.procedures, *simulation.events]
    half, most = len(events) // 2, len(events) - 100
    await migrate(old.database_url)
    async with admin_client(old) as admin:
        await create_topics(admin, old)
    await append(old, events[:half])
    pool = await create_pool(old.database_url, application_name="test", max_size=3)
    try:
        with running_service("qos_processing", worker_of(old)) as worker:
            with running_service("qos_local", environment_of(old), arguments=step(new, "copy")) as copier:
                for begin in range(half, most, AT_A_TIME):
                    await append(old, events[begin : min(begin + AT_A_TIME, most)])
                    if half + 4 * AT_A_TIME <= begin < half + 5 * AT_A_TIME:
                        await eventually(lambda: copied(new, 1), within=60)
                        copier.kill()
                        copier.start_again()
                await append_unusable(old)
                await eventually(lambda: copied(new, most), within=100)
                copier.send(signal.SIGINT)
                assert copier.wait_for_exit(within=60) == 1
                assert "goes on from here" in copier.logs()
            await eventually(lambda: processed(pool, old), within=100)
            assert refused(old, new) == (2, "workers run: stop them")
            assert worker.stop() == 0
        assert "1 that can't be accepted. malformed_json: 1." in run(old, step(new, "copy", "--finish"))
        told = run(old, step(new, "swap", "--leave-dead-letters"))
        assert f"QOS_PARTITIONS={new.partitions}" in told
        assert await offsets(pool) == {
            (tp.topic.removeprefix(new.topic_prefix), tp.partition): end
            for tp, end in (await ends_of(new, INPUT_TOPICS)).items()
        }

        await append(new, events[most:])
        port = choose_port()
        metrics = {**environment_of(new), "QOS_METRICS_PORT": str(port), "QOS_METRICS_STAFF_OPEN": "true"}
        with (
            running_service("qos_processing", worker_of(new)) as worker,
            running_service("qos_metrics", metrics, ready=f"http://127.0.0.1:{port}/health/ready", ready_within=90),
        ):
            await eventually(lambda: processed(pool, new), within=100)
            await compare_with_fold(f"http://127.0.0.1:{port}", simulation, tmp_path, window="365d")
            assert worker.stop() == 0
        live = LiveResults(pool)
        replay = Replay(Calendar.load())
        replay.add_all(events)
        assert await live.buckets() == replay.buckets()
        assert await live.cases() == {key: (one.case, one.contributions) for key, one in replay.projections()}
        verified = await verifier(new)(Scope(log=True))
        assert verified.clean, verified.mismatches
        for table in ("cases", "procedures", "levels"):
            rows = await pool.fetch(f"SELECT DISTINCT procedure_id, partition FROM {table}")  # noqa: S608
            assert rows
            assert all(partition_of(row[0].encode(), new.partitions) == row[1] for row in rows)
    finally:
        await pool.close()


def worker_of(settings: RuntimeSettings) -> dict[str, str]:
    return {**environment_of(settings), "QOS_PROCESSING_PORT": "0"}


def step(new: RuntimeSettings, name: str, *more: str) -> tuple[str, ...]:
    target = ("--to-prefix", new.topic_prefix, "--to-partitions", str(new.partitions))
    return ("repartition", name, *target, *more)


def run(settings: RuntimeSettings, arguments: tuple[str, ...]) -> str:
    done = command(environment_of(settings), arguments)
    assert done.returncode == 0, done.stderr
    return done.stdout


def refused(old: RuntimeSettings, new: RuntimeSettings) -> tuple[int, str]:
    done = command(environment_of(old), step(new, "swap"))
    return done.returncode, done.stderr.removeprefix("Not done: 1 ").partition(",")[0]


def command(environment: Mapping[str, str], arguments: tuple[str, ...]) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [sys.executable, "-m", "qos_local", *arguments],
        env={**os.environ, **environment},
        capture_output=True,
        check=False,
        text=True,
        timeout=200,
    )


async def append_unusable(settings: RuntimeSettings) -> None:
    sender = producer(settings, client_id="test")
    await sender.start()
    try:
        await sender.send_and_wait(settings.topic("feedback"), b"no event", key=b"any")
    finally:
        await sender.stop()


async def copied(new: RuntimeSettings, records: int) -> bool:
    async with admin_client(new) as admin:
        if not {new.topic(topic) for topic in INPUT_TOPICS} <= set(await admin.list_topics()):
            return False
    return sum((await ends_of(new, INPUT_TOPICS)).values()) >= records


async def processed(pool: Pool, settings: RuntimeSettings) -> bool:
    ends = {
        (tp.topic.removeprefix(settings.topic_prefix), tp.partition): end
        for tp, end in (await ends_of(settings, INPUT_TOPICS)).items()
        if end
    }
    stored = await offsets(pool)
    waiting = await pool.fetchval("SELECT count(*) FROM rejudgements")
    return not waiting and all(stored.get(place) == end for place, end in ends.items())


async def offsets(pool: Pool) -> dict[tuple[str, int], int]:
    rows = await pool.fetch("SELECT topic, partition, next_offset FROM partition_offsets")
    return {(topic, partition): offset for topic, partition, offset in rows}

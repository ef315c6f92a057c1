"""From four partitions to twelve while events arrive: copied, killed, copied on, swapped, each figure the same."""

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
from qos_runtime.kafka import admin_client, producer
from qos_runtime.postgres import Pool, create_pool
from qos_runtime.settings import RuntimeSettings
from qos_runtime.topics import create_topics
from support.documents import DOCS, commands, terminal
from support.eventually import eventually
from support.folding import compare_with_fold
from support.live_results import LiveResults, append
from support.services import running_service
from support.stack import environment_of

pytestmark = pytest.mark.real

TODAY = date(2026, 4, 1)
AT_A_TIME = 40


@pytest.mark.timeout(600)
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
    where, follow, swap, look, drop = commands(DOCS / "disaster.md", "## More partitions")
    target = {"NEW_PREFIX": new.topic_prefix, "NEW_PARTITIONS": str(new.partitions)}
    with terminal({**environment_of(old), **target}, tmp_path) as shell:
        shell.paste(where)
        with running_service("qos_processing", worker_of(old)) as worker:
            shell.paste(follow)
            await eventually(lambda: copied(new, 1), within=100)
            for begin in range(half, most, AT_A_TIME):
                await append(old, events[begin : min(begin + AT_A_TIME, most)])
                if half + 4 * AT_A_TIME <= begin < half + 5 * AT_A_TIME:
                    shell.paste("kill -9 $! && { wait $! || true; }")
                    shell.paste(follow)
            await append_unusable(old)
            await eventually(lambda: copied(new, most), within=100)
            await eventually(lambda: processed(pool, old), within=100)
            assert "1 workers run: stop them" in shell.paste(f"({swap.splitlines()[-1]}) && exit 1 || true", within=100)
            assert worker.stop() == 0
        await pool.execute("UPDATE dead_letters SET state = 'discarded'")
        told = shell.paste(swap, within=200)
        assert f"Start all services with QOS_TOPIC_PREFIX={new.topic_prefix} and QOS_PARTITIONS=12" in told
        ends = (await ends_of(new, INPUT_TOPICS)).items()
        assert await offsets(pool) == {(tp.topic.removeprefix(new.topic_prefix), tp.partition): end for tp, end in ends}

        await append(new, events[most:])
        port = choose_port()
        metrics = {**environment_of(new), "QOS_METRICS_PORT": str(port), "QOS_METRICS_STAFF_OPEN": "true"}
        with (
            running_service("qos_processing", worker_of(new)) as worker,
            running_service("qos_metrics", metrics, ready=f"http://127.0.0.1:{port}/health/ready", ready_within=90),
        ):
            await eventually(lambda: processed(pool, new), within=100)
            await compare_with_fold(f"http://127.0.0.1:{port}", simulation, tmp_path, window="365d")
            assert ", 0 mismatches" in shell.paste(look, within=200)
            assert worker.stop() == 0
        live = LiveResults(pool)
        replay = Replay(Calendar.load())
        replay.add_all(events)
        assert await live.buckets() == replay.buckets()
        assert await live.cases() == {key: (one.case, one.contributions) for key, one in replay.projections()}
        assert old.topic("applications") in shell.paste(drop, within=100)
    await pool.close()


def worker_of(settings: RuntimeSettings) -> dict[str, str]:
    return {**environment_of(settings), "QOS_PROCESSING_PORT": "0"}


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

"""What is not recovered: a database that holds something, one without tables, a log that has lost its beginning."""

import asyncio
import os
import sys

import pytest
from aiokafka import TopicPartition
from aiokafka.admin import RecordsToDelete

from qos_processing.rebuild.refusals import RebuildFailed
from qos_processing.recover.recovering import Recovery
from qos_processing.recover.refusals import NotEmpty
from qos_runtime.kafka import admin_client
from qos_runtime.settings import RuntimeSettings
from support.builders import happened, registered
from support.ground import SMALL_SHARES, Ground
from support.stack import environment_of

from .conftest import Loss, rows

pytestmark = pytest.mark.real


async def recover_by_command(settings: RuntimeSettings) -> tuple[int | None, str]:
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "qos_local", "recover"),
        env={**os.environ, **environment_of(settings)},
        stderr=asyncio.subprocess.PIPE,
    )
    _, said = await process.communicate()
    return process.returncode, said.decode()


async def recovery_of(ground: Ground) -> None:
    p = ground.p
    await Recovery(
        ground.settings, calendar=p.calendar, clock=p.clock, options=SMALL_SHARES, progress=lambda *_: None
    ).run()


async def test_what_can_not_be_begun_changes_nothing(loss: Loss) -> None:
    ground = loss.ground
    await ground.receive(registered(), happened("application.submitted", "2025-05-02", channel="online"))
    before = await ground.p.everything()
    with pytest.raises(NotEmpty) as refused:
        await recovery_of(ground)
    assert {"cases", "partition_offsets", "procedures"} <= set(refused.value.tables)
    assert await ground.p.everything() == before

    code, said = await recover_by_command(loss.empty)
    assert code == 2
    assert "no tables yet: run `python -m qos_processing.migrate` first" in said


async def test_a_log_that_has_lost_its_beginning_is_to_be_restored_first(loss: Loss) -> None:
    ground = loss.ground
    event = happened("application.submitted", "2025-05-02", channel="online")
    await ground.receive(registered(), event)
    topic = ground.settings.topic("applications")
    async with admin_client(ground.settings) as admin:
        await admin.delete_records({TopicPartition(topic, n): RecordsToDelete(-1) for n in range(2)})
    with pytest.raises(RebuildFailed, match=r"it lost records. Restore the log first"):
        await loss.recover()
    # No worker may write to what is half done.
    assert await rows(loss.empty, "SELECT count(*) FROM generations WHERE status = 'live'") == [(0,)]
    code, said = await recover_by_command(loss.empty)
    assert code == 1
    assert "Run it again" in said

"""A backup is restored by the steps of docs/disaster.md: results go on from it, nothing is told under another id."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from qos_local.stack.postgres_binaries import account, programs
from qos_processing.verify.verification import Scope
from qos_runtime.settings import RuntimeSettings
from support.builders import happened, tokyo
from support.documents import DOCS, Terminal, commands, terminal
from support.ground import PARTITIONS, Ground
from support.live_results import LiveResults
from support.lost import results
from support.processing import processing, replayed
from support.stack import environment_of
from support.verifying import verifier

from .conftest import Loss, rows
from .test_recover import kinds, story

pytestmark = pytest.mark.real

DISASTER = DOCS / "disaster.md"


@contextmanager
def a_shell(settings: RuntimeSettings, directory: Path) -> Iterator[Terminal]:
    with terminal({**environment_of(settings), "PATH": str(programs(account()))}, directory) as shell:
        shell.paste(commands(DISASTER, "# Disaster recovery")[0])
        yield shell


async def test_what_was_said_since_the_backup_is_not_said_again(loss: Loss, tmp_path: Path) -> None:
    ground, events = loss.ground, story()
    p = ground.p
    dump, restore, read_back, _verify = commands(DISASTER, "## A restored backup")
    with a_shell(ground.settings, tmp_path) as shell:
        await ground.receive(*events[:12])
        p.clock.at = tokyo("2025-05-12")
        assert await p.sweep.sweep() > 0
        await p.assessor.assess_touched()
        shell.paste(dump)
        offsets = await rows(
            ground.settings, "SELECT topic, partition, next_offset FROM partition_offsets WHERE next_offset > 0"
        )
        await ground.publish()

        late = happened("notification.sent", "2025-05-07", procedure="permit-0", channel="electronic")
        await ground.receive(*events[12:])
        p.clock.at = tokyo("2025-05-20")
        assert await p.sweep.sweep() > 0
        await ground.receive(late)
        assert await p.sweep.sweep() == 1
        await p.assessor.assess_touched()
        await ground.publish()
        before = await results(p.pool)
        await p.pool.close()

        shell.paste(restore)
        shell.paste(read_back)

    async with processing(ground.settings.database_url, partitions=PARTITIONS) as restored:
        restored.log, restored.clock.at = p.log, p.clock.at
        restored.log.hand_out_again({(topic, partition): offset for topic, partition, offset in offsets})
        await restored.catch_up()
        replay = replayed([*events, late], restored.calendar)
        assert await restored.buckets() == replay.buckets()
        after = Ground(ground.settings, restored, LiveResults(restored.pool))
        assert await restored.sweep.sweep() == 0
        await restored.assessor.assess_touched()
        assert await results(restored.pool) == before
        # What waited in the outbox when the backup was made was sent since; no assessment but the last may follow.
        revisions = dict(await rows(ground.settings, "SELECT procedure_id, revision FROM levels"))
        again = [event["data"] for event in await restored.sent("qos-levels")]
        assert all(data["revision"] == revisions[data["procedure_id"]] for data in again)
        assert (await verifier(ground.settings)(Scope(log=True))).clean
        await after.publish()
        result = happened("notification.sent", "2025-05-20", procedure="permit-1", channel="electronic")
        await after.receive(result)
        await restored.sweep.sweep()
        assert kinds(await restored.sent("sla-events"))[-1][1] == "recovered"

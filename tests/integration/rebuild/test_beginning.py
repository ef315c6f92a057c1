"""What a rebuild needs: room on the disk, the log that the results came from, nobody else, processes that live."""

import asyncio
from multiprocessing import active_children
from pathlib import Path

import pytest

from qos_processing.ports import LogMismatch
from qos_processing.rebuild import disk
from qos_processing.rebuild.refusals import AlreadyRebuilding, RebuildFailed, TooLittleDisk
from support.builders import registered
from support.ground import Ground

pytestmark = pytest.mark.real


async def test_room_for_a_second_generation(ground: Ground, tmp_path: Path) -> None:
    """The embedded server's disk can be seen from here. Another one's can't, whatever its directory is called."""
    await ground.receive(registered())
    async with ground.p.pool.acquire() as connection:
        with pytest.raises(TooLittleDisk, match=r"needs about .* GB beside the live one") as caught:
            await disk.require_room(connection, 1, factor=1e15)
        if caught.value.free_bytes is not None:
            await disk.require_room(connection, 1)
    (tmp_path / "postmaster.pid").write_text("1\n/somewhere\n1000000000\n5432\n")
    assert disk._free_bytes(tmp_path, 2_000_000_000) is None
    assert disk._free_bytes(tmp_path, 1_000_000_000)
    assert "say --yes" in str(TooLittleDisk(needed_bytes=10, free_bytes=None))


async def test_only_one_at_a_time_and_only_of_the_same_log(ground: Ground) -> None:
    await ground.receive(registered())
    await ground.p.pool.execute("UPDATE partition_offsets SET topic_id = gen_random_uuid() WHERE topic = 'reviews'")
    first, second = await asyncio.gather(ground.rebuild(), ground.rebuild(), return_exceptions=True)
    errors = {type(first), type(second)}
    assert LogMismatch in errors
    assert errors <= {LogMismatch, AlreadyRebuilding}
    await ground.p.pool.execute("UPDATE partition_offsets SET topic_id = NULL, next_offset = 5")
    with pytest.raises(LogMismatch, match="it lost records"):
        await ground.rebuild()
    assert await ground.live.generations() == [(1, "live")]
    assert not await ground.p.pool.fetchval("SELECT to_regclass('cases_g2') IS NOT NULL")


async def test_a_loading_process_is_killed(ground: Ground) -> None:
    """As the kernel does when memory runs out. Nothing is left behind, and the next rebuild is as good as any."""
    await ground.receive(registered())
    killed: list[int] = []

    def kill_one(*_: object) -> None:
        for child in active_children()[: 1 - len(killed)]:
            child.kill()
            killed.append(child.pid or 0)

    with pytest.raises(RebuildFailed, match="ended from outside"):
        await ground.rebuild(progress=kill_one)
    assert killed
    assert await ground.live.generations() == [(1, "live")]

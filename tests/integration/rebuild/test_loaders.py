"""The processes that load for a rebuild: one that is killed is told, and they never outlive what started them."""

import asyncio
import os
import signal
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager

import asyncpg
import psutil
import pytest

from qos_processing.rebuild import loader
from qos_processing.rebuild.refusals import RebuildFailed
from support.builders import registered
from support.eventually import eventually
from support.services import RunningService, running_service
from support.stack import environment_of

from .conftest import Ground

pytestmark = pytest.mark.real


def loaders_of(pid: int) -> list[psutil.Process]:
    return [child for child in psutil.Process(pid).children() if loader.__name__ in child.cmdline()]


def gone(process: psutil.Process) -> bool:
    try:
        return not process.is_running() or process.status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True


async def test_a_loader_is_killed(ground: Ground) -> None:
    """As the kernel does when memory runs out. Nothing is left behind, and the next rebuild is as good as any."""
    await ground.receive(registered())
    async with registry_locked(ground):
        rebuild = asyncio.ensure_future(ground.rebuild())
        await eventually(lambda: loads(ground))
        for each in loaders_of(os.getpid()):
            each.kill()
    with pytest.raises(RebuildFailed, match=r"partition number \d+ .* was ended from outside by SIGKILL"):
        await rebuild
    assert not loaders_of(os.getpid())
    assert await ground.live.generations() == [(1, "live")]
    assert (await ground.rebuild()).generation == 2


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
async def test_loaders_end_with_the_rebuild_whatever_they_are_at(ground: Ground, number: signal.Signals) -> None:
    """Ctrl-C takes the half-built generation back; after the others the next rebuild does."""
    await ground.receive(registered())
    with rebuilding(ground) as rebuild:
        async with registry_locked(ground):
            await eventually(lambda: loads(ground))
            loaders = loaders_of(rebuild.pid)
            assert loaders
            rebuild.send(number)
            await eventually(lambda: all(map(gone, loaders)))
        await eventually(lambda: rebuild.exit_code is not None)
        said = rebuild.logs()
    live = [(1, "live")]
    if number is signal.SIGINT:
        assert rebuild.exit_code == 130
        assert "Stopped, and the live results are as they were" in said
        assert await ground.live.generations() == live
    else:
        assert rebuild.exit_code == -number
        assert await ground.live.generations() == [*live, (2, "building")]
    assert "Traceback" not in said
    await ground.rebuild()
    assert (await ground.live.generations())[0] == (1, "old")


@contextmanager
def rebuilding(ground: Ground) -> Iterator[RunningService]:
    arguments = ("--yes", "--processes", "2")
    with running_service("qos_processing.rebuild", environment_of(ground.settings), arguments=arguments) as rebuild:
        yield rebuild


@asynccontextmanager
async def registry_locked(ground: Ground) -> AsyncIterator[None]:
    """For as long as the block takes, a loader that has a procedure to write waits."""
    connection = await asyncpg.connect(ground.settings.database_url)
    try:
        async with connection.transaction():
            await connection.execute("LOCK TABLE procedure_facts IN SHARE MODE")
            yield
    finally:
        await connection.close()


async def loads(ground: Ground) -> bool:
    """Whether a loader waits for that lock."""
    waits = "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND application_name = $1"
    return bool(await ground.p.pool.fetchval(waits, "qos-rebuild-loader"))

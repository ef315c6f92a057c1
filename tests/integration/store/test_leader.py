"""One worker leads at a time; another one leads when it is gone."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable

import asyncpg
import pytest

from qos_domain.errors import TransientFailure
from qos_processing.leader import Leader
from support.eventually import eventually

pytestmark = pytest.mark.real


class Contest:
    """Leaders with a task that says who is at it."""

    def __init__(self, database_url: str) -> None:
        self.database_url = database_url
        self.at_work: set[str] = set()
        self.most_at_once = 0
        self.running: dict[str, asyncio.Task[None]] = {}
        self.leaders: dict[str, Leader] = {}

    def join(self, name: str, then: Callable[[], Awaitable[None]] | None = None) -> None:
        async def lead() -> None:
            self.at_work.add(name)
            self.most_at_once = max(self.most_at_once, len(self.at_work))
            try:
                await (then() if then is not None else asyncio.Event().wait())
            finally:
                self.at_work.discard(name)

        leader = self.leaders[name] = Leader(self.database_url, [lead], every_seconds=0.05, session_seconds=2)
        self.running[name] = asyncio.ensure_future(leader.run())

    async def leave(self, name: str) -> None:
        task = self.running.pop(name)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)

    async def end_sessions(self) -> None:
        """Cut every leader's connection, as a restart of the database does."""
        connection = await asyncpg.connect(self.database_url)
        try:
            await connection.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                " WHERE application_name = 'qos-leader' AND datname = current_database()"
            )
        finally:
            await connection.close()


@pytest.fixture
async def contest(database_url: str) -> AsyncIterator[Contest]:
    made = Contest(database_url)
    yield made
    for name in list(made.running):
        await made.leave(name)


async def test_one_leads_and_the_next_one_takes_over(contest: Contest) -> None:
    for name in ("a", "b", "c"):
        contest.join(name)
    while contest.running:
        (leading,) = await eventually(lambda: contest.at_work)
        assert contest.leaders[leading].leading
        await contest.leave(leading)
        assert leading not in contest.at_work
    assert contest.most_at_once == 1


async def test_a_lost_session_ends_the_leadership(contest: Contest) -> None:
    stopped = []

    async def work() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            stopped.append(True)

    contest.join("a", work)
    await eventually(lambda: contest.at_work)
    await contest.end_sessions()
    await eventually(lambda: stopped)
    await eventually(lambda: contest.at_work)  # and it leads again, once it has the lock again


async def test_a_task_that_meets_a_database_away_is_begun_again(contest: Contest) -> None:
    attempts = []

    async def work() -> None:
        attempts.append(True)
        if len(attempts) < 3:
            raise TransientFailure("the database is away")
        await asyncio.Event().wait()

    contest.join("a", work)
    await eventually(lambda: len(attempts) == 3)


async def test_a_task_that_fails_otherwise_ends_the_process(contest: Contest) -> None:
    async def work() -> None:
        raise ZeroDivisionError

    contest.join("a", work)
    with pytest.raises(ZeroDivisionError):
        await contest.running["a"]


async def test_a_leader_that_is_stopped_in_its_tracks_loses_the_lock(contest: Contest) -> None:
    """Its session ends by itself, so that another one can lead; what it does when it wakes up is harmless."""
    contest.join("a")
    await eventually(lambda: contest.at_work == {"a"})
    holder = contest.leaders["a"]
    holder._every_seconds = 3600  # it holds still: no sign of life any more
    contest.join("b")
    await eventually(lambda: "b" in contest.at_work, within=60)

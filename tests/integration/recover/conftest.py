"""A system whose database is lost, and the one that is made in its place."""

from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import asyncpg
import pytest

from qos_domain.calendar import Calendar
from qos_processing.migrate import migrate
from qos_processing.recover.recovering import Recovery
from qos_processing.recover.report import Recovered
from qos_runtime.settings import RuntimeSettings
from support.ground import PARTITIONS, SMALL_SHARES, Ground, standing_on
from support.live_results import LiveResults
from support.processing import processing
from support.stack import empty_database


@dataclass
class Loss:
    """`ground` is the system; `empty` is where its lost database is to be made anew."""

    ground: Ground
    empty: RuntimeSettings

    async def recover(self, kind: type[Recovery] = Recovery) -> Recovered:
        """Migrate the empty database and fill it, as of the time at which the service's clock stands."""
        await migrate(self.empty.database_url)
        p = self.ground.p
        recovery = kind(
            self.empty, calendar=Calendar.load(), clock=p.clock, options=SMALL_SHARES, progress=lambda *_: None
        )
        return await recovery.run()

    @asynccontextmanager
    async def going_on(self) -> AsyncIterator[Ground]:
        """The service on the recovered database: its log and its clock are those of the former one."""
        former = self.ground.p
        async with processing(self.empty.database_url, partitions=PARTITIONS) as p:
            p.log, p.clock.at = former.log, former.clock.at
            yield Ground(self.empty, p, LiveResults(p.pool))


async def rows(settings: RuntimeSettings, statement: str) -> list[tuple[Any, ...]]:
    connection = await asyncpg.connect(settings.database_url)
    try:
        return [tuple(row) for row in await connection.fetch(statement)]
    finally:
        await connection.close()


@pytest.fixture
def empty(postgres: str) -> Iterator[str]:
    """The URL of the database that takes the lost one's place."""
    with empty_database(postgres) as url:
        yield url


@pytest.fixture
async def loss(runtime_settings: RuntimeSettings, empty: str) -> AsyncIterator[Loss]:
    async with standing_on(runtime_settings) as ground:
        yield Loss(ground, ground.settings.model_copy(update={"database_url": empty}))

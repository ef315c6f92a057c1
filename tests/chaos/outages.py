"""Broker and database that go away: killed and started again, or away for a while."""

import asyncio
from random import Random
from time import monotonic

from chaos.fault import Fault, Part
from chaos.ground import Ground

AWAY_SECONDS = 30.0


class _BrokerKilled(Fault):
    """Nothing is lost that was acknowledged: what a killed process wrote is in the system's page cache."""

    name = "broker-killed"
    summary = "SIGKILL of the broker; started again within seconds"
    parts: frozenset[Part] = frozenset({"broker"})

    async def inject(self, ground: Ground, dice: Random) -> float:
        await ground.kill_broker()
        await asyncio.sleep(dice.uniform(0.0, 3.0))
        await ground.start_broker()
        return monotonic()


class _PostgresKilled(Fault):
    name = "postgres-killed"
    summary = "SIGKILL of PostgreSQL and all its processes; started again at once, it recovers"
    parts: frozenset[Part] = frozenset({"postgres"})

    async def inject(self, ground: Ground, dice: Random) -> float:
        await ground.kill_postgres()
        await asyncio.sleep(dice.uniform(0.0, 3.0))
        await ground.start_postgres()
        return monotonic()


class _PostgresAway(Fault):
    name = "postgres-away"
    summary = f"PostgreSQL is stopped for {AWAY_SECONDS:.0f} seconds"
    parts: frozenset[Part] = frozenset({"postgres"})

    async def inject(self, ground: Ground, dice: Random) -> float:
        await (ground.stop_postgres if dice.random() < 0.5 else ground.kill_postgres)()
        await asyncio.sleep(AWAY_SECONDS)
        await ground.start_postgres()
        return monotonic()


FAULTS: tuple[Fault, ...] = (_BrokerKilled(), _PostgresKilled(), _PostgresAway())

"""How much waits in the outbox, and for how long. Every worker looks: the leader may be the one that is stuck."""

import asyncio

from prometheus_client import CollectorRegistry

from qos_processing import postgres_outbox
from qos_processing.postgres_outbox import Waiting
from qos_processing.transactions import Connection, Transactions
from qos_runtime import metric_defs
from qos_runtime.clock import Clock
from qos_runtime.topics import DEAD_LETTERS, QOS_LEVELS, SLA_EVENTS


class OutboxDepth:
    """Sets the gauges of the outbox."""

    def __init__(
        self, transactions: Transactions, *, clock: Clock, registry: CollectorRegistry, every_seconds: float = 5.0
    ) -> None:
        self._transactions = transactions
        self._clock = clock
        self._every_seconds = every_seconds
        self._pending = metric_defs.OUTBOX_PENDING.gauge(registry)
        self._oldest = metric_defs.OUTBOX_OLDEST_SECONDS.gauge(registry)

    async def run(self) -> None:
        """Look again and again, for ever. Raises TransientFailure when the database stays away."""
        while True:
            await self.measure()
            await asyncio.sleep(self._every_seconds)

    async def measure(self) -> None:
        """Look once."""

        async def look(connection: Connection, _doubtful: bool) -> dict[str, Waiting]:
            return await postgres_outbox.waiting(connection)

        waiting = await self._transactions.run(look)
        for topic in (QOS_LEVELS, SLA_EVENTS, DEAD_LETTERS):
            self._pending.labels(topic).set(waiting[topic].messages if topic in waiting else 0)
        oldest = min((each.since for each in waiting.values()), default=None)
        age = 0.0 if oldest is None else (self._clock.now() - oldest).total_seconds()
        self._oldest.set(max(0.0, age))

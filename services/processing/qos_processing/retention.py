"""Dead letters hold bytes that nobody has checked: they are kept for a limited time. The leader sees to it."""

import asyncio
from datetime import timedelta

from qos_processing import postgres_outbox
from qos_processing.transactions import Connection, Transactions
from qos_runtime.clock import Clock
from qos_runtime.logging import get_logger

log = get_logger(__name__)

DEAD_LETTERS_KEPT = timedelta(days=30)
DECISIONS_KEPT = timedelta(days=60)
"""As long as the topic of decisions keeps them."""


class Retention:
    """Deletes dead letters that are older than `kept`; the topic `dead-letters` forgets them by itself."""

    def __init__(
        self,
        transactions: Transactions,
        *,
        clock: Clock,
        kept: timedelta = DEAD_LETTERS_KEPT,
        every_seconds: float = 3600.0,
    ) -> None:
        self._transactions = transactions
        self._clock = clock
        self._kept = kept
        self._every_seconds = every_seconds

    async def run(self) -> None:
        """Delete again and again, for ever. Raises TransientFailure when the database stays away."""
        while True:
            await self.forget_dead_letters()
            await asyncio.sleep(self._every_seconds)

    async def forget_dead_letters(self) -> int:
        """Delete what is too old; how many dead letters that were."""

        async def forget(connection: Connection, _doubtful: bool) -> int:
            now = self._clock.now()
            return await postgres_outbox.forget_dead_letters(connection, now - self._kept, now - DECISIONS_KEPT)

        forgotten = await self._transactions.run(forget)
        if forgotten:
            log.info("dead_letters_forgotten", count=forgotten)
        return forgotten

"""Every calendar and set of criteria that comes into force is published, once, on the topic that keeps everything."""

import asyncio

from qos_processing import postgres, postgres_announcements, postgres_outbox, rulebooks
from qos_processing.outgoing import Outgoing
from qos_processing.transactions import Connection, Transactions
from qos_runtime.clock import Clock
from qos_runtime.logging import get_logger

log = get_logger(__name__)


class RulebookPublication:
    """Puts what was used for the first time into the outbox. The leader runs it."""

    def __init__(
        self, transactions: Transactions, *, clock: Clock, outgoing: Outgoing, every_seconds: float = 5.0
    ) -> None:
        self._transactions = transactions
        self._clock = clock
        self._outgoing = outgoing
        self._every_seconds = every_seconds

    async def run(self) -> None:
        """Look again and again, for ever. Raises TransientFailure when the database stays away."""
        while True:
            await self.publish()
            await asyncio.sleep(self._every_seconds)

    async def publish(self) -> int:
        """Publish what is not published yet; how many they were."""

        async def publish(connection: Connection, _doubtful: bool) -> int:
            if not await rulebooks.unpublished(connection):
                return 0
            # The outbox is numbered under a partition's lock, whichever it is. Where nothing was processed, wait.
            for partition in (await postgres_announcements.live_partitions(connection))[:1]:
                state = await postgres.lock(connection, partition)
                if state is None:
                    break
                now = self._clock.now()
                found = await rulebooks.unpublished(connection)
                messages = [
                    self._outgoing.rulebook_published(rulebook, first_used_at) for rulebook, first_used_at in found
                ]
                await postgres_outbox.append(connection, state, messages, now)
                await rulebooks.published(connection, [rulebook for rulebook, _ in found], now)
                return len(found)
            return 0

        published = await self._transactions.run(publish)
        if published:
            log.info("rulebooks_published", rulebooks=published)
        return published

"""The sweep: what falls due, breaches, recovers or is taken back is announced, each once. The leader runs it.

No figure depends on it (architecture, decision 6): a sweep that comes late announces late, and says so.
"""

import asyncio
from collections.abc import Callable
from datetime import datetime

from qos_domain.calendar import Calendar
from qos_processing import postgres, postgres_announcements, postgres_outbox
from qos_processing.announcing import Announced, announce, next_look
from qos_processing.outgoing import Outgoing
from qos_processing.service import check_logic
from qos_processing.transactions import Connection, Transactions
from qos_runtime.clock import Clock
from qos_runtime.logging import get_logger

log = get_logger(__name__)


class Sweep:
    """Looks at the cases whose time has come. Each chunk is one transaction under the partition's lock, so two sweeps
    at once announce nothing twice.

    `known_until` gives, for a partition number, the instant up to which everything appended is processed; None: not
    known. The sweep is as of that instant: what waits in the log could say otherwise.
    """

    def __init__(
        self,
        transactions: Transactions,
        *,
        calendar: Calendar,
        clock: Clock,
        outgoing: Outgoing,
        known_until: Callable[[int], datetime | None],
        chunk: int = 500,
        every_seconds: float = 5.0,
    ) -> None:
        self._transactions = transactions
        self._calendar = calendar
        self._clock = clock
        self._outgoing = outgoing
        self._known_until = known_until
        self._chunk = chunk
        self._every_seconds = every_seconds

    async def run(self) -> None:
        """Sweep again and again, for ever. Raises TransientFailure when the database stays away."""
        while True:
            await self.sweep()
            await asyncio.sleep(self._every_seconds)

    async def sweep(self) -> int:
        """Announce all that is to be announced now; the number of announcements."""
        total = 0
        for partition in await self._transactions.run(_live_partitions):
            as_of = self._known_until(partition)
            while as_of is not None:
                looked_at, announced = await self._sweep_chunk(partition, as_of)
                total += announced
                if looked_at < self._chunk:
                    break
        if total:
            log.info("cases_announced", announcements=total)
        return total

    async def _sweep_chunk(self, partition: int, as_of: datetime) -> tuple[int, int]:
        async def chunk(connection: Connection, _doubtful: bool) -> tuple[int, int]:
            state = await postgres.lock(connection, partition)
            if state is None:
                return 0, 0
            check_logic(state)
            cases = await postgres_announcements.due_cases(connection, state, as_of, self._chunk)
            if not cases:
                return 0, 0
            now = self._clock.now()
            messages = []
            rows: list[tuple[tuple[str, str], Announced, datetime | None]] = []
            for key, case, announced in cases:
                announcements, said = announce(case, announced, as_of, self._calendar)
                messages += [self._outgoing.announced(key, case, one, now) for one in announcements]
                rows.append((key, said, next_look(case, said, self._calendar, since=as_of)))
            await postgres_announcements.write_announced(connection, state, rows)
            await postgres_outbox.append(connection, state, messages, now)
            return len(cases), len(messages)

        return await self._transactions.run(chunk)


async def _live_partitions(connection: Connection, _doubtful: bool) -> list[int]:
    return await postgres_announcements.live_partitions(connection)

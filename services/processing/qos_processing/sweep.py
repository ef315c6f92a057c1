"""The sweep: what falls due, breaches, recovers or is taken back is announced, each once. The leader runs it.

No figure depends on it (architecture, decision 6): a sweep that comes late announces late, and says so.
"""

import asyncio
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from datetime import date, datetime
from typing import NamedTuple

from qos_domain.calendar import Calendar
from qos_domain.case import CaseKey
from qos_domain.rows import CaseRow
from qos_processing import postgres, postgres_announcements, postgres_outbox, postgres_registry
from qos_processing.announcing import Announced, Announcement, AnnouncementType, announce, next_look
from qos_processing.outgoing import Outgoing
from qos_processing.postgres import PartitionState
from qos_processing.postgres_registry import NOBODY
from qos_processing.service import check_logic
from qos_processing.sla_results import Noticed, NoticedResult, SlaResults, scope_of
from qos_processing.transactions import Connection, Transactions
from qos_runtime.clock import Clock
from qos_runtime.logging import get_logger

log = get_logger(__name__)

# The others are counted where they are found, with their batch.
_COUNTED: Mapping[AnnouncementType, NoticedResult] = {"sla.breached": "breached", "sla.breach_retracted": "retracted"}


class _Said(NamedTuple):
    key: CaseKey
    case: CaseRow
    announcement: Announcement


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
        sla_results: SlaResults,
        chunk: int = 500,
        every_seconds: float = 5.0,
    ) -> None:
        self._transactions = transactions
        self._calendar = calendar
        self._clock = clock
        self._outgoing = outgoing
        self._known_until = known_until
        self._sla_results = sla_results
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
        async def chunk(connection: Connection, _doubtful: bool) -> tuple[int, int, Counter[Noticed]]:
            state = await postgres.lock(connection, partition)
            if state is None:
                return 0, 0, Counter()
            check_logic(state)
            cases = await postgres_announcements.due_cases(connection, state, as_of, self._chunk)
            if not cases:
                return 0, 0, Counter()
            now = self._clock.now()
            said: list[_Said] = []
            rows: list[tuple[CaseKey, Announced, datetime | None]] = []
            for key, case, announced in cases:
                announcements, after = announce(case, announced, as_of, self._calendar)
                said += [_Said(key, case, one) for one in announcements]
                rows.append((key, after, next_look(case, after, self._calendar, since=as_of)))
            await postgres_announcements.write_announced(connection, state, rows)
            await postgres_outbox.append(connection, state, [self._outgoing.announced(*one, now) for one in said], now)
            noticed = await _notice(connection, state, said, self._calendar.local_date(now))
            return len(cases), len(said), noticed

        looked_at, announced, noticed = await self._transactions.run(chunk)
        self._sla_results.add(noticed)
        return looked_at, announced


async def _notice(
    connection: Connection, state: PartitionState, said: Sequence[_Said], today: date
) -> Counter[Noticed]:
    """What is to be counted of it. Retractions are stored, too: no fact tells of them afterwards."""
    counted = [(key[0], case, one, _COUNTED[one.type]) for key, case, one in said if one.type in _COUNTED]
    noticed: Counter[Noticed] = Counter()
    retracted: Counter[tuple[str, str]] = Counter()
    owners = await postgres_registry.owners(connection, state, {procedure_id for procedure_id, *_ in counted})
    for procedure_id, case, one, result in counted:
        owner = owners.get(procedure_id, NOBODY)
        organisation_id = case.organisation_id or owner.organisation_id
        scope = scope_of(procedure_id, organisation_id, priority=owner.priority)
        noticed[Noticed(scope, result, one.backfill)] += 1
        if result == "retracted":
            retracted[procedure_id, organisation_id] += 1
    await postgres_announcements.count_retracted(connection, retracted, today)
    return noticed


async def _live_partitions(connection: Connection, _doubtful: bool) -> list[int]:
    return await postgres_announcements.live_partitions(connection)

"""Judging cases anew after the registry changed: in chunks, under the partition's lock, exact and repeatable."""

import asyncio
from collections import Counter
from collections.abc import Callable, Collection
from dataclasses import dataclass
from datetime import datetime

from qos_domain.calendar import Calendar
from qos_domain.facts import NO_FACTS
from qos_domain.registry import History
from qos_processing import folding, postgres, postgres_registry, rulebooks
from qos_processing.folding import Fold
from qos_processing.postgres import PartitionState
from qos_processing.sla_results import Noticed, SlaResults, noticed_results
from qos_processing.transactions import Connection, Transactions
from qos_runtime.clock import Clock
from qos_runtime.logging import get_logger

log = get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Judged:
    """So many cases of a procedure were judged anew; `finished`: none of it is left."""

    procedure_id: str
    history: History
    cases: int
    finished: bool
    fold: Fold


async def judge_next(
    connection: Connection, state: PartitionState, calendar: Calendar, now: datetime, *, limit: int
) -> Judged | None:
    """Judge the next cases of a partition's first re-judgement anew, in the caller's transaction, which holds the lock
    of the partition; None where nothing is queued.
    """
    rejudgement = await postgres_registry.next_rejudgement(connection, state)
    if rejudgement is None:
        return None
    name = rejudgement.procedure_id
    registry = await postgres_registry.load_registry(connection, state.generation, (name,))
    history = History.of(registry.get(name, NO_FACTS))
    cases = await postgres_registry.load_cases_from(connection, state.generation, rejudgement, limit)
    fold = folding.rejudge(cases, lambda _: history, calendar)
    await postgres.write_cases(connection, state, fold.changes, calendar)
    touched = {name} if fold.differences else ()
    await postgres.settle(
        connection, state, buckets=fold.differences, touched=touched, positions=(), now=now, cause="restatement"
    )
    finished = len(cases) < limit
    cursor = None if finished else max(application_id for _, application_id in cases)
    await postgres_registry.advance_rejudgement(connection, state, name, cursor)
    return Judged(name, history, len(cases), finished, fold)


class Rejudging:
    """Works off what `registration.register` queued. It doesn't matter who does it, nor whether two do: each chunk is
    one transaction that holds the partition's lock, and judging a case twice gives the same.
    """

    def __init__(
        self,
        transactions: Transactions,
        *,
        calendar: Calendar,
        clock: Clock,
        sla_results: SlaResults,
        owned: Callable[[], Collection[int]],
        chunk: int = 1_000,
        every_seconds: float = 1.0,
    ) -> None:
        """`owned`: the partition numbers to look after."""
        self._transactions = transactions
        self._calendar = calendar
        self._clock = clock
        self._sla_results = sla_results
        self._owned = owned
        self._chunk = chunk
        self._every_seconds = every_seconds

    async def run(self) -> None:
        """Work off what is queued, for ever; between chunks the batches of the partition have their turn.

        Raises TransientFailure when the database stays away.
        """
        while True:
            waiting = await self._waiting()
            for partition in sorted(waiting):
                await self.rejudge_chunk(partition)
            if not waiting:
                await asyncio.sleep(self._every_seconds)

    async def rejudge_all(self) -> int:
        """Work off all that is queued for the partitions looked after; the number of cases judged anew."""
        total = 0
        while partitions := await self._waiting():
            for partition in sorted(partitions):
                total += await self.rejudge_chunk(partition)
        return total

    async def rejudge_chunk(self, partition: int) -> int:
        """Judge the next cases of the partition's first re-judgement anew, in one transaction; how many they were."""

        async def chunk(connection: Connection, _doubtful: bool) -> tuple[int, Counter[Noticed]]:
            state = await postgres.lock(connection, partition)
            if state is None:
                return 0, Counter()
            now = self._clock.now()
            await rulebooks.require_own(connection, state, self._calendar, now)
            judged = await judge_next(connection, state, self._calendar, now, limit=self._chunk)
            if judged is None:
                return 0, Counter()
            name, finished = judged.procedure_id, judged.finished
            log.info("cases_rejudged", procedure_id=name, cases=judged.cases, finished=finished)
            today = self._calendar.local_date(now)
            return judged.cases, noticed_results(judged.fold.found, lambda _: judged.history, today)

        cases, noticed = await self._transactions.run(chunk)
        self._sla_results.add(noticed)
        return cases

    async def _waiting(self) -> set[int]:
        async def read(connection: Connection, _doubtful: bool) -> set[int]:
            return await postgres_registry.partitions_to_rejudge(connection)

        return await self._transactions.run(read) & set(self._owned())

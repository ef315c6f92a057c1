"""Brings a generation that was loaded up to where the live one is: the same fold and the same SQL as a worker's."""

from collections.abc import Mapping

from qos_domain.calendar import Calendar
from qos_domain.facts import NO_FACTS
from qos_domain.registry import History
from qos_processing import folding, postgres, postgres_registry
from qos_processing.dead_letters import DeadLetter
from qos_processing.log_shares import LogReader
from qos_processing.ports import Batch
from qos_processing.postgres import PartitionState, Position
from qos_processing.rebuild import generations
from qos_processing.registration import register
from qos_processing.rejudging import judge_next
from qos_processing.transactions import Connection
from qos_runtime.clock import Clock

_CASES_AT_ONCE = 2_000


class CatchingUp:
    """Applies to one generation what the live one has applied since. In the caller's transactions."""

    def __init__(
        self, session: Connection, log: LogReader, *, calendar: Calendar, clock: Clock, generation: int
    ) -> None:
        self._session = session
        self._log = log
        self._calendar = calendar
        self._clock = clock
        self._generation = generation

    async def lag(self, live: int) -> int:
        """How many records the live generation is ahead."""
        ahead, own = await self._offsets(live)
        return sum(offset - own[position] for position, offset in ahead.items())

    async def catch_up(self, live: int) -> int:
        """Apply what the live generation had applied when this was called, and judge anew what that asks for; how many
        records it was. Raises LogMismatch, TransientFailure.
        """
        ahead, own = await self._offsets(live)
        applied = 0
        for partition in sorted({partition for _, partition in ahead}):
            begin = {topic: offset for (topic, number), offset in own.items() if number == partition}
            until = {topic: offset for (topic, number), offset in ahead.items() if number == partition}
            async for batch in self._log.batches(partition, begin, until):
                async with self._session.transaction():
                    await self._apply(await self._state(partition), batch)
                applied += len(batch.records)
            async with self._session.transaction():
                await self._judge_anew(partition)
        return applied

    async def _offsets(self, live: int) -> tuple[Mapping[tuple[str, int], int], Mapping[tuple[str, int], int]]:
        ahead = await generations.offsets(self._session, live)
        return ahead, await generations.offsets(self._session, self._generation)

    async def _state(self, partition: int) -> PartitionState:
        return await generations.lock(self._session, self._generation, partition)

    async def _apply(self, state: PartitionState, batch: Batch) -> None:
        now = self._clock.now()
        accepted = (self._log.accepted(batch, record) for record in batch.records)
        # What is refused was buried when the live generation met it.
        registry_events, facts = folding.sort_out(event for event in accepted if not isinstance(event, DeadLetter))
        changed: Mapping[str, History] = {}
        if registry_events:
            today = self._calendar.local_date(now)
            changed = (await register(self._session, state, registry_events, today)).changed
        procedure_ids = {procedure_id for procedure_id, _ in facts}
        registry = await postgres_registry.load_registry(self._session, self._generation, procedure_ids)
        histories = {name: History.of(registry.get(name, NO_FACTS)) for name in procedure_ids}
        stored = await postgres.load_cases(self._session, self._generation, facts)
        fold = folding.fold(facts, stored, histories.__getitem__, self._calendar)
        await postgres.write_cases(self._session, state, fold.changes, self._calendar)
        touched = {procedure_id for procedure_id, _, _ in fold.differences}.union(changed)
        last_appended_at = batch.records[-1].appended_at if batch.records else None
        positions = (Position(batch.topic, batch.next_offset, last_appended_at),)
        await postgres.settle(
            self._session, state, buckets=fold.differences, touched=touched, positions=positions, now=now
        )

    async def _judge_anew(self, partition: int) -> None:
        """All that is queued: a reader must not see figures that the live generation had put right already."""
        now, judged = self._clock.now(), True
        while judged:
            state = await self._state(partition)
            judged = bool(await judge_next(self._session, state, self._calendar, now, limit=_CASES_AT_ONCE))

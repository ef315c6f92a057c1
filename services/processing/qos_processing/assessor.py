"""Levels: assessed anew where figures changed, and all of them once a day. The leader runs it.

Evidence is read without the partition's lock, and what comes of it is written under the lock if nobody assessed the
same procedures meanwhile; a procedure that was touched meanwhile stays touched.
"""

import asyncio
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import date, timedelta

from qos_domain.assessment import SETTLING_DAYS, Cause, settle
from qos_domain.rulebooks import of_criteria
from qos_processing import (
    postgres,
    postgres_announcements,
    postgres_levels,
    postgres_outbox,
    postgres_registry,
    rulebooks,
)
from qos_processing.assessing import Assessed, Assessing, digest_of_news
from qos_processing.outgoing import Outgoing
from qos_processing.ports import Message
from qos_processing.postgres import PartitionState
from qos_processing.postgres_levels import DailyRun, LevelsRow, StoredLevels, Touched
from qos_processing.transactions import Connection, Transactions
from qos_runtime.clock import Clock
from qos_runtime.logging import get_logger

log = get_logger(__name__)

_DAY = timedelta(days=1)
_Results = Mapping[str, Assessed]


class NothingProcessed(Exception):
    """The partition has no state: nothing of it was ever processed, so there is nothing to assess."""


@dataclass(frozen=True, slots=True)
class _Step:
    """The part of a day's assessment that is next: `found` is what is stored of it, `run` what is to be done."""

    partition: int
    found: DailyRun | None
    run: DailyRun
    today: date


class LevelAssessor:
    """Assesses the procedures of all partitions, in chunks of bounded size."""

    def __init__(
        self,
        transactions: Transactions,
        assessing: Assessing,
        *,
        clock: Clock,
        outgoing: Outgoing,
        settling_days: int = SETTLING_DAYS,
        chunk: int = 200,
        every_seconds: float = 5.0,
    ) -> None:
        self._transactions = transactions
        self._assessing = assessing
        self._clock = clock
        self._outgoing = outgoing
        self._settling_days = settling_days
        self._chunk = chunk
        self._every_seconds = every_seconds

    async def run(self) -> None:
        """Assess what is touched, and each day once it is over, for ever. Raises TransientFailure."""
        await self.touch_other_criteria()
        while True:
            await self.assess_touched()
            await self.assess_days()
            await asyncio.sleep(self._every_seconds)

    async def touch_other_criteria(self) -> None:
        """Have what rests on another version of the criteria assessed anew: they are in force from now on."""
        for partition in await self._partitions():

            async def touch(connection: Connection, _doubtful: bool, partition: int = partition) -> None:
                state = await self._lock(connection, partition)
                await postgres_levels.touch_other_criteria(connection, state, self._assessing.criteria.version)

            await self._transactions.run(touch)

    async def assess_touched(self) -> int:
        """Assess the procedures whose figures changed, as of now; how many they were.

        Not before all is processed that stood in the log when this worker began to lead: a database that was set back
        would have levels told that its readers know to be over.
        """
        total = 0
        for partition in await self._partitions():
            if self._assessing.known_until(partition) is None:
                continue
            while assessed := await self._assess_touched_chunk(partition):
                total += assessed
                if assessed < self._chunk:
                    break
        return total

    async def assess_days(self) -> int:
        """Assess all procedures for each day that is over and wasn't assessed yet; how many procedures were read.

        A day is assessed once all that was appended on it is processed.
        Days that were missed are made up for, as far back as they can settle a level.
        """
        total = 0
        for partition in await self._partitions():
            while (step := await self._next_step(partition)) is not None:
                total += await self._assess_day_chunk(step)
        return total

    async def _partitions(self) -> list[int]:
        async def read(connection: Connection, _doubtful: bool) -> list[int]:
            return await postgres_announcements.live_partitions(connection)

        return await self._transactions.run(read)

    async def _assess_touched_chunk(self, partition: int) -> int:
        today = self._assessing.local_date(self._clock.now())

        async def read(
            connection: Connection, _doubtful: bool
        ) -> tuple[dict[str, Touched], dict[str, StoredLevels], _Results]:
            state = await self._state(connection, partition)
            touched = await postgres_levels.touched_procedures(connection, state, self._chunk)
            stored = await postgres_levels.stored_levels(connection, touched)
            return touched, stored, await self._assessing.assess(connection, state, touched, today)

        async def write(connection: Connection, _doubtful: bool) -> None:
            state = await self._lock(connection, partition)
            current = await _undisturbed(connection, touched, stored)
            live = {procedure_id: live_of[procedure_id] for procedure_id in current if procedure_id in live_of}
            restated = {procedure_id for procedure_id, one in touched.items() if one.cause is not None}
            await self._write(connection, state, stored, live, daily={}, restated=restated)
            await postgres_levels.untouch(connection, state, {p: touched[p] for p in current})

        touched, stored, live_of = await self._transactions.run(read)
        if touched:
            await self._transactions.run(write)
        return len(touched)

    async def _next_step(self, partition: int) -> _Step | None:
        known_until = self._assessing.known_until(partition)
        if known_until is None:
            return None

        async def read(connection: Connection, _doubtful: bool) -> DailyRun | None:
            return await postgres_levels.daily_run(connection, partition)

        found = await self._transactions.run(read)
        today = self._assessing.local_date(known_until)
        run = _next_run(found, today - _DAY, self._settling_days)
        return None if run is None else _Step(partition, found, run, today)

    async def _assess_day_chunk(self, step: _Step) -> int:
        run = step.run

        async def read(
            connection: Connection, _doubtful: bool
        ) -> tuple[list[str], dict[str, StoredLevels], _Results, _Results]:
            state = await self._state(connection, step.partition)
            procedure_ids = await postgres_levels.procedures_after(connection, state, run.cursor, self._chunk)
            stored = await postgres_levels.stored_levels(connection, procedure_ids)
            daily = await self._assessing.assess(connection, state, procedure_ids, run.as_of)
            return (
                procedure_ids,
                stored,
                daily,
                await self._assessing.assess(connection, state, procedure_ids, step.today),
            )

        async def write(connection: Connection, _doubtful: bool) -> None:
            state = await self._lock(connection, step.partition)
            if await postgres_levels.daily_run(connection, step.partition) != step.found:
                return
            current = await _undisturbed(connection, procedure_ids, stored)
            if len(current) < len(procedure_ids):
                return
            await postgres_registry.refresh_procedures(connection, state, procedure_ids, step.today)
            restated = await postgres_levels.causes(connection, state, procedure_ids)
            await self._write(connection, state, stored, live, daily, restated)
            finished = len(procedure_ids) < self._chunk
            cursor = "" if finished else procedure_ids[-1]
            await postgres_levels.write_daily_run(connection, step.partition, DailyRun(run.as_of, cursor, finished))
            if finished:
                log.info("day_assessed", partition=step.partition, as_of=run.as_of.isoformat())

        procedure_ids, stored, daily, live = await self._transactions.run(read)
        await self._transactions.run(write)
        return len(procedure_ids)

    async def _write(
        self,
        connection: Connection,
        state: PartitionState,
        stored: Mapping[str, StoredLevels],
        live: _Results,
        daily: _Results,
        restated: Collection[str],
    ) -> None:
        """Store assessments as of now, what daily ones settle, and what of both is to be told.

        `restated`: procedures whose figures something else than an event has changed since they were last assessed.
        """
        now = self._clock.now()
        await rulebooks.keep(connection, of_criteria(self._assessing.criteria), now)
        rows: list[LevelsRow] = []
        messages: list[Message] = []
        confirmed: list[str] = []
        for procedure_id, result in live.items():
            known = stored.get(procedure_id)
            settled, daily_digest, changed = (None if known is None else known.settled), None, None
            cause: Cause | None = None
            if known is None or known.digest != digest_of_news(result.digest, settled):
                cause = self._cause(known, touched=procedure_id in restated)
            if procedure_id in daily:
                why: Cause | None = "restatement" if known is not None and known.restated else cause
                settled, changed = settle(settled, daily[procedure_id].assessment, self._settling_days, why)
                daily_digest = daily[procedure_id].digest
            digest = digest_of_news(result.digest, settled)
            same = known is not None and known.digest == digest
            if same and known is not None and known.as_of == result.assessment.as_of and procedure_id not in daily:
                confirmed.append(procedure_id)
                continue
            # A time: it grows even if a database is restored from a backup, and readers drop what is older.
            revision = max(0 if known is None else known.revision + 1, int(now.timestamp() * 1000))
            # The change before the assessment that settles it: if only the one is sent and the database is lost, the
            # change is found, and told, again.
            if changed is not None:
                messages.append(self._outgoing.level_changed(daily[procedure_id].organisation_id, changed, now))
            if known is not None and same:
                revision = known.revision
            else:
                messages.append(
                    self._outgoing.assessed(result.organisation_id, result.assessment, settled, revision, now, cause)
                )
            rows.append(
                LevelsRow(
                    assessment=result.assessment,
                    revision=revision,
                    digest=digest,
                    settled=settled if procedure_id in daily else None,
                    daily_digest=daily_digest,
                    restated=cause is not None and procedure_id not in daily,
                )
            )
        news = [
            result.assessment
            for procedure_id, result in daily.items()
            if procedure_id not in stored or stored[procedure_id].daily_digest != result.digest
        ]
        await postgres_levels.write_levels(connection, state, rows, now)
        await postgres_levels.confirm(connection, confirmed, now)
        await postgres_levels.write_assessments(connection, news, now)
        await postgres_outbox.append(connection, state, messages, now)

    def _cause(self, known: StoredLevels | None, *, touched: bool) -> Cause | None:
        """Of an assessment that says something else than the one before, if there was one."""
        if known is not None and (touched or known.made_with != self._assessing.made_with()):
            return "restatement"
        return None

    async def _state(self, connection: Connection, partition: int) -> PartitionState:
        state = await postgres.read_state(connection, partition)
        if state is None:
            raise NothingProcessed
        return state

    async def _lock(self, connection: Connection, partition: int) -> PartitionState:
        state = await postgres.lock(connection, partition)
        if state is None:
            raise NothingProcessed
        await rulebooks.require_own(connection, state, self._assessing.calendar, self._clock.now())
        return state


def _next_run(found: DailyRun | None, yesterday: date, settling_days: int) -> DailyRun | None:
    if found is None:
        return DailyRun(yesterday)
    if not found.finished:
        return found
    if found.as_of >= yesterday:
        return None
    return DailyRun(max(found.as_of + _DAY, yesterday - (settling_days - 1) * _DAY))


async def _undisturbed(
    connection: Connection, procedure_ids: Iterable[str], stored: Mapping[str, StoredLevels]
) -> list[str]:
    """Those of the procedures that nobody else assessed since `stored` was read."""
    revisions = await postgres_levels.revisions(connection, list(procedure_ids))
    return [
        procedure_id
        for procedure_id in procedure_ids
        if revisions.get(procedure_id) == (stored[procedure_id].revision if procedure_id in stored else None)
    ]

"""Verifies a generation of tables: which cases, procedures and totals are compared, and with what."""

from collections import Counter
from collections.abc import AsyncIterator, Callable, Collection, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import TypeAlias

import asyncpg
import msgspec

from qos_domain.calendar import Calendar
from qos_domain.errors import TransientFailure
from qos_domain.registry import History
from qos_domain.rows import Row, decode_contributions
from qos_processing.made_with import check_calendar, check_logic
from qos_processing.postgres import NoLiveGeneration
from qos_processing.verify import log
from qos_processing.verify.comparing import CheckedCase, compare_case, compare_rows
from qos_processing.verify.findings import WHATS, Findings, Verified
from qos_processing.verify.snapshot import Snapshot, live_generation
from qos_runtime.clock import Clock
from qos_runtime.postgres import DatabaseError
from qos_runtime.settings import RuntimeSettings

Progress: TypeAlias = Callable[[str, int, int], None]
"""Is told what is being compared, how much of it is done, and of how much."""

SAMPLE = 10_000
"""So many cases are drawn where nothing else is said."""

_HISTORIES_KEPT = 5_000


@dataclass(frozen=True, slots=True)
class Scope:
    """What to verify. Totals of organisations and of everything are always compared whole.

    `procedures`: all cases and buckets of these. Else, with `sample`: about so many cases drawn from all, and all cases
    and buckets of procedures drawn until they have as many. Else everything. The same `seed` draws the same.
    `log`: compare the facts of cases and registry with the log itself, too: of all of them, but for `procedures`.
    """

    procedures: tuple[str, ...] = ()
    sample: int | None = None
    seed: int = 0
    log: bool = False

    def __str__(self) -> str:
        if self.procedures:
            what = "procedures " + ", ".join(self.procedures)
        elif self.sample is not None:
            what = f"a sample of {self.sample} cases, seed {self.seed}"
        else:
            what = "everything"
        return f"{what}, and the log" if self.log else what


class Examination:
    """Compares what one snapshot holds with a fresh fold of it, and adds what it finds to `findings`."""

    def __init__(self, snapshot: Snapshot, calendar: Calendar, findings: Findings, progress: Progress) -> None:
        self._snapshot = snapshot
        self._calendar = calendar
        self._findings = findings
        self._progress = progress
        self._histories: dict[str, History] = {}
        self._rejudging: frozenset[str] = frozenset()

    async def examine(self, scope: Scope) -> int:
        """All of the scope but the log. How many procedures' cases were left out, as they wait to be judged anew."""
        self._rejudging = await self._snapshot.rejudging()
        if scope.procedures:
            await self._procedures(scope.procedures)
        elif scope.sample is None:
            await self._procedures(await self._snapshot.procedures())
        else:
            await self._sample(scope.sample, scope.seed)
        await self._totals()
        return len(self._rejudging.intersection(scope.procedures) if scope.procedures else self._rejudging)

    async def _sample(self, wanted: int, seed: int) -> None:
        total = await self._snapshot.count_cases()
        if total:
            async for case in self._snapshot.drawn_cases(wanted / total, seed):
                await self._case(case)
                self._progress("cases", self._findings.checked["cases"], min(wanted, total))
        drawn = await self._snapshot.drawn_procedures(seed)
        before = self._findings.checked["cases"]
        for number, procedure_id in enumerate(drawn):
            if self._findings.checked["cases"] - before >= wanted:
                break
            await self._procedure(procedure_id)
            self._progress("procedures", number + 1, len(drawn))

    async def _procedures(self, procedure_ids: Collection[str]) -> None:
        for number, procedure_id in enumerate(procedure_ids, 1):
            await self._procedure(procedure_id)
            self._progress("procedures", number, len(procedure_ids))

    async def _procedure(self, procedure_id: str) -> None:
        sums: Counter[Row] = Counter()
        async for case in self._snapshot.cases_of(procedure_id):
            await self._case(case)
            try:
                sums.update(decode_contributions(case.contributions))
            except msgspec.DecodeError:
                continue  # which is a mismatch of the case
        stored = await self._snapshot.buckets(procedure_id)
        self._findings.checked["buckets"] += len(stored.keys() | sums.keys())
        for mismatch in compare_rows("buckets", {"procedure_id": procedure_id}, stored, sums):
            self._findings.add(mismatch)

    async def _case(self, case: CheckedCase) -> None:
        procedure_id = case.key[0]
        if procedure_id in self._rejudging:
            return
        history = self._histories.get(procedure_id)
        if history is None:
            if len(self._histories) >= _HISTORIES_KEPT:
                self._histories.clear()
            history = self._histories[procedure_id] = await self._snapshot.history(procedure_id)
        self._findings.checked["cases"] += 1
        for mismatch in compare_case(case, history, self._calendar):
            self._findings.add(mismatch)

    async def _totals(self) -> None:
        self._progress("totals", 0, 1)
        totals = await self._snapshot.totals()
        self._findings.checked["totals"] += totals.checked
        self._findings.counts["totals"] += totals.wrong
        for mismatch in totals.mismatches:
            self._findings.show(mismatch)
        self._progress("totals", 1, 1)


async def verify(
    settings: RuntimeSettings,
    scope: Scope,
    *,
    calendar: Calendar,
    clock: Clock,
    progress: Progress = lambda *_: None,
) -> Verified:
    """Verify the live generation, and remember the result for the metrics service.

    Raises OtherLogic when other logic than this program's made it, OtherCalendar and ChangedCalendar when another
    calendar did, NoLiveGeneration, LogMismatch when the log lacks what the tables tell of, TransientFailure when
    database or broker are away.
    """
    findings = Findings()
    async with long_session(settings.database_url, application_name="qos-verify") as connection:
        async with connection.transaction(isolation="repeatable_read", readonly=True):
            generation = await live_generation(connection)
            if generation is None:
                raise NoLiveGeneration
            check_logic(generation.logic_version)
            check_calendar(generation.made_with, calendar)
            snapshot = Snapshot(connection, generation.number)
            rejudging = await Examination(snapshot, calendar, findings, progress).examine(scope)
            if scope.log:
                await log.compare(settings, snapshot, scope.procedures, findings, progress)
        verified = Verified(
            generation=generation.number,
            scope=str(scope),
            finished_at=clock.now(),
            checked=dict(findings.checked),
            mismatch_counts={what: findings.counts[what] for what in findings.checked},
            mismatches=findings.mismatches,
            rejudging=rejudging,
        )
        await connection.executemany(_REMEMBER, _rows(verified))
    return verified


_REMEMBER = """
    INSERT INTO verifications (finished_at, what, generation, scope, checked, mismatches)
    VALUES ($1, $2, $3, $4, $5, $6)
"""


def _rows(verified: Verified) -> Iterable[tuple[object, ...]]:
    for what in WHATS:
        if what in verified.checked:
            checked, mismatches = verified.checked[what], verified.mismatch_counts[what]
            yield verified.finished_at, what, verified.generation, verified.scope, checked, mismatches


@asynccontextmanager
async def long_session(
    database_url: str, *, application_name: str
) -> "AsyncIterator[asyncpg.Connection[asyncpg.Record]]":
    """A session that may be idle in its transaction: while the log is read, and while cases are folded.

    Raises TransientFailure when the database is away, or goes away meanwhile.
    """
    try:
        connection = await asyncpg.connect(
            database_url, server_settings={"application_name": application_name, "timezone": "UTC", "jit": "off"}
        )
        try:
            yield connection
        finally:
            await connection.close()
    except DatabaseError as error:
        raise TransientFailure(f"the database doesn't answer ({type(error).__name__}: {error})") from error

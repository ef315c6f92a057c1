"""Loads one share of the log into a generation that is being built: in a process of its own, by COPY, in key order."""

import asyncio
import gc
import multiprocessing
import os
import threading
from collections import Counter
from collections.abc import AsyncIterator, Iterable, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, date, datetime

import asyncpg

from qos_domain.calendar import Calendar
from qos_domain.case import CaseKey
from qos_domain.contributions import LOGIC_VERSION
from qos_domain.registry import History
from qos_domain.rows import Row
from qos_processing import folding, postgres, postgres_outbox, postgres_registry
from qos_processing.announcing import Announced
from qos_processing.dead_letters import DeadLetter
from qos_processing.folding import CaseChange, StoredCase
from qos_processing.log_shares import Share, Told, reading
from qos_processing.postgres import CASE_COLUMNS, PartitionState
from qos_processing.rebuild import generations
from qos_processing.rebuild.presuming import Presuming
from qos_processing.transactions import Connection
from qos_runtime.settings import RuntimeSettings

_CASES_AT_ONCE = 2_000
_ROWS_AT_ONCE = 20_000
_TELL_SECONDS = 0.5

_SESSION = {
    "application_name": "qos-rebuild-loader",
    "timezone": "UTC",
    "jit": "off",
    "plan_cache_mode": "force_custom_plan",
    "synchronous_commit": "off",  # the swap's own commit waits for all that was written before
}
_CASES = ("generation", "partition", *CASE_COLUMNS, "announced", "announced_breach_date", "announcements")
_SUSPENDED = _CASES.index("suspended")
_BUCKETS = (
    "generation",
    "procedure_id",
    "organisation_id",
    "date",
    "channel",
    "online",
    "measure",
    "bin",
    "value",
)
# What the live generation announced is not announced again.
_ANNOUNCED = """
    SELECT procedure_id, application_id, announced, announced_breach_date, announcements FROM cases
    WHERE generation = $1 AND procedure_id = ANY ($2::text[]) AND announcements > 0
"""
_READ = "UPDATE rebuild_shares SET records_read = $4 WHERE generation = $1 AND partition = $2 AND part = $3"
_APPENDED = """
    UPDATE partition_offsets o SET last_appended_at = n.last_appended_at, processed_at = now()
    FROM unnest($3::text[], $4::timestamptz[]) AS n (topic, last_appended_at)
    WHERE o.generation = $1 AND o.partition = $2 AND o.topic = n.topic
"""
_LOADED = """
    UPDATE rebuild_shares SET records_read = records_total, cases = $4, bucket_sum = $5, refused = $6, loaded = true
    WHERE generation = $1 AND partition = $2 AND part = $3
"""


@dataclass(frozen=True, slots=True)
class Forgotten:
    """What nobody remembers but the log, where the database was lost whole.

    `presumed_from`: what was announced before this instant is presumed, of the partition numbers `partitions`, whose
    messages are gone; `number` is greater than that of any of them. `refused_since`: records that can't be accepted and
    were appended since are buried, if their dead letters aren't known.
    """

    presumed_from: datetime
    partitions: frozenset[int]
    number: int
    refused_since: datetime


@dataclass(frozen=True, slots=True)
class Target:
    """Where to: the generation that is being built, beside the live one, which knows what was announced.

    `forgotten`: after a loss, when it knows that only of what could be read back.
    """

    generation: int
    live: int
    forgotten: Forgotten | None = None


def prepare_process() -> None:
    """A loader must not outlive the rebuild that started it, however that ends. Nothing it makes has cycles."""
    gc.disable()
    parent = multiprocessing.parent_process()
    if parent is not None:

        def end_with_parent() -> None:
            parent.join()
            os._exit(1)

        threading.Thread(target=end_with_parent, daemon=True).start()


def load(settings: RuntimeSettings, target: Target, share: Share) -> None:
    """Load the share. Raises LogMismatch, TransientFailure, and what asyncpg raises; then the rebuild has failed."""
    calendar = Calendar.load(settings.calendar, settings.time_zone)
    asyncio.run(_load(settings, target, share, calendar))


async def _load(settings: RuntimeSettings, target: Target, share: Share, calendar: Calendar) -> None:
    connection = await asyncpg.connect(settings.database_url, server_settings=_SESSION)
    try:
        async with reading(settings, client_id="qos-rebuild") as log, _telling(connection, target, share) as progress:
            told = await log.tell(share, progress=progress, **_instants(target.forgotten, share.partition))
        await _Loader(connection, target, share, calendar).write(told)
    finally:
        await connection.close()


def _instants(forgotten: Forgotten | None, partition: int) -> dict[str, int]:
    if forgotten is None:
        return {}
    instants = {"refused_since_ms": _milliseconds(forgotten.refused_since)}
    if partition in forgotten.partitions:
        instants["earlier_than_ms"] = _milliseconds(forgotten.presumed_from)
    return instants


def _milliseconds(instant: datetime) -> int:
    return int(instant.timestamp() * 1000)


def _instant(milliseconds: int) -> datetime:
    return datetime.fromtimestamp(milliseconds / 1000, UTC)


class _Loader:
    def __init__(self, session: Connection, target: Target, share: Share, calendar: Calendar) -> None:
        self._session = session
        self._target = target
        self._share = share
        self._calendar = calendar
        self._state = PartitionState(
            generation=target.generation,
            partition=share.partition,
            logic_version=LOGIC_VERSION,
            revision=0,
            registry_revision=0,
            outbox_seq=0,
        )
        self._cases = 0
        self._bucket_sum = 0
        self._buckets: list[tuple[object, ...]] = []

    async def write(self, told: Told) -> None:
        if told.refused_since:
            await self._bury(told.refused_since)
        histories = {procedure_id: told.history(procedure_id) for procedure_id in {key[0] for key in told.cases}}
        await self._registry(told)
        sums: dict[str, Counter[Row]] = {}
        keys = sorted(told.cases)
        for start in range(0, len(keys), _CASES_AT_ONCE):
            chunk = keys[start : start + _CASES_AT_ONCE]
            await self._write_cases(told, chunk, histories, sums)
            # The procedure of the last case may go on in the next chunk.
            for procedure_id in sorted(sums.keys() - {chunk[-1][0]}):
                await self._write_buckets(procedure_id, sums.pop(procedure_id))
        for procedure_id, rows in sums.items():
            await self._write_buckets(procedure_id, rows)
        await self._flush()
        share = self._share
        if share.part == 0 and told.last_appended_ms:
            columns = list(told.last_appended_ms), [_instant(ms) for ms in told.last_appended_ms.values()]
            await self._session.execute(_APPENDED, self._target.generation, share.partition, *columns)
        await self._session.execute(
            _LOADED, self._target.generation, share.partition, share.part, self._cases, self._bucket_sum, told.refused
        )

    async def _bury(self, letters: Sequence[DeadLetter]) -> None:
        async with self._session.transaction():
            state = await generations.lock(self._session, self._state.generation, self._state.partition)
            await postgres_outbox.bury_unknown(self._session, state, letters, datetime.now(UTC))

    async def _registry(self, told: Told) -> None:
        facts = [(name, fact) for name in sorted(told.procedures) for fact in told.registry_facts(name).values()]
        if facts:
            histories = {name: told.history(name) for name in told.procedures}
            today = self._calendar.local_date(datetime.now(UTC))
            await postgres_registry.write_registry(self._session, self._state, facts, histories, today)

    async def _write_cases(
        self,
        told: Told,
        keys: list[CaseKey],
        histories: Mapping[str, History],
        sums: dict[str, Counter[Row]],
    ) -> None:
        announced = await self._announced({procedure_id for procedure_id, _ in keys})
        stored = {key: StoredCase("[]", "[[],[]]", announced[key]) for key in keys if key in announced}
        counts = {key: len(told.cases[key]) for key in keys}
        facts = {key: told.cases.pop(key) for key in keys}
        fold = folding.fold(facts, stored, histories.__getitem__, self._calendar)
        for procedure_id, row, value in fold.differences:
            sums.setdefault(procedure_id, Counter())[row] += value
        self._cases += len(fold.changes)
        changes: Iterable[CaseChange] = fold.changes
        forgotten, earlier = self._target.forgotten, told.earlier
        if forgotten is not None and earlier is not None:
            presuming = Presuming(told, earlier, forgotten.presumed_from, forgotten.number, self._calendar)
            changes = [
                change if change.key in announced else presuming.presume(change, counts[change.key])
                for change in fold.changes
            ]
        await self._copy("cases", _CASES, map(self._case_row, changes))

    async def _announced(self, procedure_ids: set[str]) -> dict[CaseKey, Announced]:
        rows = await self._session.fetch(_ANNOUNCED, self._target.live, procedure_ids)
        return {(row[0], row[1]): Announced(*row[2:]) for row in map(tuple, rows)}

    def _case_row(self, change: CaseChange) -> tuple[object, ...]:
        announced = change.announced
        row = [
            self._target.generation,
            self._share.partition,
            *postgres.case_row(change, self._calendar),
            announced.said,
            announced.breach_date,
            announced.count,
        ]
        spans = () if change.case is None else change.case.suspended
        row[_SUSPENDED] = [asyncpg.Range(begin, end) for begin, end in spans]
        return tuple(row)

    async def _write_buckets(self, procedure_id: str, sums: Counter[Row]) -> None:
        self._bucket_sum += sums.total()
        self._buckets += [
            (self._target.generation, procedure_id, row.organisation_id, date.fromordinal(row.day), *row[2:], value)
            for row, value in sorted(sums.items())
            if value
        ]
        if len(self._buckets) >= _ROWS_AT_ONCE:
            await self._flush()

    async def _flush(self) -> None:
        await self._copy("day_buckets", _BUCKETS, iter(self._buckets))
        self._buckets = []

    async def _copy(self, table: str, columns: tuple[str, ...], rows: Iterator[tuple[object, ...]]) -> None:
        name = f"{table}_g{self._target.generation}"
        await self._session.copy_records_to_table(name, records=rows, columns=columns)


class _Telling:
    """Counts what was read, and writes it where the rebuild and the metrics service look."""

    def __init__(self) -> None:
        self.read = 0

    def __call__(self, records: int) -> None:
        self.read += records


@asynccontextmanager
async def _telling(session: Connection, target: Target, share: Share) -> AsyncIterator[_Telling]:
    progress = _Telling()

    async def tell() -> None:
        while True:
            await asyncio.sleep(_TELL_SECONDS)
            await session.execute(_READ, target.generation, share.partition, share.part, progress.read)

    telling = asyncio.create_task(tell())
    try:
        yield progress
    finally:
        telling.cancel()
        await asyncio.gather(telling, return_exceptions=True)

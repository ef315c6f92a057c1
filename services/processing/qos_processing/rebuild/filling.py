"""What fills a generation that is being built, and looks at what came of it: processes that load, and a sample."""

import asyncio
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeAlias

from qos_domain.calendar import Calendar
from qos_processing.log_shares import RECORDS_AT_ONCE, Share
from qos_processing.rebuild import generations
from qos_processing.rebuild.loaders import load_shares
from qos_processing.rebuild.loading import Target
from qos_processing.rebuild.refusals import RebuildFailed
from qos_processing.transactions import Connection
from qos_processing.verify.findings import Findings
from qos_processing.verify.snapshot import Snapshot
from qos_processing.verify.verification import Examination, Scope
from qos_runtime.settings import RuntimeSettings

Progress: TypeAlias = Callable[[str, int, int], None]
"""Is told the step, how much of it is done, and of how much (1 where that can't be known)."""

_LOOK_SECONDS = 0.5
_SAMPLE = 1_000


@dataclass(frozen=True, slots=True)
class Options:
    """`processes` load shares at a time; `at_once` records of a share are held in memory; `room_is_there`: don't look
    whether the disk has room; `another_calendar`: the calendar may be another one than that of the live results.
    """

    processes: int = os.cpu_count() or 1
    at_once: int = RECORDS_AT_ONCE
    room_is_there: bool = False
    another_calendar: bool = False


async def load_all(
    session: Connection,
    settings: RuntimeSettings,
    target: Target,
    wanted: Sequence[Share],
    options: Options,
    progress: Progress,
) -> None:
    """Load these shares, by processes that end with this one. Raises RebuildFailed, LogMismatch, TransientFailure."""
    loading = asyncio.ensure_future(load_shares(settings, target, wanted, processes=options.processes))
    try:
        while not loading.done():
            await asyncio.wait((loading,), timeout=_LOOK_SECONDS)
            progress("loading the log", *await generations.records(session, target.generation))
        loading.result()
    finally:
        loading.cancel()
        await asyncio.wait((loading,))


async def verify_sample(session: Connection, generation: int, calendar: Calendar, progress: Progress) -> None:
    """Raises RebuildFailed if a figure of a sample is not what a fresh fold of the stored facts gives."""
    findings = Findings()
    async with session.transaction(isolation="repeatable_read", readonly=True):
        snapshot = Snapshot(session, generation)
        await Examination(snapshot, calendar, findings, progress).examine(Scope(sample=_SAMPLE))
    if findings.mismatches:
        first = "; ".join(map(str, findings.mismatches[:3]))
        raise RebuildFailed(f"{findings.counts.total()} figures are not those of a fresh fold: {first}")

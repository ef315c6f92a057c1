"""What fills a generation that is being built, and looks at what came of it: processes that load, and a sample."""

import asyncio
import os
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from multiprocessing import active_children, get_context
from typing import TypeAlias

from qos_domain.calendar import Calendar
from qos_processing.log_shares import RECORDS_AT_ONCE, Share
from qos_processing.rebuild import generations
from qos_processing.rebuild.loading import Target, load, prepare_process
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
    whether the disk has room.
    """

    processes: int = os.cpu_count() or 1
    at_once: int = RECORDS_AT_ONCE
    room_is_there: bool = False


async def load_all(
    session: Connection,
    settings: RuntimeSettings,
    target: Target,
    wanted: Sequence[Share],
    options: Options,
    progress: Progress,
) -> None:
    """Load these shares, by processes that end with this one. Raises RebuildFailed, LogMismatch, TransientFailure."""
    loop, others = asyncio.get_running_loop(), set(active_children())
    executor = ProcessPoolExecutor(options.processes, mp_context=get_context("spawn"), initializer=prepare_process)
    loading = [loop.run_in_executor(executor, load, settings, target, share) for share in wanted]
    waiting: set[asyncio.Future[None]] = set(loading)
    try:
        while waiting:
            done, waiting = await asyncio.wait(waiting, timeout=_LOOK_SECONDS, return_when=asyncio.FIRST_EXCEPTION)
            for one in done:
                one.result()
            progress("loading the log", *await generations.records(session, target.generation))
    except BrokenProcessPool as error:
        raise RebuildFailed(
            "a loading process was ended from outside, as when memory runs out: hold fewer records in memory"
        ) from error
    finally:
        # Killed and not waited for, done or not: a pool has been seen to wait for its processes for ever. What they
        # had to say is committed or, where the rebuild has failed, dropped.
        for child in set(active_children()) - others:
            child.kill()
        executor.shutdown(wait=False, cancel_futures=True)
        await asyncio.gather(*loading, return_exceptions=True)


async def verify_sample(session: Connection, generation: int, calendar: Calendar, progress: Progress) -> None:
    """Raises RebuildFailed if a figure of a sample is not what a fresh fold of the stored facts gives."""
    findings = Findings()
    async with session.transaction(isolation="repeatable_read", readonly=True):
        snapshot = Snapshot(session, generation)
        await Examination(snapshot, calendar, findings, progress).examine(Scope(sample=_SAMPLE))
    if findings.mismatches:
        first = "; ".join(map(str, findings.mismatches[:3]))
        raise RebuildFailed(f"{findings.counts.total()} figures are not those of a fresh fold: {first}")

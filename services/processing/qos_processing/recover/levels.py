"""Assessments and settled levels, read back from `qos-levels`, which keeps the last message of each procedure."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import msgspec

from qos_processing import postgres_levels
from qos_processing.outgoing import Outgoing, ToldOfLevels
from qos_processing.ports import instant_of
from qos_processing.postgres import PartitionState
from qos_processing.postgres_levels import DailyRun
from qos_processing.recall import levels_row
from qos_processing.recover.reading import OwnTopic
from qos_processing.transactions import Connection
from qos_runtime.logging import get_logger

log = get_logger(__name__)

_DAY = timedelta(days=1)
_ROWS_AT_ONCE = 1_000


@dataclass(frozen=True, slots=True)
class Levels:
    """How many procedures have an assessment again, and how many of them settled levels."""

    assessed: int
    settled: int


async def restore_levels(session: Connection, topic: OwnTopic, outgoing: Outgoing) -> Levels:
    """Store the last assessment of each procedure, with its revision; and go on with daily assessments where they were.

    Of the day that was assessed last it isn't known whether all procedures had their turn: it is assessed again, and
    changes nothing of those that had. Raises TransientFailure.
    """
    last: dict[int, dict[str, ToldOfLevels]] = defaultdict(dict)
    said_at: dict[int, datetime] = {}
    async for partition, records in topic.portions():
        for record in records:
            try:
                told = outgoing.read(record.value or b"")
            except msgspec.MsgspecError:
                log.warning("not_an_assessment", partition=record.partition, offset=record.offset)
                continue
            if not isinstance(told, ToldOfLevels):
                continue
            procedure_id = told.assessment.procedure_id
            known = last[partition].get(procedure_id)
            if known is None or known.revision < told.revision:
                last[partition][procedure_id] = told
            said_at[partition] = instant_of(record.timestamp)
    for partition, by_procedure in last.items():
        await _store(session, partition, list(by_procedure.values()), said_at[partition])
    found = [told for by_procedure in last.values() for told in by_procedure.values()]
    return Levels(assessed=len(found), settled=sum(told.settled is not None for told in found))


async def _store(session: Connection, partition: int, found: Sequence[ToldOfLevels], assessed_at: datetime) -> None:
    # Nothing of the partition number is stored yet.
    state = PartitionState(0, partition, logic_version=0, revision=0, registry_revision=0, outbox_seq=0)
    async with session.transaction():
        for start in range(0, len(found), _ROWS_AT_ONCE):
            rows = [levels_row(told) for told in found[start : start + _ROWS_AT_ONCE]]
            await postgres_levels.write_levels(session, state, rows, assessed_at)
        if days := [told.settled.as_of for told in found if told.settled is not None]:
            await postgres_levels.write_daily_run(session, partition, DailyRun(max(days) - _DAY, finished=True))

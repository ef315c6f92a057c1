"""Assessments and settled levels, read back from `qos-levels`, which keeps the last message of each procedure."""

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

import msgspec

from qos_processing import postgres, postgres_levels
from qos_processing.assessing import digest_of, digest_of_news
from qos_processing.outgoing import LevelsData
from qos_processing.postgres import PartitionState
from qos_processing.postgres_levels import DailyRun, LevelsRow
from qos_processing.recover.reading import OwnTopic, appended_at
from qos_processing.transactions import Connection
from qos_runtime.logging import get_logger

log = get_logger(__name__)

_DAY = timedelta(days=1)
_ROWS_AT_ONCE = 1_000


class _CloudEvent(msgspec.Struct, frozen=True):
    data: LevelsData


_decode: Final = msgspec.json.Decoder(_CloudEvent).decode


@dataclass(frozen=True, slots=True)
class Levels:
    """How many procedures have an assessment again, and how many of them settled levels."""

    assessed: int
    settled: int


async def restore_levels(session: Connection, topic: OwnTopic) -> Levels:
    """Store the last assessment of each procedure, with its revision, unless a later one is stored; and go on with
    daily assessments where they were.

    Of the day that was assessed last it isn't known whether all procedures had their turn: it is assessed again, and
    changes nothing of those that had. Raises TransientFailure.
    """
    last: dict[int, dict[str, LevelsData]] = defaultdict(dict)
    said_at: dict[int, datetime] = {}
    async for partition, records in topic.portions():
        for record in records:
            try:
                data = _decode(record.value or b"").data
            except msgspec.MsgspecError:
                log.warning("not_an_assessment", partition=record.partition, offset=record.offset)
                continue
            known = last[partition].get(data.procedure_id)
            if known is None or known.revision < data.revision:
                last[partition][data.procedure_id] = data
            said_at[partition] = appended_at(record)
    stored = [
        data
        for partition, by_procedure in last.items()
        for data in await _store(session, partition, by_procedure, said_at[partition])
    ]
    return Levels(assessed=len(stored), settled=sum(data.settled is not None for data in stored))


async def _store(
    session: Connection, partition: int, found: Mapping[str, LevelsData], assessed_at: datetime
) -> list[LevelsData]:
    async with session.transaction():
        state = await postgres.lock(session, partition) or _no_state(partition)
        revisions = await postgres_levels.revisions(session, list(found))
        later = [data for name, data in found.items() if revisions.get(name, -1) < data.revision]
        for start in range(0, len(later), _ROWS_AT_ONCE):
            rows = [_row(data) for data in later[start : start + _ROWS_AT_ONCE]]
            await postgres_levels.write_levels(session, state, rows, assessed_at)
        days = [data.settled.as_of for data in found.values() if data.settled is not None]
        run = await postgres_levels.daily_run(session, partition)
        if days and (run is None or run.as_of < max(days) - _DAY):
            await postgres_levels.write_daily_run(session, partition, DailyRun(max(days) - _DAY, finished=True))
    return later


def _no_state(partition: int) -> PartitionState:
    """Of a partition number of which nothing is stored yet."""
    return PartitionState(0, partition, logic_version=0, revision=0, registry_revision=0, outbox_seq=0)


def _row(data: LevelsData) -> LevelsRow:
    return LevelsRow(
        assessment=data.assessment,
        revision=data.revision,
        digest=digest_of_news(digest_of(data.assessment), data.settled),
        settled=data.settled,
    )

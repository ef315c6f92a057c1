"""What was announced of cases, read back from `sla-events` after a loss: it is not announced again.

It goes into the former generation, which is empty but for that: a loader asks there what was announced of a case.
"""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date

import msgspec

from qos_domain.calendar import Calendar
from qos_domain.case import CaseKey
from qos_processing import postgres_registry
from qos_processing.announcing import NOTHING_YET, Announced, heard
from qos_processing.outgoing import Outgoing, ToldOfCase
from qos_processing.postgres import PartitionState
from qos_processing.postgres_recall import VOID_CASE
from qos_processing.recover.reading import OwnTopic, Records
from qos_processing.transactions import Connection
from qos_runtime.logging import get_logger

log = get_logger(__name__)

_COLUMNS = (
    "generation",
    "partition",
    "procedure_id",
    "application_id",
    "facts",
    "contributions",
    "status",
    "announced",
    "announced_breach_date",
    "announcements",
)
_RETRACTED = """
    INSERT INTO retracted_breaches AS r (procedure_id, organisation_id, date, breaches) VALUES ($1, $2, $3, $4)
    ON CONFLICT (procedure_id, date, organisation_id) DO UPDATE SET breaches = greatest(r.breaches, excluded.breaches)
"""


@dataclass(frozen=True, slots=True)
class Retracted:
    """Whose breach was taken back (None: whoever owns the procedure), and on which day."""

    procedure_id: str
    organisation_id: str | None
    day: date


@dataclass(slots=True)
class Heard:
    """What the topic tells beside what was said last. `forgetful`: the partition numbers of which it has forgotten the
    oldest messages; `cases`: of how many cases it tells.
    """

    forgetful: frozenset[int] = frozenset()
    cases: int = 0
    retracted: Counter[Retracted] = field(default_factory=Counter)


async def restore_announcements(
    session: Connection, topic: OwnTopic, *, former: int, outgoing: Outgoing, calendar: Calendar
) -> Heard:
    """Store what was announced last of each case in the generation `former`. Raises TransientFailure."""
    found = Heard(forgetful=await topic.forgetful())
    reading: int | None = None
    announced: dict[CaseKey, Announced] = {}
    async for partition, records in topic.portions():
        if reading is not None and partition != reading:
            await _store(session, former, reading, announced, found)
            announced = {}
        reading = partition
        _hear(records, announced, found.retracted, outgoing, calendar)
    if reading is not None:
        await _store(session, former, reading, announced, found)
    return found


async def _store(
    session: Connection, former: int, partition: int, announced: Mapping[CaseKey, Announced], found: Heard
) -> None:
    rows = (
        (former, partition, *key, *VOID_CASE, said.said, said.breach_date, said.count)
        for key, said in announced.items()
    )
    await session.copy_records_to_table(f"cases_g{former}", records=rows, columns=_COLUMNS)
    found.cases += len(announced)


def _hear(
    records: Records,
    announced: dict[CaseKey, Announced],
    retracted: Counter[Retracted],
    outgoing: Outgoing,
    calendar: Calendar,
) -> None:
    for record in records:
        try:
            told = outgoing.read(record.value or b"")
        except msgspec.MsgspecError:
            log.warning("not_an_announcement", partition=record.partition, offset=record.offset)
            continue
        if not isinstance(told, ToldOfCase):
            continue
        before = announced.get(told.key, NOTHING_YET)
        after = heard(before, told.announced)
        if after is not before:
            announced[told.key] = after
            if after.said == "retracted":
                procedure_id, _ = told.key
                retracted[Retracted(procedure_id, told.organisation_id, calendar.local_date(told.time))] += 1


async def restore_retracted(session: Connection, generation: int, retracted: Counter[Retracted]) -> None:
    """Store how many announced breaches were taken back, by day; the procedures are in the generation by now."""
    state = PartitionState(generation, 0, logic_version=0, revision=0, registry_revision=0, outbox_seq=0)
    owners = await postgres_registry.owners(session, state, {one.procedure_id for one in retracted})
    breaches: Counter[tuple[str, str, date]] = Counter()
    for one, count in retracted.items():
        owner = owners.get(one.procedure_id)
        organisation_id = one.organisation_id or (owner.organisation_id if owner else "")
        breaches[one.procedure_id, organisation_id, one.day] += count
    if breaches:  # asyncpg leaves a transaction open after many of nothing
        await session.executemany(_RETRACTED, [(*key, count) for key, count in breaches.items()])

"""Cases that arrive while something else goes on, and what tells that all of them are through."""

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import count

from aiokafka import AIOKafkaConsumer

from qos_domain.events import ApplicationSubmitted, Event, NotificationSent
from qos_runtime.kafka import connection
from qos_runtime.postgres import Pool
from qos_runtime.settings import RuntimeSettings
from qos_runtime.topics import SLA_EVENTS
from support.eventually import eventually
from support.live_results import LiveResults, append

AT_A_TIME = 20


@dataclass
class Traffic:
    """Cases that arrive and are answered, no faster than they are processed, until `stop`."""

    settings: RuntimeSettings
    live: LiveResults
    procedure_ids: list[str]
    before: int
    numbers: Iterator[int] = field(default_factory=count)
    events: list[Event] = field(default_factory=list)
    stopping: bool = False

    async def run(self) -> None:
        while not self.stopping:
            batch = [event for _ in range(AT_A_TIME) for event in self._case()]
            await append(self.settings, batch)
            self.events += batch
            await eventually(self._processed, within=120)

    async def _processed(self) -> bool:
        return await self.live.processed() == self.before + len(self.events)

    def _case(self) -> list[Event]:
        number, at = next(self.numbers), datetime.now(UTC)
        name, case = self.procedure_ids[number % len(self.procedure_ids)], f"T-{number}"
        data = (
            ApplicationSubmitted(procedure_id=name, application_id=case, channel="online"),
            NotificationSent(procedure_id=name, application_id=case, channel="electronic"),
        )
        return [Event(source="urn:traffic", id=f"{case}-{n}", time=at, data=each) for n, each in enumerate(data)]


async def settled(pool: Pool, live: LiveResults, records: int) -> None:
    """All is processed and judged, announced and sent."""

    async def done() -> bool:
        of_live = "WHERE generation = (SELECT generation FROM generations WHERE status = 'live')"
        rejudging = f"SELECT count(*) FROM rejudgements {of_live}"  # noqa: S608
        due = f"SELECT count(*) FROM cases {of_live} AND next_announcement_at <= now()"  # noqa: S608
        return (
            await live.processed() == records
            and await pool.fetchval(rejudging) == 0
            and await pool.fetchval(due) == 0
            and await pool.fetchval("SELECT count(*) FROM outbox") == 0
        )

    await eventually(done, within=120)


async def sla_events(settings: RuntimeSettings) -> set[str]:
    """The ids of all announcements; each was sent once."""
    consumer = AIOKafkaConsumer(
        settings.topic(SLA_EVENTS),
        **connection(settings),
        group_id=None,
        auto_offset_reset="earliest",
        isolation_level="read_committed",
    )
    await consumer.start()
    ids: list[str] = []
    try:
        ends = await consumer.end_offsets(list(consumer.assignment()))
        for tp, end in ends.items():
            while await consumer.position(tp) < end:
                for records in (await consumer.getmany(tp, timeout_ms=500)).values():
                    ids += [json.loads(record.value)["id"] for record in records if b"level" not in record.value]
    finally:
        await consumer.stop()
    assert len(ids) == len(set(ids))
    return set(ids)

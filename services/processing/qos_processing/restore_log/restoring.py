"""Puts back into the log what the results hold and the log has lost, and lets workers go on where both agree."""

import asyncio
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TypeAlias

from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaError
from prometheus_client import CollectorRegistry

from qos_domain.acceptance import AcceptanceRules, encode_cloudevent
from qos_domain.errors import TransientFailure
from qos_domain.events import INPUT_TOPICS, Event
from qos_processing import postgres
from qos_processing.log_shares import RECORDS_AT_ONCE, LogReader, reading
from qos_processing.postgres import NoLiveGeneration
from qos_processing.restore_log.comparing import Comparison
from qos_processing.restore_log.findings import Finding, LogPosition, Stored
from qos_processing.topic_ids import TopicIdentity
from qos_processing.transactions import Connection, Transactions
from qos_processing.verify.snapshot import live_generation
from qos_processing.verify.verification import long_session
from qos_runtime.clock import Clock
from qos_runtime.kafka import admin_client, producer
from qos_runtime.logging import get_logger
from qos_runtime.postgres import Pool, create_pool
from qos_runtime.settings import RuntimeSettings
from qos_runtime.topics import INPUT, require_topics

Progress: TypeAlias = Callable[[str, int, int], None]
"""Is told the step, how much of it is done, and of how much."""

log = get_logger(__name__)

_HEADERS = [("content-type", b"application/cloudevents+json")]
_AT_ONCE = 1_000
_PATIENCE_SECONDS = 60.0

_STORED = "SELECT topic, partition, next_offset, last_appended_at FROM partition_offsets WHERE generation = $1"
_GO_ON = """
    UPDATE partition_offsets SET next_offset = $4, last_appended_at = $5, processed_at = $6
    WHERE generation = $1 AND partition = $2 AND topic = $3 AND next_offset > $4
"""


class UnknownPosition(Exception):
    """What is asked about isn't a partition of an input topic; the message names it."""


@dataclass(frozen=True, slots=True)
class Request:
    """Which topic partitions to compare: these, or `everything`, or else those whose log can be seen not to be the one
    that was processed. `dry_run`: change nothing."""

    positions: Collection[LogPosition] = ()
    everything: bool = False
    dry_run: bool = False
    at_once: int = RECORDS_AT_ONCE


def position_of(text: str, settings: RuntimeSettings) -> LogPosition:
    """`applications-3` as (topic, partition). Raises UnknownPosition."""
    topic, _, number = text.removeprefix(settings.topic_prefix).rpartition("-")
    if topic not in INPUT_TOPICS or not number.isdecimal() or int(number) >= settings.partitions:
        raise UnknownPosition(
            f"{text}: not topic-partition, of {', '.join(INPUT_TOPICS)} and 0 to {settings.partitions - 1}"
        )
    return topic, int(number)


async def restore(
    settings: RuntimeSettings, request: Request, *, clock: Clock, progress: Progress = lambda *_: None
) -> list[Finding]:
    """Compare, append what is lacking, then move the stored offsets back to where workers have to go on; what was
    found.

    May be ended at any moment and run again: an event that is appended twice counts once, and offsets are moved when
    all events of their topic partition are acknowledged. Workers may run: they notice that the offset was moved.

    Raises TopicsNotReady, NoLiveGeneration and LogMismatch (a topic was made anew, or has lost its beginning) when
    nothing can be done; TransientFailure when broker or database are away: run it again.
    """
    async with admin_client(settings) as admin:
        await require_topics(admin, settings, INPUT)
    pool = await create_pool(settings.database_url, application_name="qos-restore-log", max_size=2)
    try:
        await TopicIdentity(pool, settings).verify()
        return await _Restoration(settings, pool, clock, progress).run(request)
    finally:
        pool.terminate()


class _Restoration:
    def __init__(self, settings: RuntimeSettings, pool: Pool, clock: Clock, progress: Progress) -> None:
        self._settings = settings
        self._clock = clock
        self._progress = progress
        self._transactions = Transactions(pool, patience_seconds=_PATIENCE_SECONDS, registry=CollectorRegistry())

    async def run(self, request: Request) -> list[Finding]:
        findings = []
        async with (
            long_session(self._settings.database_url, application_name="qos-restore-log") as session,
            session.transaction(isolation="repeatable_read", readonly=True),
            reading(self._settings, client_id="qos-restore-log") as records,
        ):
            live = await live_generation(session)
            if live is None:
                raise NoLiveGeneration
            stored = {(row[0], row[1]): Stored(row[2], row[3]) for row in await session.fetch(_STORED, live.number)}
            ends = await records.ends()
            comparison = Comparison(
                session,
                live.number,
                records,
                partitions=self._settings.partitions,
                now=self._clock.now(),
                at_once=request.at_once,
            )
            for topic, partition in await self._wanted(request, stored, ends, records):
                position = stored[topic, partition]
                finding = await comparison.compare(
                    topic, partition, position, ends[topic, partition], self._reading(topic, partition)
                )
                findings.append(finding)
                if not request.dry_run and not finding.whole:
                    await self._append(finding)
                    await self._go_on(finding)
        return findings

    async def _wanted(
        self,
        request: Request,
        stored: dict[LogPosition, Stored],
        ends: dict[LogPosition, int],
        records: LogReader,
    ) -> Sequence[LogPosition]:
        if request.positions:
            return sorted(position for position in request.positions if position in stored)
        if request.everything:
            return sorted(stored)
        wanted = []
        for number, ((topic, partition), position) in enumerate(sorted(stored.items()), 1):
            if await _differs(records, topic, partition, position, ends[topic, partition]):
                wanted.append((topic, partition))
            self._progress("looking at the ends", number, len(stored))
        return wanted

    def _reading(self, topic: str, partition: int) -> Callable[[int, int], None]:
        return lambda done, total: self._progress(f"comparing {topic}-{partition}", done, total)

    async def _append(self, finding: Finding) -> None:
        """All acknowledged by all replicas in sync, or TransientFailure."""
        rules = AcceptanceRules(type_prefix=self._settings.event_type_prefix)
        step = f"appending to {finding.topic}-{finding.partition}"
        sender = producer(self._settings, client_id="qos-restore-log")
        try:
            await sender.start()
            for begin in range(0, len(finding.events), _AT_ONCE):
                events = finding.events[begin : begin + _AT_ONCE]
                await asyncio.gather(*[await self._send(sender, event, rules) for event in events])
                self._progress(step, begin + len(events), len(finding.events))
        except KafkaError as error:
            raise TransientFailure(f"the log can't be written ({type(error).__name__})") from error
        finally:
            await sender.stop()
        log.info("events_restored", topic=finding.topic, partition=finding.partition, events=len(finding.events))

    async def _send(self, sender: AIOKafkaProducer, event: Event, rules: AcceptanceRules) -> "asyncio.Future[object]":
        key, value = event.data.procedure_id.encode(), encode_cloudevent(event, rules)
        sent: asyncio.Future[object] = await sender.send(
            self._settings.topic(event.topic), value, key=key, headers=_HEADERS
        )
        return sent

    async def _go_on(self, finding: Finding) -> None:
        """Move the stored offset back, under the partition's lock: what is processed again changes nothing."""

        async def move(connection: Connection, _doubtful: bool) -> None:
            state = await postgres.lock(connection, finding.partition)
            if state is None:
                raise NoLiveGeneration
            await connection.execute(
                _GO_ON,
                state.generation,
                finding.partition,
                finding.topic,
                finding.go_on_at,
                finding.appended_before,
                self._clock.now(),
            )

        await self._transactions.run(move)
        log.info("offset_moved", topic=finding.topic, partition=finding.partition, next_offset=finding.go_on_at)


async def _differs(records: LogReader, topic: str, partition: int, stored: Stored, end: int) -> bool:
    """Whether the log ends before the stored offset, or another record stands before it than the one processed."""
    if end < stored.next_offset:
        return True
    if stored.next_offset == 0 or stored.last_appended_at is None:
        return False
    before: datetime | None = None
    async for batch in records.batches(partition, {topic: stored.next_offset - 1}, {topic: stored.next_offset}):
        before = batch.records[-1].appended_at if batch.records else before
    return before is not None and before != stored.last_appended_at

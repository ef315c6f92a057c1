"""Reads dead letters, and what was decided about them, from their topics.

Nothing is kept in memory between two questions: operators ask seldom, and intake has other things to do. A question
costs reading the partitions that it concerns, from the time that it names.
"""

from collections.abc import AsyncGenerator, AsyncIterator, Collection, Iterable, Mapping
from contextlib import aclosing, asynccontextmanager
from datetime import datetime
from typing import NamedTuple, TypeAlias

from aiokafka import AIOKafkaConsumer, ConsumerRecord, TopicPartition
from aiokafka.errors import KafkaError
from msgspec import DecodeError

from qos_domain.errors import TransientFailure
from qos_domain.events import INPUT_TOPICS
from qos_intake.kafka import instant_of, uninterrupted
from qos_intake.letters import Letter, LetterFilter
from qos_intake.settings import IntakeSettings
from qos_runtime.dead_letters import (
    DeadLetterBody,
    DeadLetterDecision,
    decode_dead_letter,
    decode_decision,
    position_of,
)
from qos_runtime.kafka import connection, partition_of
from qos_runtime.logging import get_logger
from qos_runtime.topics import DEAD_LETTER_DECISIONS, DEAD_LETTERS, MAX_DEAD_LETTER_BYTES

log = get_logger(__name__)

_POLL_MS = 1_000
_CLOCKS_DIFFER_MS = 5 * 60 * 1_000
_Decisions: TypeAlias = Mapping[str, tuple[DeadLetterDecision, datetime]]
_Record: TypeAlias = "ConsumerRecord[bytes, bytes]"


class Place(NamedTuple):
    """Where a dead letter stands on `dead-letters` (not where its original stands)."""

    partition: int
    offset: int


class Page(NamedTuple):
    """Letters, and where to read on; None at the end."""

    letters: list[Letter]
    following: Place | None


class LetterLog:
    """The two topics, read when somebody asks. All of it raises TransientFailure when Kafka doesn't answer."""

    def __init__(self, settings: IntakeSettings) -> None:
        self._settings = settings

    async def page(self, wanted: LetterFilter, *, start: Place, limit: int) -> Page:
        """At most `limit` letters from a place on: partition by partition, in the order in which they died."""
        found: dict[str, Letter] = {}
        async with self._reader() as reader:
            decisions = await self._decisions(reader)
            partitions = self._partitions(reader, DEAD_LETTERS)
            async with aclosing(self._letters(reader, partitions, start, wanted.since)) as letters:
                async for place, body in letters:
                    letter = _decided(body, decisions)
                    if body.id not in found and wanted.takes(letter):
                        if len(found) == limit:
                            return Page(list(found.values()), place)
                        found[body.id] = letter
        return Page(list(found.values()), None)

    async def one(self, letter_id: str) -> Letter | None:
        """The letter with this id, if there is one."""
        async with aclosing(self.find([letter_id])) as letters:
            return await anext(letters, None)

    async def find(self, ids: Collection[str], *, since: datetime | None = None) -> AsyncGenerator[Letter, None]:
        """The letters with these ids, each once, as far as there are any; their originals aren't older than `since`.
        They come one by one, because each may be as large as a message can be."""
        wanted = set(ids)
        async with self._reader() as reader:
            decisions = await self._decisions(reader)
            everywhere = self._partitions(reader, DEAD_LETTERS)
            concerned = {_partition_number(each, len(everywhere)) for each in wanted}
            partitions = [each for each in everywhere if each.partition in concerned]
            async with aclosing(self._letters(reader, partitions, Place(0, 0), since)) as letters:
                async for _, body in letters:
                    if body.id in wanted:
                        wanted.discard(body.id)
                        yield _decided(body, decisions)
                        if not wanted:
                            return

    def _partitions(self, reader: AIOKafkaConsumer, topic: str) -> list[TopicPartition]:
        name = self._settings.topic(topic)
        return sorted(each for each in reader.assignment() if each.topic == name)

    async def _decisions(self, reader: AIOKafkaConsumer) -> _Decisions:
        """The last one about each letter. What is none (nobody but intake may write there) is told and left."""
        found = {}
        async with aclosing(_read(reader, self._partitions(reader, DEAD_LETTER_DECISIONS))) as records:
            async for record in records:
                try:
                    decision = decode_decision(record.value or b"")
                except DecodeError:
                    _tell(record)
                else:
                    found[decision.id] = (decision, instant_of(record.timestamp))
        return found

    async def _letters(
        self, reader: AIOKafkaConsumer, partitions: Iterable[TopicPartition], start: Place, since: datetime | None
    ) -> AsyncGenerator[tuple[Place, DeadLetterBody], None]:
        """A letter was appended after its original: reading from `since` on finds all whose original is as young. Two
        brokers may have appended them, and their clocks differ."""
        for each in partitions:
            if each.partition < start.partition:
                continue
            first = start.offset if each.partition == start.partition else 0
            async with aclosing(_read(reader, [each], first, since)) as records:
                async for record in records:
                    try:
                        body = decode_dead_letter(record.value or b"")
                    except DecodeError:
                        _tell(record)
                    else:
                        yield Place(each.partition, record.offset), body

    @asynccontextmanager
    async def _reader(self) -> AsyncIterator[AIOKafkaConsumer]:
        consumer = AIOKafkaConsumer(
            self._settings.topic(DEAD_LETTERS),
            self._settings.topic(DEAD_LETTER_DECISIONS),
            **connection(self._settings),
            client_id="qos-intake-letters",
            group_id=None,
            enable_auto_commit=False,
            isolation_level="read_committed",
            max_partition_fetch_bytes=MAX_DEAD_LETTER_BYTES,
            # The fetch that looks beyond the end of one partition must not hold up the next one's.
            fetch_max_wait_ms=10,
        )
        try:
            await uninterrupted(consumer.start())
            # All partitions are assigned once, and what isn't read is paused: aiokafka's fetcher, cancelled while it
            # changes to another assignment, never ends.
            consumer.pause(*consumer.assignment())
            yield consumer
        except KafkaError as error:
            raise TransientFailure(f"dead letters can't be read ({type(error).__name__})") from error
        finally:
            await consumer.stop()


async def _read(
    reader: AIOKafkaConsumer, partitions: list[TopicPartition], first: int = 0, since: datetime | None = None
) -> AsyncGenerator[_Record, None]:
    """What stands in the partitions now, from an offset and a time on."""
    ends = await reader.end_offsets(partitions)
    starts = await reader.beginning_offsets(partitions)
    if since is not None:
        times = dict.fromkeys(partitions, max(0, int(since.timestamp() * 1000) - _CLOCKS_DIFFER_MS))
        younger = await reader.offsets_for_times(times)
        starts = {each: younger[each].offset if younger[each] else ends[each] for each in partitions}
    starts = {each: max(offset, first) for each, offset in starts.items()}
    waiting = {each for each in partitions if starts[each] < ends[each]}
    for each in waiting:
        reader.seek(each, starts[each])
    reader.resume(*waiting)
    while waiting:
        for records in (await reader.getmany(*waiting, timeout_ms=_POLL_MS)).values():
            for record in records:
                yield record
        read = {each for each in waiting if await reader.position(each) >= ends[each]}
        reader.pause(*read)
        waiting -= read


def _partition_number(letter_id: str, partitions: int) -> int | None:
    """Processing sends a letter to the partition number of its original, intake to that of the letter's key."""
    position = position_of(letter_id)
    if position is None or position.topic in INPUT_TOPICS:
        return position and position.partition
    return partition_of(letter_id.encode(), partitions)


def _decided(body: DeadLetterBody, decisions: _Decisions) -> Letter:
    return Letter(body, *decisions.get(body.id, (None, None)))


def _tell(record: _Record) -> None:
    log.warning("not_a_dead_letter", topic=record.topic, partition=record.partition, offset=record.offset)

"""What the Faust side hands to the service, and what the service promises back."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Protocol

from msgspec import Struct

from qos_domain.errors import BrokenInvariant, TransientFailure

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MILLISECOND = timedelta(milliseconds=1)


def instant_of(appended_ms: int) -> datetime:
    """A broker's append time as an aware instant in UTC."""
    return _EPOCH + timedelta(milliseconds=appended_ms)


def milliseconds(appended_at: datetime) -> int:
    """The inverse of `instant_of`: exact, as a broker counts in milliseconds."""
    return (appended_at - _EPOCH) // _MILLISECOND


class Record(Struct, frozen=True, gc=False):
    """One record of a topic as the broker stores it: bytes that nobody has looked at yet."""

    key: bytes | None
    value: bytes | None
    headers: tuple[tuple[str, bytes | None], ...]
    offset: int
    appended_ms: int
    """When the broker appended it, in milliseconds since 1970 (the topics use the broker's append time)."""

    @property
    def appended_at(self) -> datetime:
        """The append time as an aware instant in UTC."""
        return instant_of(self.appended_ms)


@dataclass(frozen=True, slots=True)
class Batch:
    """Consecutive records of one topic partition, in order of their offsets (which may have holes)."""

    topic: str
    """The topic's base name, without the deployment's prefix."""
    partition: int
    fetched_from: int
    """The position the fetch started at: it equals the stored offset, or the batch isn't the next one."""
    next_offset: int
    """Where the next fetch begins: to be stored with the batch's results."""
    records: Sequence[Record]

    @property
    def size_bytes(self) -> int:
        """What its records hold, uncompressed."""
        return sum(map(_size_bytes, self.records))


def _size_bytes(record: Record) -> int:
    size = len(record.key or b"") + len(record.value or b"")
    return size + sum(len(value or b"") for _, value in record.headers) if record.headers else size


@dataclass(frozen=True, slots=True)
class Message:
    """A message to be sent: to a topic (its base name), with an id that stays the same if it is sent twice."""

    topic: str
    key: bytes
    event_id: str
    value: bytes


class OffsetMismatch(Exception):
    """The batch isn't the one that follows what is stored: it was redelivered, or another worker was faster.

    Nothing was changed. Whoever gets this drops what it cached for the partition number and seeks to `stored`.
    """

    def __init__(self, *, topic: str, partition: int, fetched_from: int, stored: int) -> None:
        super().__init__(f"{topic}-{partition}: fetched from {fetched_from}, but {stored} is stored")
        self.topic = topic
        self.partition = partition
        self.fetched_from = fetched_from
        self.stored = stored


class SessionLost(TransientFailure):
    """The database session ended in the middle of a transaction that can be divided; nothing of it was written.

    PostgreSQL ends a session that is idle in its transaction, as it is while the worker folds: then as much at once
    would fail for ever. Whoever gets this tries again with fewer records.
    """


class LogMismatch(BrokenInvariant):
    """The stored offsets don't belong to the log that the broker has: a human must decide, nothing is reset."""


class BatchProcessor(Protocol):
    """The service behind the agent: one call, one transaction."""

    async def start_offset(self, topic: str, partition: int) -> int:
        """The offset stored in PostgreSQL, 0 if there is none.

        Raises `TransientFailure` within a short timeout of its own: the partition stands still until this returns.
        """
        ...

    async def stored_offsets(self) -> Mapping[tuple[str, int], int]:
        """The offsets stored in PostgreSQL, by topic (base name) and partition number, as they are committed.

        Raises `TransientFailure` when the database doesn't answer.
        """
        ...

    async def appended_before(self, topic: str, partition: int, offset: int) -> int | None:
        """When the last record before this stored offset was appended, in milliseconds since 1970.

        None where that isn't known, or where another offset is stored by now. Raises as `start_offset` does.
        """
        ...

    async def process(self, *batches: Batch) -> None:
        """Apply batches of one partition number, each of another topic, and store where they end, in one transaction.

        Raises `OffsetMismatch` for the first batch that doesn't follow what is stored (nothing was written),
        `SessionLost` when fewer records should be tried (never for a single one), another `TransientFailure`
        once its own retries are exhausted, `BrokenInvariant` when the process must end.
        """
        ...

    def forget(self, partitions: Collection[int]) -> None:
        """Drop what is cached for these partition numbers: they were revoked, or turned out to be another worker's."""
        ...

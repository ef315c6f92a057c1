"""The SQL of what goes out: the outbox, dead letters, and the cases of which something is to be announced."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple

from qos_processing.dead_letters import DeadLetter, Decided
from qos_processing.ports import Message
from qos_processing.postgres import PartitionState
from qos_processing.transactions import Connection

_APPEND = """
    WITH messages AS (
        INSERT INTO outbox (partition, seq, topic, key, event_id, value, created_at)
        SELECT $2, s.outbox_seq + n.number, n.topic, n.key, n.event_id, n.value, $3
        FROM partition_state s, unnest($4::text[], $5::bytea[], $6::text[], $7::bytea[])
            WITH ORDINALITY AS n (topic, key, event_id, value, number)
        WHERE s.generation = $1 AND s.partition = $2
    )
    UPDATE partition_state SET outbox_seq = outbox_seq + cardinality($4::text[])
    WHERE generation = $1 AND partition = $2
"""
_PENDING = """
    SELECT partition, seq, topic, key, event_id, value FROM (
        SELECT *, sum(octet_length(value)) OVER (ORDER BY partition, seq) - octet_length(value) AS bytes_before
        FROM outbox ORDER BY partition, seq LIMIT $1
    ) o WHERE bytes_before < $2
"""
_REMOVE = """
    DELETE FROM outbox o USING unnest($1::int[], $2::bigint[]) AS n (partition, seq)
    WHERE o.partition = n.partition AND o.seq = n.seq
"""
_WAITING = "SELECT topic, count(*), min(created_at) FROM outbox GROUP BY topic"
_WRITE_DEAD_LETTERS = """
    INSERT INTO dead_letters
        (topic, partition, "offset", reason, field, rule, key, value, headers, appended_at, created_at)
    SELECT $1, $2, n.*, $3 FROM unnest(
        $4::bigint[], $5::text[], $6::text[], $7::text[], $8::bytea[], $9::bytea[], $10::jsonb[], $11::timestamptz[]
    ) AS n
    ON CONFLICT (topic, partition, "offset") DO UPDATE
    SET reason = excluded.reason, field = excluded.field, rule = excluded.rule, key = excluded.key,
        value = excluded.value, headers = excluded.headers, appended_at = excluded.appended_at,
        created_at = excluded.created_at, state = 'open', decided_by = NULL, decided_at = NULL
    WHERE dead_letters.appended_at <> excluded.appended_at
"""
_KNOWN_DEAD_LETTERS = """
    SELECT d.topic, d."offset" FROM dead_letters d
    JOIN unnest($2::text[], $3::bigint[]) AS n (topic, "offset") ON d.topic = n.topic AND d."offset" = n."offset"
    WHERE d.partition = $1
"""
_COUNT_OPEN_DEAD_LETTERS = """
    SELECT count(*) FROM dead_letters WHERE topic = $1 AND partition = $2 AND "offset" >= $3 AND state = 'open'
"""
_SETTLE_DEAD_LETTERS = """
    UPDATE dead_letters d
    SET state = n.state, decided_by = n.decided_by, decided_at = n.decided_at,
        reason = coalesce(n.reason, d.reason), field = coalesce(n.field, d.field), rule = coalesce(n.rule, d.rule)
    FROM unnest(
        $1::text[], $2::int[], $3::bigint[], $4::text[], $5::text[], $6::timestamptz[],
        $7::text[], $8::text[], $9::text[]
    ) AS n (topic, partition, "offset", state, decided_by, decided_at, reason, field, rule)
    WHERE d.topic = n.topic AND d.partition = n.partition AND d."offset" = n."offset"
        AND (d.decided_at IS NULL OR d.decided_at <= n.decided_at)
"""
_FORGET_DEAD_LETTERS = """
    WITH forgotten AS (DELETE FROM dead_letters WHERE created_at < $1 RETURNING 1) SELECT count(*) FROM forgotten
"""


@dataclass(frozen=True, slots=True)
class Pending:
    """A message of the outbox and its place: `seq` grows within the partition."""

    partition: int
    seq: int
    message: Message


class Waiting(NamedTuple):
    """How many messages of a topic wait, and since when the oldest of them does."""

    messages: int
    since: datetime


async def append(connection: Connection, state: PartitionState, messages: Sequence[Message], now: datetime) -> None:
    """Put messages into the outbox, in this order, numbered under the partition's lock."""
    if messages:
        columns = zip(*((m.topic, m.key, m.event_id, m.value) for m in messages), strict=True)
        await connection.execute(_APPEND, state.generation, state.partition, now, *columns)


async def pending(connection: Connection, most_messages: int, most_bytes: int) -> list[Pending]:
    """The oldest messages of the outbox, those of a partition in their order and without a gap.

    Stops at the first message with which the values come to `most_bytes` or more.
    """
    rows = await connection.fetch(_PENDING, most_messages, most_bytes)
    return [Pending(row[0], row[1], Message(*row[2:])) for row in map(tuple, rows)]


async def remove(connection: Connection, sent: Iterable[Pending]) -> None:
    """Take out what the broker has acknowledged."""
    partitions, seqs = zip(*((item.partition, item.seq) for item in sent), strict=True)
    await connection.execute(_REMOVE, partitions, seqs)


async def waiting(connection: Connection) -> dict[str, Waiting]:
    """What waits in the outbox, by topic; a topic of which nothing waits is left out."""
    return {row[0]: Waiting(*tuple(row)[1:]) for row in await connection.fetch(_WAITING)}


async def write_dead_letters(connection: Connection, letters: Sequence[DeadLetter], now: datetime) -> None:
    """Keep the dead letters of one topic partition; those that are there already stay as they are.

    One that was appended at another time is of another record: the log had lost the former, and its place was used
    anew.
    """
    columns = zip(
        *(
            (
                letter.record.offset,
                letter.reason,
                letter.field,
                letter.rule,
                letter.record.key,
                letter.record.value,
                letter.headers,
                letter.record.appended_at,
            )
            for letter in letters
        ),
        strict=True,
    )
    await connection.execute(_WRITE_DEAD_LETTERS, letters[0].topic, letters[0].partition, now, *columns)


async def bury_unknown(
    connection: Connection, state: PartitionState, letters: Sequence[DeadLetter], now: datetime
) -> None:
    """Keep the dead letters of a partition number that aren't kept yet, and put them into the outbox."""
    places = [(letter.topic, letter.record.offset) for letter in letters]
    found = await connection.fetch(_KNOWN_DEAD_LETTERS, state.partition, *zip(*places, strict=True))
    known = set(map(tuple, found))
    by_topic: dict[str, list[DeadLetter]] = {}
    for letter, place in zip(letters, places, strict=True):
        if place not in known:
            by_topic.setdefault(letter.topic, []).append(letter)
    for unknown in by_topic.values():
        await write_dead_letters(connection, unknown, now)
        await append(connection, state, [letter.message() for letter in unknown], now)


async def count_open_dead_letters(connection: Connection, topic: str, partition: int, from_offset: int) -> int:
    """How many dead letters there are at or after an offset that nobody has settled."""
    count: int = await connection.fetchval(_COUNT_OPEN_DEAD_LETTERS, topic, partition, from_offset)
    return count


async def settle_dead_letters(connection: Connection, decided: Sequence[Decided]) -> None:
    """Note what was decided, one decision a letter; of letters that aren't here nothing, an older decision neither."""
    columns = zip(
        *(
            (each.topic, each.partition, each.offset, each.state, each.by, at, each.reason, each.field, each.rule)
            for each, at in decided
        ),
        strict=True,
    )
    await connection.execute(_SETTLE_DEAD_LETTERS, *columns)


async def forget_dead_letters(connection: Connection, before: datetime) -> int:
    """Delete those that were kept before this instant; how many they were."""
    count: int = await connection.fetchval(_FORGET_DEAD_LETTERS, before)
    return count

"""Dead letters, read back from the topic `dead-letters`, which holds them with their bytes."""

import msgspec

from qos_domain.events import INPUT_TOPICS
from qos_processing.ports import instant_of
from qos_processing.recover.reading import OwnTopic, Records
from qos_processing.retention import DEAD_LETTERS_KEPT
from qos_processing.transactions import Connection
from qos_runtime.clock import Clock
from qos_runtime.dead_letters import DeadLetterBody, decode_dead_letter, encode_headers
from qos_runtime.logging import get_logger

log = get_logger(__name__)

_KEEP = """
    INSERT INTO dead_letters
        (topic, partition, "offset", reason, field, rule, key, value, headers, appended_at, created_at)
    VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9::jsonb, $10, $11)
    ON CONFLICT (topic, partition, "offset") DO NOTHING
"""
_COUNT = "SELECT count(*), count(*) FILTER (WHERE state <> 'open') FROM dead_letters"


async def restore_letters(session: Connection, topic: OwnTopic, clock: Clock) -> None:
    """Keep the dead letters of the input topics that aren't older than they are kept; those of inboxes are on the topic
    alone. Raises TransientFailure.
    """
    async for _, records in topic.portions():
        if rows := _rows(records, clock):
            await session.executemany(_KEEP, rows)


def _rows(records: Records, clock: Clock) -> list[tuple[object, ...]]:
    oldest = clock.now() - DEAD_LETTERS_KEPT
    rows: list[tuple[object, ...]] = []
    for record in records:
        try:
            letter = decode_dead_letter(record.value or b"")
        except msgspec.DecodeError:
            log.warning("not_a_dead_letter", partition=record.partition, offset=record.offset)
            continue
        kept_since = instant_of(record.timestamp)
        if letter.topic in INPUT_TOPICS and kept_since >= oldest:
            rows.append((*_columns(letter), kept_since))
    return rows


def _columns(letter: DeadLetterBody) -> tuple[object, ...]:
    original = letter.original()
    place = (letter.topic, letter.partition, letter.offset)
    headers = msgspec.json.encode(encode_headers(original.headers)).decode()
    return (
        *place,
        letter.reason,
        letter.field,
        letter.rule,
        original.key,
        original.value,
        headers,
        letter.appended_at,
    )


async def count_letters(session: Connection) -> tuple[int, int]:
    """How many dead letters are kept, and how many of them are settled."""
    row = await session.fetchrow(_COUNT)
    return (0, 0) if row is None else (row[0], row[1])

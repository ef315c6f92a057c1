"""The SQL of what readers were told and the database doesn't know: it was set back, or the publisher was cut off."""

from collections.abc import Collection, Iterable, Mapping, Sequence

from qos_domain.case import CaseKey
from qos_domain.facts import NO_FACTS, encode_facts
from qos_domain.rows import encode_contributions
from qos_processing.announcing import IMMEDIATELY, Announced
from qos_processing.postgres import PartitionState
from qos_processing.postgres_announcements import write_announced
from qos_processing.transactions import Connection
from qos_runtime.topics import QOS_LEVELS

TopicPosition = tuple[str, int]
"""(topic's base name, partition number)"""

_PUBLISHED = "SELECT topic, partition, next_offset FROM published_offsets"
_WRITE_PUBLISHED = """
    INSERT INTO published_offsets (topic, partition, next_offset)
    SELECT * FROM unnest($1::text[], $2::int[], $3::bigint[])
    ON CONFLICT (topic, partition) DO UPDATE SET next_offset = excluded.next_offset
"""
_ANNOUNCEMENTS = """
    SELECT c.procedure_id, c.application_id, c.announcements
    FROM unnest($2::text[], $3::text[]) AS k (procedure_id, application_id)
    JOIN cases c ON c.generation = $1 AND c.procedure_id = k.procedure_id AND c.application_id = k.application_id
"""
# A case whose events are still to be read again: no fact is known of it, but what was said of it is.
_ADD_VOID_CASES = """
    INSERT INTO cases (generation, partition, procedure_id, application_id, facts, contributions, status)
    SELECT $1, $2, k.procedure_id, k.application_id, $5, $6, $7
    FROM unnest($3::text[], $4::text[]) AS k (procedure_id, application_id)
    ON CONFLICT DO NOTHING
"""
_TOUCH = """
    INSERT INTO touched_procedures (generation, procedure_id, partition, revision)
    SELECT $1, n.procedure_id, $2, 0 FROM unnest($3::text[]) AS n (procedure_id)
    ON CONFLICT (generation, procedure_id) DO NOTHING
"""
_REMOVE_SENT = "DELETE FROM outbox WHERE partition = $1 AND event_id = ANY ($2::text[])"
# An assessment that is sent after a later one would be the one that the compacted topic keeps.
_REMOVE_OUTDATED = """
    DELETE FROM outbox o USING unnest($2::text[], $3::bigint[]) AS n (procedure_id, revision)
    WHERE o.partition = $1 AND o.topic = $4 AND convert_from(o.key, 'UTF8') = n.procedure_id
        AND substring(o.event_id FROM '[0-9]+$')::bigint < n.revision
"""
VOID_CASE = encode_facts(NO_FACTS), encode_contributions({}), "void"
"""Facts, contributions and status of a case of which nothing is known."""


async def published_offsets(connection: Connection) -> dict[TopicPosition, int]:
    """Up to where what was published is known, of each partition to which anything was."""
    return {(row[0], row[1]): row[2] for row in await connection.fetch(_PUBLISHED)}


async def write_published_offsets(connection: Connection, offsets: Mapping[TopicPosition, int]) -> None:
    """What stands before these offsets is known from here on."""
    if offsets:
        columns = zip(*((topic, partition, offset) for (topic, partition), offset in offsets.items()), strict=True)
        await connection.execute(_WRITE_PUBLISHED, *columns)


async def announcements(connection: Connection, state: PartitionState, keys: Iterable[CaseKey]) -> dict[CaseKey, int]:
    """How many things were said of each of the cases that exist."""
    procedure_ids, application_ids = zip(*keys, strict=True)
    rows = await connection.fetch(_ANNOUNCEMENTS, state.generation, procedure_ids, application_ids)
    return {(row[0], row[1]): row[2] for row in rows}


async def write_told(connection: Connection, state: PartitionState, told: Mapping[CaseKey, Announced]) -> None:
    """This was said last of these cases, whether or not they exist already; they are to be looked at."""
    procedure_ids, application_ids = zip(*told, strict=True)
    await connection.execute(
        _ADD_VOID_CASES,
        state.generation,
        state.partition,
        procedure_ids,
        application_ids,
        *VOID_CASE,
    )
    await write_announced(connection, state, [(key, announced, IMMEDIATELY) for key, announced in told.items()])


async def touch(connection: Connection, state: PartitionState, procedure_ids: Collection[str]) -> None:
    """Have these procedures assessed anew."""
    await connection.execute(_TOUCH, state.generation, state.partition, list(procedure_ids))


async def remove_outdated(connection: Connection, partition: int, told: Mapping[str, int]) -> None:
    """Take assessments out of the outbox that are older than what was told of their procedures: their revisions."""
    await connection.execute(_REMOVE_OUTDATED, partition, list(told), list(told.values()), QOS_LEVELS)


async def remove_sent(connection: Connection, partition: int, event_ids: Sequence[str]) -> None:
    """Take messages out of the outbox that stand in their topic already."""
    await connection.execute(_REMOVE_SENT, partition, event_ids)

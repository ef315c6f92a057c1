"""The SQL of publications: what was published and restated. Rows are added, and never changed."""

from collections.abc import Collection, Sequence

from qos_domain.publication import PublicationScope
from qos_domain.publication_events import (
    PublicationCompleted,
    PublicationIssued,
    PublicationRestated,
    canonical,
    decode_data,
)
from qos_processing.transactions import Connection

_PUBLISHED = "SELECT content FROM publications WHERE period = $1"
_PERIODS = "SELECT period FROM publications ORDER BY period"
_WRITE_STATEMENTS = """
    INSERT INTO publication_statements (publication_id, scope, id, organisation_id, digest, content)
    SELECT * FROM unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::text[], $6::text[])
    ON CONFLICT (publication_id, scope, id) DO NOTHING
"""
_WRITE_PUBLICATION = """
    INSERT INTO publications (publication_id, period, as_of, issued_at, content) VALUES ($1, $2, $3, $4, $5)
    ON CONFLICT (publication_id) DO NOTHING
"""
_WRITE_RESTATEMENTS = """
    INSERT INTO publication_restatements (publication_id, scope, id, restated_at, causes, content)
    SELECT publication_id, scope, id, restated_at, string_to_array(causes, ','), content
    FROM unnest($1::text[], $2::text[], $3::text[], $4::timestamptz[], $5::text[], $6::text[])
        AS n (publication_id, scope, id, restated_at, causes, content)
    ON CONFLICT (publication_id, scope, id, restated_at) DO NOTHING
"""
_DROP_BROKEN_OFF = """
    WITH dropped AS (
        DELETE FROM publication_statements s
        WHERE NOT EXISTS (SELECT FROM publications p WHERE p.publication_id = s.publication_id)
        RETURNING 1
    )
    SELECT count(*) FROM dropped
"""
_STATEMENTS = """
    SELECT content FROM publication_statements WHERE publication_id = $1 AND scope = $2 AND id = ANY ($3::text[])
"""
_COUNT = "SELECT count(*) FROM publication_statements WHERE publication_id = $1"
_IDS = "SELECT id FROM publication_statements WHERE publication_id = $1 AND scope = $2 ORDER BY id"
_RESTATEMENTS = """
    SELECT DISTINCT ON (id) content FROM publication_restatements
    WHERE publication_id = $1 AND scope = $2 AND id = ANY ($3::text[]) ORDER BY id, restated_at DESC
"""


async def published(connection: Connection, period: str) -> PublicationCompleted | None:
    """The publication of a month (its name), if there is one."""
    content = await connection.fetchval(_PUBLISHED, period)
    return None if content is None else decode_data(PublicationCompleted, content.encode())


async def published_periods(connection: Connection) -> list[str]:
    """The names of all months that were published, oldest first."""
    return [row[0] for row in await connection.fetch(_PERIODS)]


async def write_statements(connection: Connection, statements: Sequence[PublicationIssued]) -> None:
    """Add what a publication says of scopes. It counts once `write_publication` was called, and can't after that.

    What is there already stays as it is, so events may be read again.
    """
    rows = [
        (each.publication_id, each.scope, each.id, each.organisation_id, each.digest, canonical(each).decode())
        for each in statements
    ]
    if rows:
        await connection.execute(_WRITE_STATEMENTS, *zip(*rows, strict=True))


async def write_publication(connection: Connection, completed: PublicationCompleted) -> None:
    """Make a publication one. Raises UniqueViolationError when another one of the month is there."""
    await connection.execute(
        _WRITE_PUBLICATION,
        completed.publication_id,
        completed.period,
        completed.as_of,
        completed.issued_at,
        canonical(completed).decode(),
    )


async def write_restatements(connection: Connection, restatements: Sequence[PublicationRestated]) -> None:
    """Add restatements of published scopes. What is there already stays as it is."""
    rows = [
        (each.publication_id, each.scope, each.id, each.restated_at, ",".join(each.causes), canonical(each).decode())
        for each in restatements
    ]
    if rows:
        await connection.execute(_WRITE_RESTATEMENTS, *zip(*rows, strict=True))


async def count_statements(connection: Connection, publication_id: str) -> int:
    """Of how many scopes a publication says anything."""
    return int(await connection.fetchval(_COUNT, publication_id))


async def drop_broken_off(connection: Connection) -> int:
    """Delete what publications left behind that were never completed; how many statements that were."""
    return int(await connection.fetchval(_DROP_BROKEN_OFF))


async def statement_ids(connection: Connection, publication_id: str, scope: PublicationScope) -> list[str]:
    """The ids of what a publication says something of."""
    return [row[0] for row in await connection.fetch(_IDS, publication_id, scope)]


async def statements(
    connection: Connection, publication_id: str, scope: PublicationScope, ids: Collection[str]
) -> dict[str, PublicationIssued]:
    """What a publication says of these, by id."""
    rows = await connection.fetch(_STATEMENTS, publication_id, scope, list(ids))
    events = (decode_data(PublicationIssued, content.encode()) for (content,) in rows)
    return {event.id: event for event in events}


async def last_restatements(
    connection: Connection, publication_id: str, scope: PublicationScope, ids: Collection[str]
) -> dict[str, PublicationRestated]:
    """The latest restatement of each of these that has one, by id."""
    rows = await connection.fetch(_RESTATEMENTS, publication_id, scope, list(ids))
    events = (decode_data(PublicationRestated, content.encode()) for (content,) in rows)
    return {event.id: event for event in events}

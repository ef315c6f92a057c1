"""What was published and restated, as the read side asks for it. Each question is a snapshot of its own."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from qos_domain.publication import PublicationScope, Statement
from qos_domain.publication_events import PublicationCompleted, PublicationIssued, PublicationRestated, decode_data
from qos_domain.restatement import restated
from qos_metrics.ports import UnknownOrganisation, UnknownProcedure, UnknownPublication
from qos_metrics.postgres import PostgresStore

# Of the latest restatement of each scope: one without causes says what was published again.
_RESTATED = """
    SELECT DISTINCT ON (scope, id) causes <> '{}' AS differs, restated_at FROM publication_restatements
    WHERE publication_id = p.publication_id ORDER BY scope, id, restated_at DESC
"""
_PUBLICATIONS = f"""
    SELECT p.content, r.differing, r.restated_at FROM publications p CROSS JOIN LATERAL (
        SELECT count(*) FILTER (WHERE differs) AS differing, max(restated_at) AS restated_at FROM ({_RESTATED}) each
    ) r
    WHERE $1::text IS NULL OR p.period = $1 ORDER BY p.period DESC
"""  # noqa: S608 - our own text
_LAST_RESTATEMENT = """
    LEFT JOIN LATERAL (
        SELECT content FROM publication_restatements r
        WHERE r.publication_id = s.publication_id AND r.scope = s.scope AND r.id = s.id
        ORDER BY restated_at DESC LIMIT 1
    ) r ON true
"""
_STATED = f"""
    SELECT s.content, r.content FROM publication_statements s {_LAST_RESTATEMENT}
    WHERE s.publication_id = $1 AND s.scope = $2
"""  # noqa: S608 - our own text
_ONE = f"{_STATED} AND s.id = $3"
_PORTION = f"{_STATED} AND s.id > $3 ORDER BY s.id LIMIT $4"
_LAST_OF_PROCEDURE = f"""
    SELECT s.content, r.content FROM publications p JOIN publication_statements s USING (publication_id)
    {_LAST_RESTATEMENT}
    WHERE s.scope = 'procedure' AND s.id = $1 ORDER BY p.period DESC LIMIT 1
"""  # noqa: S608 - our own text


@dataclass(frozen=True, slots=True)
class PublicationEntry:
    """A publication; how many of its scopes differ by their latest restatements, and when one was recorded last."""

    completed: PublicationCompleted
    differing: int
    restated_at: datetime | None


@dataclass(frozen=True, slots=True)
class Stated:
    """What was published of a scope, and its latest restatement, if there ever was one."""

    issued: PublicationIssued
    restatement: PublicationRestated | None

    @property
    def now(self) -> Statement:
        """What the latest restatement says, or what was published."""
        return restated(self.issued.statement, () if self.restatement is None else self.restatement.steps)

    @property
    def differs(self) -> bool:
        return self.restatement is not None and bool(self.restatement.steps)


class PostgresPublications:
    """All of it raises TransientFailure while the database is away."""

    def __init__(self, store: PostgresStore) -> None:
        self._store = store

    async def publications(self) -> list[PublicationEntry]:
        """All, the latest month first."""
        return await self._entries(None)

    async def publication(self, period: str) -> PublicationEntry:
        """Raises UnknownPublication."""
        if not (entries := await self._entries(period)):
            raise UnknownPublication([entry.completed.period for entry in await self._entries(None)])
        return entries[0]

    async def stated(self, publication_id: str, scope: PublicationScope, id_: str) -> Stated:
        """Raises UnknownProcedure, UnknownOrganisation: the publication says nothing of it."""
        found = await self._stated(_ONE, publication_id, scope, id_)
        if not found:
            raise UnknownProcedure if scope == "procedure" else UnknownOrganisation
        return found[0]

    async def portion(self, publication_id: str, scope: PublicationScope, after: str, limit: int) -> Sequence[Stated]:
        """The next of a scope, in the order of their ids."""
        return await self._stated(_PORTION, publication_id, scope, after, limit)

    async def last_of_procedure(self, procedure_id: str) -> Stated | None:
        """Of the latest month that says anything of the procedure."""
        async with self._store.reading() as (connection, _):
            row = await connection.fetchrow(_LAST_OF_PROCEDURE, procedure_id)
        return None if row is None else _of_row(row[0], row[1])

    async def _stated(self, statement: str, *arguments: object) -> Sequence[Stated]:
        async with self._store.reading() as (connection, _):
            rows = await connection.fetch(statement, *arguments)
        return [_of_row(issued, restatement) for issued, restatement in rows]

    async def _entries(self, period: str | None) -> list[PublicationEntry]:
        async with self._store.reading() as (connection, _):
            rows = await connection.fetch(_PUBLICATIONS, period)
        return [
            PublicationEntry(decode_data(PublicationCompleted, content.encode()), differing, restated_at)
            for content, differing, restated_at in rows
        ]


def _of_row(issued: str, restatement: str | None) -> Stated:
    return Stated(
        decode_data(PublicationIssued, issued.encode()),
        None if restatement is None else decode_data(PublicationRestated, restatement.encode()),
    )

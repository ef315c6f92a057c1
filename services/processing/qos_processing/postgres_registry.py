"""The SQL of the registry: the facts of procedures, their list, and the re-judgements that a change asks for."""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from typing import NamedTuple

import msgspec

from qos_domain.case import CaseKey
from qos_domain.facts import Fact, Facts, decode_facts
from qos_domain.registry import History
from qos_processing.folding import StoredCase
from qos_processing.postgres import PartitionState, stored_case
from qos_processing.transactions import Connection

_FACTS = """
    SELECT procedure_id, '[' || string_agg(fact, ',') || ']' FROM procedure_facts
    WHERE generation = $1 AND procedure_id = ANY ($2::text[]) GROUP BY procedure_id
"""
_WRITE_FACTS = """
    WITH facts AS (
        INSERT INTO procedure_facts (generation, procedure_id, source, id, fact)
        SELECT $1, n.* FROM unnest($3::text[], $4::text[], $5::text[], $6::text[]) AS n
        ON CONFLICT (generation, procedure_id, source, id) DO UPDATE SET fact = excluded.fact
    )
    UPDATE partition_state SET registry_revision = registry_revision + 1 WHERE generation = $1 AND partition = $2
"""
_WRITE_PROCEDURES = """
    INSERT INTO procedures (
        generation, partition, procedure_id, organisation_id, organisation_name_ja, organisation_name_en,
        organisation_kind, kind, name_ja, name_en, version, effective_from, next_effective_from, retired, priority
    )
    SELECT $1, $2, n.* FROM unnest(
        $3::text[], $4::text[], $5::text[], $6::text[], $7::text[], $8::text[], $9::text[], $10::text[],
        $11::jsonb[], $12::date[], $13::date[], $14::boolean[], $15::boolean[]
    ) AS n
    ON CONFLICT (generation, procedure_id) DO UPDATE SET
        organisation_id = excluded.organisation_id, organisation_name_ja = excluded.organisation_name_ja,
        organisation_name_en = excluded.organisation_name_en, organisation_kind = excluded.organisation_kind,
        kind = excluded.kind, name_ja = excluded.name_ja, name_en = excluded.name_en, version = excluded.version,
        effective_from = excluded.effective_from, next_effective_from = excluded.next_effective_from,
        retired = excluded.retired, priority = excluded.priority
"""
_DROP_PROCEDURES = "DELETE FROM procedures WHERE generation = $1 AND procedure_id = ANY ($2::text[])"
_OUTDATED = """
    SELECT procedure_id FROM procedures
    WHERE generation = $1 AND procedure_id = ANY ($2::text[]) AND next_effective_from <= $3
"""
# A procedure without cases (a whole catalogue is registered at once) has nothing to judge. A second change begins anew.
_QUEUE = """
    INSERT INTO rejudgements (generation, procedure_id, partition, from_date)
    SELECT $1, n.procedure_id, $2, n.from_date FROM unnest($3::text[], $4::date[]) AS n (procedure_id, from_date)
    WHERE EXISTS (SELECT FROM cases c WHERE c.generation = $1 AND c.procedure_id = n.procedure_id)
    ON CONFLICT (generation, procedure_id) DO UPDATE
    SET from_date = least(rejudgements.from_date, excluded.from_date), cursor = ''
"""
_QUEUED = """
    SELECT procedure_id, from_date, cursor FROM rejudgements
    WHERE generation = $1 AND partition = $2 ORDER BY procedure_id LIMIT 1
"""
_OWNERS = """
    SELECT procedure_id, organisation_id, (priority AND NOT retired) IS TRUE FROM procedures
    WHERE generation = $1 AND procedure_id = ANY ($2::text[])
"""
_PARTITIONS_QUEUED = """
    SELECT DISTINCT r.partition FROM rejudgements r JOIN partition_state s USING (generation, partition) WHERE s.live
"""
_CASES_FROM = """
    SELECT procedure_id, application_id, facts, contributions, announced, announced_breach_date, announcements
    FROM cases
    WHERE generation = $1 AND procedure_id = $2 AND application_id > $3 AND reference_date >= $4
    ORDER BY application_id LIMIT $5
"""
_ADVANCE = "UPDATE rejudgements SET cursor = $3 WHERE generation = $1 AND procedure_id = $2"
_DONE = "DELETE FROM rejudgements WHERE generation = $1 AND procedure_id = $2"


class Owner(NamedTuple):
    """Whose a procedure is, and whether it is declared a priority procedure, by the version in force."""

    organisation_id: str
    priority: bool


NOBODY = Owner("", priority=False)
"""Of a procedure that isn't registered."""


@dataclass(frozen=True, slots=True)
class Rejudgement:
    """Cases of the procedure that arrived on or after `from_date` and whose id is after `cursor`."""

    procedure_id: str
    from_date: date
    cursor: str


async def load_registry(connection: Connection, generation: int, procedure_ids: Collection[str]) -> dict[str, Facts]:
    """The registry facts of those of the procedures that are registered."""
    if not procedure_ids:
        return {}
    rows = await connection.fetch(_FACTS, generation, list(procedure_ids))
    return {procedure_id: decode_facts(facts) for procedure_id, facts in rows}


async def owners(connection: Connection, state: PartitionState, procedure_ids: Collection[str]) -> dict[str, Owner]:
    """Of those of the procedures that are registered."""
    rows = await connection.fetch(_OWNERS, state.generation, list(procedure_ids))
    return {procedure_id: Owner(organisation_id, priority) for procedure_id, organisation_id, priority in rows}


async def write_registry(
    connection: Connection,
    state: PartitionState,
    facts: Iterable[tuple[str, Fact]],
    histories: Mapping[str, History],
    today: date,
) -> None:
    """Store changed facts (with their procedure's id) and list the procedures as they stand on `today`.

    The partition's registry revision grows by one, so that nobody goes on with what was cached.
    """
    rows = [(procedure_id, fact.source, fact.id, msgspec.json.encode(fact).decode()) for procedure_id, fact in facts]
    await connection.execute(_WRITE_FACTS, state.generation, state.partition, *zip(*rows, strict=True))
    await list_procedures(connection, state, histories, today)


async def list_procedures(
    connection: Connection, state: PartitionState, histories: Mapping[str, History], today: date
) -> None:
    """Show each procedure by its version in force on `today`, or by its first one before that."""
    rows = [
        _procedure_row(procedure_id, history, today)
        for procedure_id, history in histories.items()
        if history.registered
    ]
    if rows:
        await connection.execute(_WRITE_PROCEDURES, state.generation, state.partition, *zip(*rows, strict=True))
    gone = [procedure_id for procedure_id, history in histories.items() if not history.registered]
    if gone:
        await connection.execute(_DROP_PROCEDURES, state.generation, gone)


async def refresh_procedures(
    connection: Connection, state: PartitionState, procedure_ids: Collection[str], today: date
) -> None:
    """List those of the procedures anew whose next version came into force by `today`."""
    outdated = [row[0] for row in await connection.fetch(_OUTDATED, state.generation, list(procedure_ids), today)]
    facts = await load_registry(connection, state.generation, outdated)
    await list_procedures(connection, state, {p: History.of(found) for p, found in facts.items()}, today)


async def queue_rejudgements(connection: Connection, state: PartitionState, from_dates: Mapping[str, date]) -> None:
    """Have the cases of these procedures that arrived on or after a date judged anew."""
    if from_dates:
        await connection.execute(_QUEUE, state.generation, state.partition, list(from_dates), list(from_dates.values()))


async def partitions_to_rejudge(connection: Connection) -> set[int]:
    """The partitions in which re-judgements wait."""
    return {row[0] for row in await connection.fetch(_PARTITIONS_QUEUED)}


async def next_rejudgement(connection: Connection, state: PartitionState) -> Rejudgement | None:
    row = await connection.fetchrow(_QUEUED, state.generation, state.partition)
    return None if row is None else Rejudgement(*row)


async def load_cases_from(
    connection: Connection, generation: int, rejudgement: Rejudgement, limit: int
) -> dict[CaseKey, StoredCase]:
    """The next cases to judge anew, in the order of their ids."""
    rows = await connection.fetch(
        _CASES_FROM, generation, rejudgement.procedure_id, rejudgement.cursor, rejudgement.from_date, limit
    )
    return {(row[0], row[1]): stored_case(row) for row in map(tuple, rows)}


async def advance_rejudgement(
    connection: Connection, state: PartitionState, procedure_id: str, cursor: str | None
) -> None:
    """Done up to and with the application id `cursor`; None: done."""
    if cursor is None:
        await connection.execute(_DONE, state.generation, procedure_id)
    else:
        await connection.execute(_ADVANCE, state.generation, procedure_id, cursor)


def _procedure_row(procedure_id: str, history: History, today: date) -> tuple[object, ...]:
    version = history.at(today) or history.versions[0]
    procedure = version.procedure
    coming = min((v.name.effective_from for v in history.versions if v.name.effective_from > today), default=None)
    return (
        procedure_id,
        procedure.organisation.id,
        procedure.organisation.name.ja,
        procedure.organisation.name.en,
        procedure.organisation.kind,
        procedure.kind,
        procedure.name.ja,
        procedure.name.en,
        msgspec.json.encode(procedure).decode(),
        version.name.effective_from,
        coming,
        version.retired,
        procedure.priority,
    )

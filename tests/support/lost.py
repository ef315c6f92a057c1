"""What a database holds that must be the same after it was lost and recovered."""

import json
from typing import Any

from qos_runtime.postgres import Pool

_CASES = """
    SELECT procedure_id, application_id, partition, facts, contributions, status, reference_date, organisation_id,
        channel, online, unit, arrival_at, arrival_date, stop_date, end_date, due_date, breach_date, due_at,
        due_soon_date, due_soon_at, suspended::text, result, announced, announced_breach_date, announcements
    FROM cases WHERE generation = (SELECT generation FROM generations WHERE status = 'live')
"""
_LEVELS = "SELECT procedure_id, partition, revision, as_of, digest, settled_on, live::text, settled::text FROM levels"
_LETTERS = """
    SELECT topic, partition, "offset", reason, field, rule, key, value, headers::text, appended_at, state, decided_by
    FROM dead_letters
"""
_RETRACTED = "SELECT procedure_id, organisation_id, date, breaches FROM retracted_breaches"
_OFFSETS = """
    SELECT topic, partition, next_offset FROM partition_offsets
    WHERE generation = (SELECT generation FROM generations WHERE status = 'live')
"""
_PUBLISHED = "SELECT publication_id, period, as_of, issued_at, content FROM publications"
_STATED = "SELECT publication_id, scope, id, organisation_id, digest, content FROM publication_statements"


async def results(pool: Pool) -> dict[str, list[tuple[Any, ...]]]:
    """Cases with what was announced of them, levels, dead letters, retractions, offsets and publications."""
    statements = {
        "cases": _CASES,
        "levels": _LEVELS,
        "letters": _LETTERS,
        "retracted": _RETRACTED,
        "offsets": _OFFSETS,
        "publications": _PUBLISHED,
        "statements": _STATED,
    }
    found = {name: [tuple(row) for row in await pool.fetch(statement)] for name, statement in statements.items()}
    # Of an assessment that was read back, 1 has become 1.0: compared as numbers.
    found["levels"] = [
        (*row, json.loads(live), settled and json.loads(settled)) for *row, live, settled in found["levels"]
    ]
    return {name: sorted(rows, key=lambda row: row[:3]) for name, rows in found.items()}

"""Waits until nothing is left to do: all processed, judged, added up, assessed, announced, sent."""

import asyncio
from collections.abc import Callable
from datetime import UTC, date, datetime
from time import monotonic

import asyncpg

from chaos.topics import ends
from qos_domain.calendar import Calendar
from qos_domain.events import INPUT_TOPICS
from qos_runtime.settings import RuntimeSettings

EVERY_SECONDS = 0.5

# Each must come to 0. $1: the local date, $2: the instant as of which everything is to be announced.
_LEFT = """
    WITH live AS (SELECT generation FROM generations WHERE status = 'live')
    SELECT
        (SELECT count(*) FROM rejudgements JOIN live USING (generation)) AS "procedures to judge anew",
        (SELECT count(*) FROM scope_bucket_changes JOIN live USING (generation)) AS "changes to add up",
        (SELECT count(*) FROM touched_procedures JOIN live USING (generation)) AS "procedures to assess",
        (SELECT count(*) FROM procedures JOIN live USING (generation) LEFT JOIN levels l USING (procedure_id)
            WHERE l.as_of IS DISTINCT FROM $1::date) AS "procedures to assess of today",
        (SELECT count(*) FROM partition_state s LEFT JOIN daily_runs d USING (partition)
            WHERE s.live AND (d.as_of IS DISTINCT FROM $1::date - 1 OR NOT d.finished)) AS "days to assess",
        (SELECT count(*) FROM cases JOIN live USING (generation)
            WHERE next_announcement_at <= $2) AS "cases to look at",
        (SELECT count(*) FROM outbox) AS "messages to send"
"""
_STORED = """
    SELECT topic, partition, next_offset FROM partition_offsets
    WHERE generation = (SELECT generation FROM generations WHERE status = 'live')
"""


async def settled(
    settings: RuntimeSettings, calendar: Calendar, *, within: float, left: Callable[[str], None] = lambda _: None
) -> datetime:
    """The instant as of which all is done. `left` is told now and then what isn't.

    Raises AssertionError with what is left to do after `within` seconds.
    """
    deadline = monotonic() + within
    told = ""
    while True:
        now = datetime.now(UTC)
        try:
            waiting = await _waiting(settings, calendar.local_date(now), now)
        except (OSError, asyncpg.PostgresError, asyncpg.InterfaceError) as error:
            waiting = {f"an answer of PostgreSQL ({type(error).__name__})": 1}
        if not waiting:
            return now
        said = ", ".join(f"{count:,} {what}" for what, count in waiting.items())
        assert monotonic() < deadline, f"after {within:.0f} seconds there are still {said}"
        if said != told:
            left(said)
        told = said
        await asyncio.sleep(EVERY_SECONDS)


async def _waiting(settings: RuntimeSettings, today: date, now: datetime) -> dict[str, int]:
    connection = await asyncpg.connect(settings.database_url, timeout=10, command_timeout=30)
    try:
        stored = {(row[0], row[1]): int(row[2]) for row in await connection.fetch(_STORED)}
        found = {"records to process": await _behind(settings, stored)}
        row = await connection.fetchrow(_LEFT, today, now)
        assert row is not None
        found |= dict(row)
        return {what: count for what, count in found.items() if count}
    finally:
        await connection.close()


async def _behind(settings: RuntimeSettings, stored: dict[tuple[str, int], int]) -> int:
    return sum(end - stored.get(position, 0) for position, end in (await ends(settings, INPUT_TOPICS)).items())

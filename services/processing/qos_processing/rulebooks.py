"""The calendars and criteria that were ever in force, and which of them made the live results (docs/restatement.md)."""

from collections.abc import Sequence
from datetime import datetime

from qos_domain.calendar import Calendar
from qos_domain.rulebooks import OtherContent, Rulebook, of_calendar
from qos_processing.made_with import NOT_SAID, MadeWith, check_calendar, check_logic, made_with
from qos_processing.postgres import NoLiveGeneration, PartitionState
from qos_processing.transactions import Connection

_KEEP = """
    INSERT INTO rulebooks (kind, version, digest, content, first_used_at) VALUES ($1, $2, $3, $4, $5)
    ON CONFLICT (kind, version) DO NOTHING
"""
_DIGEST = "SELECT digest FROM rulebooks WHERE kind = $1 AND version = $2"
_CONTENT = "SELECT content FROM rulebooks WHERE kind = $1 AND version = $2"
_KEPT = "SELECT kind, version, digest, content, first_used_at FROM rulebooks ORDER BY kind, first_used_at, version"
_UNPUBLISHED = """
    SELECT kind, version, digest, content, first_used_at FROM rulebooks
    WHERE published_at IS NULL ORDER BY first_used_at, kind, version
"""
_PUBLISHED = """
    UPDATE rulebooks r SET published_at = $1 FROM unnest($2::text[], $3::text[]) AS n (kind, version)
    WHERE r.kind = n.kind AND r.version = n.version
"""
_CLAIM = """
    UPDATE generations SET calendar = $2, calendar_digest = $3, time_zone = $4
    WHERE generation = $1 AND calendar_digest IS NULL AND coalesce(calendar, $2) = $2
"""
_MADE_WITH = "SELECT calendar, calendar_digest, time_zone FROM generations WHERE generation = $1"
_LIVE = "SELECT logic_version, calendar, calendar_digest, time_zone FROM generations WHERE status = 'live'"


async def check_kept(connection: Connection, rulebook: Rulebook) -> bool:
    """Whether it was in force before. Raises OtherContent if that version was, with other content."""
    kept = await connection.fetchval(_DIGEST, rulebook.kind, rulebook.version)
    if kept is not None and kept != rulebook.digest:
        raise OtherContent(rulebook, kept)
    return kept is not None


async def keep(connection: Connection, rulebook: Rulebook, now: datetime) -> None:
    """Keep what is used for the first time; it will be published. Raises OtherContent."""
    if not await check_kept(connection, rulebook):
        await connection.execute(_KEEP, *rulebook, now)
        await check_kept(connection, rulebook)  # another process may have been faster


async def content(connection: Connection, kind: str, version: str) -> str | None:
    """The content of a version that was in force."""
    found: str | None = await connection.fetchval(_CONTENT, kind, version)
    return found


async def all_kept(connection: Connection) -> list[tuple[Rulebook, datetime]]:
    """All that were ever in force, and when each was used first."""
    return [(Rulebook(*row[:4]), row[4]) for row in map(tuple, await connection.fetch(_KEPT))]


async def unpublished(connection: Connection) -> list[tuple[Rulebook, datetime]]:
    """Those that nobody was told of yet, and when each was used first."""
    return [(Rulebook(*row[:4]), row[4]) for row in map(tuple, await connection.fetch(_UNPUBLISHED))]


async def published(connection: Connection, rulebooks: Sequence[Rulebook], now: datetime) -> None:
    """They are in the outbox."""
    kinds, versions = [one.kind for one in rulebooks], [one.version for one in rulebooks]
    await connection.execute(_PUBLISHED, now, kinds, versions)


async def require_own(connection: Connection, state: PartitionState, calendar: Calendar, now: datetime) -> None:
    """Raise OtherLogic, OtherCalendar, ChangedCalendar or OtherContent unless the generation was made by this program's
    logic with this calendar.

    Of a generation of which nobody has said so (it is empty, or of a release that kept no calendar) it is said now.
    """
    check_logic(state.logic_version)
    if state.made_with == made_with(calendar):
        return
    check_calendar(state.made_with, calendar)
    await keep(connection, of_calendar(calendar), now)
    await connection.execute(_CLAIM, state.generation, *made_with(calendar))
    # Under another partition's lock another process may have been faster.
    row = await connection.fetchrow(_MADE_WITH, state.generation)
    check_calendar(NOT_SAID if row is None else MadeWith(*row), calendar)


async def check_live(connection: Connection, calendar: Calendar, *others: Rulebook) -> None:
    """What a process asks before it begins: raises as `require_own` does, and says nothing of the generation yet.

    A worker that would end at its first batch must not join the group: it would take partitions from those that can go
    on, again and again. Raises NoLiveGeneration, too.
    """
    row = await connection.fetchrow(_LIVE)
    if row is None:
        raise NoLiveGeneration
    check_logic(row[0])
    check_calendar(MadeWith(*tuple(row)[1:]), calendar)
    for rulebook in (of_calendar(calendar), *others):
        await check_kept(connection, rulebook)

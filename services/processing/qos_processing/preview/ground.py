"""What a preview stands on: one snapshot of the live results, by what they were made, and the days to look at."""

from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import date

import asyncpg

from qos_domain import criteria as criteria_files
from qos_domain.calendar import Calendar
from qos_domain.criteria import Criteria
from qos_domain.errors import TransientFailure
from qos_domain.facts import NO_FACTS
from qos_domain.periods import Month, Window, window
from qos_domain.registry import History
from qos_processing import postgres_publications, postgres_registry, rulebooks
from qos_processing.made_with import check_calendar, check_logic
from qos_processing.postgres import NoLiveGeneration
from qos_processing.preview.effects import View
from qos_processing.preview.snapshot import PreviewSnapshot
from qos_processing.publish.refusals import NeverPublished
from qos_processing.transactions import Connection
from qos_processing.verify.snapshot import Generation, live_generation
from qos_runtime.clock import Clock
from qos_runtime.postgres import DatabaseError
from qos_runtime.settings import RuntimeSettings


@dataclass(frozen=True, slots=True)
class Ground:
    """One snapshot, the calendar and the criteria that are in force in it, and the days that are looked at."""

    connection: Connection
    generation: Generation
    snapshot: PreviewSnapshot
    calendar: Calendar
    criteria: Criteria
    views: list[View]

    async def history(self, procedure_id: str) -> History:
        number = self.generation.number
        facts = await postgres_registry.load_registry(self.connection, number, (procedure_id,))
        return History.of(facts.get(procedure_id, NO_FACTS))


@asynccontextmanager
async def standing(settings: RuntimeSettings, clock: Clock, month: Month | None) -> AsyncIterator[Ground]:
    """In a transaction that can write nothing. Without a month: the present, and all months that were published.

    Raises NeverPublished, NoLiveGeneration, OtherLogic, OtherCalendar or ChangedCalendar (the one in force isn't known
    here), TransientFailure.
    """
    session = {"application_name": "qos-preview", "timezone": "UTC", "jit": "off"}
    try:
        connection = await asyncpg.connect(settings.database_url, server_settings=session)
        try:
            async with connection.transaction(isolation="repeatable_read", readonly=True):
                yield await _look_around(connection, settings, clock, month)
        finally:
            await connection.close()
    except DatabaseError as error:
        raise TransientFailure(f"the database doesn't answer ({type(error).__name__}: {error})") from error


async def _look_around(connection: Connection, settings: RuntimeSettings, clock: Clock, month: Month | None) -> Ground:
    generation = await live_generation(connection)
    if generation is None:
        raise NoLiveGeneration
    check_logic(generation.logic_version)
    snapshot = PreviewSnapshot(connection, generation.number)
    calendar = await _calendar(connection, settings, generation)
    criteria = await _criteria(connection, settings, snapshot)
    published = await postgres_publications.published_periods(connection)
    views = _views(calendar.local_date(clock.now()), published, month)
    return Ground(connection, generation, snapshot, calendar, criteria, views)


async def _calendar(connection: Connection, settings: RuntimeSettings, generation: Generation) -> Calendar:
    """As it is kept; of results that nobody has added to since calendars are kept, this process's own."""
    made_with = generation.made_with
    zone = made_with.time_zone or settings.time_zone
    if made_with.calendar is not None:
        kept = await rulebooks.content(connection, "calendar", made_with.calendar)
        if kept is not None:
            return Calendar.parse(kept.encode(), zone)
    calendar = Calendar.load(settings.calendar, zone)
    check_calendar(made_with, calendar)
    return calendar


async def _criteria(connection: Connection, settings: RuntimeSettings, snapshot: PreviewSnapshot) -> Criteria:
    version = await snapshot.criteria_in_use()
    kept = None if version is None else await rulebooks.content(connection, "criteria", version)
    if kept is not None:
        return criteria_files.parse_json(kept)
    return criteria_files.load(settings.criteria or criteria_files.DEFAULT_VERSION)


def _views(today: date, published: Iterable[str], month: Month | None) -> list[View]:
    """The month asked for; else the last 28 days, this month, and all that were published, the latest first."""
    names = list(published)
    if month is not None:
        if month.name not in names:
            raise NeverPublished(month.name, names)
        return [_published(month)]
    this_month = Month.of(today).name
    present = [window("28d", today), Window(this_month, Month.of(today).span.start, today)]
    views = [View(each.name, each.start, each.end, today, published=False) for each in present]
    return views + [_published(Month.named(name)) for name in sorted(names, reverse=True)]


def _published(month: Month) -> View:
    return View(month.name, month.span.start, month.span.end, month.span.end, published=True)

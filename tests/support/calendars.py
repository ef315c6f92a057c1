"""Calendars that differ from Tokyo's in what a story says."""

from datetime import date
from pathlib import Path

import msgspec

from qos_domain.calendar import Calendar, Holiday


def with_holiday(*days: str, version: str = "jp-tokyo-2") -> Calendar:
    """Tokyo's calendar in which these days are national holidays, too."""
    tokyo = Calendar.load()
    more = [Holiday(date.fromisoformat(day), "特別な休日", "A special holiday") for day in days]
    holidays = tuple(sorted((*tokyo.data.holidays, *more), key=lambda holiday: holiday.date))
    return Calendar(msgspec.structs.replace(tokyo.data, version=version, holidays=holidays))


def as_file(calendar: Calendar, folder: Path) -> Path:
    path = folder / f"calendar-{calendar.version}.json"
    path.write_text(calendar.content, encoding="utf-8")
    return path


def small(*, holidays: frozenset[date], last_year: int = 2026, version: str = "small") -> Calendar:
    """A calendar of few years, that is quickly made: Tokyo's weekends and closed days, and these holidays only."""
    tokyo = Calendar.load().data
    named = tuple(Holiday(day, "休日", "A holiday") for day in sorted(holidays))
    data = msgspec.structs.replace(tokyo, version=version, first_year=2024, last_year=last_year, holidays=named)
    return Calendar(data)

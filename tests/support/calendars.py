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

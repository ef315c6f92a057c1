"""What `qos due-date` is told, read into the clock's facts. Every refusal says which option and what it takes."""

import re
from collections.abc import Callable, Iterable
from datetime import date, datetime
from typing import TypeVar, get_args
from zoneinfo import ZoneInfo

import typer

from qos_domain.procedures import Period
from qos_domain.vocabulary import SuspensionReason, Unit

Read = TypeVar("Read")
Suspension = tuple[datetime, datetime | None, SuspensionReason]

_REASONS: dict[str, SuspensionReason] = {reason: reason for reason in get_args(SuspensionReason)}
_UNITS: dict[str, Unit] = {unit: unit for unit in get_args(Unit)}


def read(option: str, parse: Callable[[str], Read], text: str) -> Read:
    """`parse(text)`, a refusal (ValueError) turned into one that names the option."""
    try:
        return parse(text)
    except ValueError as error:
        raise typer.BadParameter(str(error), param_hint=option) from error


def read_all(option: str, parse: Callable[[str], Read], texts: Iterable[str] | None) -> tuple[Read, ...]:
    return tuple(read(option, parse, text) for text in texts or ())


def day(text: str) -> date:
    try:
        return date.fromisoformat(text.strip())
    except ValueError:
        raise ValueError(f"{text!r} is not a date such as 2025-05-02") from None


def instant(text: str, zone: ZoneInfo) -> datetime:
    """A date (its midnight) or a time on that date; without an offset, as the clock on the office's wall shows it."""
    try:
        moment = datetime.fromisoformat(text.strip())
    except ValueError:
        raise ValueError(f"{text!r} is not a date or time such as 2025-05-02 or 2025-05-02T23:50+09:00") from None
    return moment if moment.tzinfo is not None else moment.replace(tzinfo=zone)


def period(text: str) -> Period:
    """`5 business_days`, `1 month`, `10..15 business days`: a range counts by its maximum."""
    found = re.fullmatch(r"\s*(?:(\d{1,6})\s*\.\.\s*)?(\d{1,6})\s*([a-zA-Z_ -]+?)\s*", text)
    if found is None:
        raise ValueError(f"{text!r} is not a number and a unit, such as '5 business_days' or '10..15 business_days'")
    name = re.sub(r"[\s-]+", "_", found[3].lower())
    unit = _UNITS.get(name) or _UNITS.get(f"{name}s")
    if unit is None:
        raise ValueError(f"{found[3]!r} is not a unit: use one of {', '.join(_UNITS)}")
    minimum, maximum = None if found[1] is None else int(found[1]), int(found[2])
    if maximum > 100_000 or (minimum or 0) > maximum:
        raise ValueError(f"{text!r}: the number is at most 100000, and a range runs from the smaller to the greater")
    return Period(unit=unit, minimum=minimum, maximum=maximum)


def suspension(text: str, zone: ZoneInfo) -> Suspension:
    """`FROM..TO`, `FROM..` (still open), each with `:reason` if it isn't a correction."""
    found = re.fullmatch(r"(.+?)\.\.(.*?)(?::([a-z_]+))?", text)
    if found is None:
        raise ValueError(f"{text!r} is not FROM..TO or FROM..TO:reason, such as 2025-05-08..2025-05-12:correction")
    begin = instant(found[1], zone)
    end = instant(found[2], zone) if found[2].strip() else None
    name = found[3] or "correction"
    if name not in _REASONS:
        raise ValueError(f"{name!r} is not a reason: use one of {', '.join(_REASONS)}")
    if end is not None and end.astimezone(zone).date() < begin.astimezone(zone).date():
        raise ValueError(f"{text!r} ends before it begins")
    return begin, end, _REASONS[name]


def extension(text: str, zone: ZoneInfo) -> tuple[datetime, date]:
    """`WHEN=DATE`: when the due date was extended, and to what."""
    when, equals, due = text.partition("=")
    if not equals:
        raise ValueError(f"{text!r} is not WHEN=NEW_DUE_DATE, such as 2025-05-10=2025-05-29")
    return instant(when, zone), day(due)

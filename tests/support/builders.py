"""Short ways to say an event in a story. Times are written in Tokyo time, as people there would say them."""

from datetime import date, datetime
from itertools import count
from typing import Any
from zoneinfo import ZoneInfo

from qos_domain.events import EVENT_TYPES, Event
from qos_domain.procedures import ClockRules, Name, Organisation, Period, Procedure

TOKYO = ZoneInfo("Asia/Tokyo")
FIVE_BUSINESS_DAYS = Period(unit="business_days", maximum=5)
_numbers = count(1)


def tokyo(text: str) -> datetime:
    """`2025-05-02 23:50`, or a date alone for its noon."""
    parsed = datetime.fromisoformat(text if " " in text else f"{text} 12:00")
    return parsed.replace(tzinfo=TOKYO)


def happened(
    type: str,  # noqa: A002 - CloudEvents' word
    at: str,
    *,
    procedure: str = "road-occupation",
    application: str | None = "A-1",
    id: str | None = None,  # noqa: A002
    source: str = "urn:joint",
    corrects: str | None = None,
    **data: Any,
) -> Event:
    """An event of the application A-1 for a road occupation permit, unless said otherwise."""
    payload = EVENT_TYPES[type][1]
    if application is not None:
        data["application_id"] = application
    return Event(
        source=source,
        id=id or f"event-{next(_numbers)}",
        time=tokyo(at),
        data=payload(procedure_id=procedure, **data),
        corrects=corrects,
    )


def registered(
    effective_from: str = "2020-04-01",
    *,
    procedure: str = "road-occupation",
    organisation: str = "construction",
    period: Period | None = FIVE_BUSINESS_DAYS,
    online_period: Period | None = None,
    type: str = "procedure.registered",  # noqa: A002
    at: str = "2020-03-01",
    **more: Any,
) -> Event:
    """A registry event: a road occupation permit with five business days, unless said otherwise."""
    payload = EVENT_TYPES[type][1]
    assert issubclass(payload, Procedure)
    return Event(
        source="urn:registry",
        id=f"version-{next(_numbers)}",
        time=tokyo(at),
        data=payload(
            procedure_id=procedure,
            name=more.pop("name", Name(ja="道路占用許可", en="Road occupation permit")),
            organisation=Organisation(id=organisation, name=Name(ja="建設局"), kind="bureau"),
            effective_from=date.fromisoformat(effective_from),
            standard_period=period,
            online_standard_period=online_period,
            clock=more.pop("clock", ClockRules()),
            **more,
        ),
    )

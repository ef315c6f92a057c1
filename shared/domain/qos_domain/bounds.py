"""What a schema can't say of an event's dates and periods: they stay inside what the calendar can judge.

Without these bounds one absurd date (year 1, a period of 8,000 years) would pass as well-formed and stop the fold of
every event after it.
"""

from collections.abc import Mapping
from datetime import UTC, date, datetime
from typing import Final

from qos_domain.errors import RejectedEvent
from qos_domain.events import ApplicationSubmitted, Event, ReviewExtended
from qos_domain.procedures import Period, Procedure
from qos_domain.refusals import invalid
from qos_domain.vocabulary import Unit

# What the calendar can judge, and what a date can hold after time zones and one more day.
EARLIEST_INSTANT: Final = datetime(2000, 1, 2, tzinfo=UTC)
EARLIEST_DATE: Final = date(1900, 1, 1)
LATEST_DATE: Final = date(2049, 12, 31)
# Twenty years, in each unit: no standard period comes near, and due dates stay inside the calendar.
LONGEST_PERIOD: Final[Mapping[Unit, int]] = {
    "business_days": 5_000,
    "calendar_days": 7_300,
    "weeks": 1_040,
    "months": 240,
    "years": 20,
    "hours": 175_200,
}

_FIRST_DUE_DATE: Final = EARLIEST_INSTANT.date()


def check_bounds(event: Event) -> None:
    """Raises RejectedEvent (invalid_field) for an instant, date or period outside the bounds above."""
    if event.time < EARLIEST_INSTANT:
        raise _too_early("time")
    data = event.data
    if isinstance(data, ApplicationSubmitted):
        _check_submission(data)
    elif isinstance(data, ReviewExtended):
        _check_date("data.due_date", data.due_date, _FIRST_DUE_DATE)
    elif isinstance(data, Procedure):
        _check_procedure(data)


def _check_submission(data: ApplicationSubmitted) -> None:
    if data.received_at is not None and data.received_at < EARLIEST_INSTANT:
        raise _too_early("data.received_at")
    if data.started_at is not None and data.started_at < EARLIEST_INSTANT:
        raise _too_early("data.started_at")
    if data.due_date is not None:
        _check_date("data.due_date", data.due_date, _FIRST_DUE_DATE)


def _check_procedure(data: Procedure) -> None:
    _check_date("data.effective_from", data.effective_from, EARLIEST_DATE)
    if data.digital_since is not None:
        _check_date("data.digital_since", data.digital_since, EARLIEST_DATE)
    if data.standard_period is not None:
        _check_period("data.standard_period", data.standard_period)
    if data.online_standard_period is not None:
        _check_period("data.online_standard_period", data.online_standard_period)


def _check_period(field: str, period: Period) -> None:
    longest = LONGEST_PERIOD[period.unit]
    if period.maximum > longest:
        raise invalid(f"{field}.maximum", f"at most {longest} {period.unit}")
    if period.minimum is not None and period.minimum > period.maximum:
        raise invalid(f"{field}.minimum", "at most the maximum")


def _check_date(field: str, day: date, earliest: date) -> None:
    if not earliest <= day <= LATEST_DATE:
        raise invalid(field, f"a date from {earliest} to {LATEST_DATE}")


def _too_early(field: str) -> RejectedEvent:
    return invalid(field, f"not before {EARLIEST_INSTANT.isoformat()}")

"""How fresh the data behind a figure is, and when it is stale (docs/levels.md, Stale).

Stale means that the pipeline lags, or that a source is silent against its habit: not that nobody applied.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from itertools import pairwise
from typing import Literal, TypeAlias

Staleness: TypeAlias = Literal["pipeline_lags", "source_silent"]

MOST_LAG = timedelta(minutes=15)
# A habit shows in so many days with events; silence breaks it when it lasts twice the longest silence among them.
LEAST_DAYS_OF_HABIT = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class Freshness:
    """`processed_until` is when the newest event that counts was appended to the log (None: none yet); `lag_seconds`
    for how long the oldest event that doesn't count yet has waited; `last_event_date` the last local date of which
    there is an event."""

    processed_until: datetime | None
    lag_seconds: float
    last_event_date: date | None
    stale: Staleness | None


def freshness(
    *,
    processed_until: datetime | None,
    lag: timedelta,
    event_dates: Iterable[date],
    today: date,
    most_lag: timedelta = MOST_LAG,
) -> Freshness:
    """`event_dates` are the recent local dates (90 days, say) on which the source sent anything of the scope."""
    dates = sorted(day for day in set(event_dates) if day <= today)
    stale: Staleness | None = None
    if lag > most_lag:
        stale = "pipeline_lags"
    elif is_silent(dates, today):
        stale = "source_silent"
    return Freshness(
        processed_until=processed_until,
        lag_seconds=lag.total_seconds(),
        last_event_date=dates[-1] if dates else None,
        stale=stale,
    )


def is_silent(dates: list[date], today: date) -> bool:
    """Whether the days since the last of the sorted dates are more than twice the longest gap between two of them.
    False without a habit to compare with."""
    if len(dates) < LEAST_DAYS_OF_HABIT:
        return False
    longest = max((later - earlier).days for earlier, later in pairwise(dates))
    return (today - dates[-1]).days > 2 * longest

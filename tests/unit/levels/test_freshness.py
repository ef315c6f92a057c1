"""Stale: the pipeline lags, or the source is silent against its habit; not that nobody applied."""

from datetime import UTC, date, datetime, timedelta

from qos_domain.freshness import Freshness, freshness

NOW = datetime(2025, 6, 30, 3, 0, tzinfo=UTC)
TODAY = date(2025, 6, 30)  # a Monday
WEEKDAYS = [day for day in (date(2025, 4, 1) + timedelta(n) for n in range(90)) if day.weekday() < 5]


def of(dates: list[date], *, lag: timedelta = timedelta(0), today: date = TODAY) -> Freshness:
    return freshness(processed_until=NOW, lag=lag, event_dates=dates, today=today)


def test_a_pipeline_that_lags_more_than_a_quarter_of_an_hour_is_stale() -> None:
    assert of(WEEKDAYS, lag=timedelta(minutes=15)).stale is None
    assert of(WEEKDAYS, lag=timedelta(minutes=15, seconds=1)).stale == "pipeline_lags"


def test_an_office_that_sends_on_weekdays_is_not_silent_on_a_monday() -> None:
    fresh = of(WEEKDAYS)
    assert (fresh.stale, fresh.last_event_date, fresh.lag_seconds) == (None, date(2025, 6, 27), 0.0)


def test_twice_the_longest_silence_is_against_the_habit() -> None:
    """Three days over a weekend are the longest; six are still no more than twice that."""
    assert of(WEEKDAYS, today=date(2025, 6, 27) + timedelta(6)).stale is None
    assert of(WEEKDAYS, today=date(2025, 6, 27) + timedelta(7)).stale == "source_silent"


def test_a_procedure_that_nobody_applies_for_is_not_stale() -> None:
    assert of([]).stale is None
    assert of([date(2025, 4, 2), date(2025, 4, 4)]).stale is None

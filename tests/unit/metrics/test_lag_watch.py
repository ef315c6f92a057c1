"""How far processing is behind, as the read side sees it."""

from datetime import UTC, datetime, timedelta

from qos_metrics.freshness import LagWatch

NOON = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)
PARTITION = ("applications", 3)
OTHER = ("reviews", 3)


def seconds(count: float) -> datetime:
    return NOON + timedelta(seconds=count)


def watch() -> LagWatch:
    return LagWatch(stale_after=timedelta(minutes=15))


def test_nothing_is_known_before_the_log_was_seen() -> None:
    lag = watch()
    assert lag.lag_seconds(NOON) is None
    assert lag.backlog_records is None
    assert lag.is_stale(NOON)


def test_a_quiet_log_has_no_lag() -> None:
    lag = watch()
    lag.observe(NOON, {PARTITION: 100, OTHER: 0}, {PARTITION: 100})
    assert lag.lag_seconds(seconds(600)) == 0
    assert lag.backlog_records == 0
    assert not lag.is_stale(seconds(600))


def test_lag_is_how_long_the_oldest_record_has_been_waiting() -> None:
    lag = watch()
    lag.observe(seconds(0), {PARTITION: 100}, {PARTITION: 100})
    lag.observe(seconds(1), {PARTITION: 110}, {PARTITION: 100})
    lag.observe(seconds(2), {PARTITION: 130}, {PARTITION: 100})
    assert lag.lag_seconds(seconds(5)) == 4
    assert lag.backlog_records == 30

    lag.observe(seconds(6), {PARTITION: 130}, {PARTITION: 110})  # what came first is done, the rest came at second 2
    assert lag.lag_seconds(seconds(6)) == 4

    lag.observe(seconds(7), {PARTITION: 130}, {PARTITION: 130})
    assert lag.lag_seconds(seconds(7)) == 0


def test_the_partition_that_is_furthest_behind_counts() -> None:
    lag = watch()
    lag.observe(seconds(0), {PARTITION: 5, OTHER: 5}, {PARTITION: 5})
    lag.observe(seconds(9), {PARTITION: 6, OTHER: 5}, {PARTITION: 5, OTHER: 0})
    assert lag.lag_seconds(seconds(10)) == 10


def test_fifteen_minutes_of_waiting_is_stale() -> None:
    lag = watch()
    lag.observe(seconds(0), {PARTITION: 1}, {})
    lag.observe(seconds(899), {PARTITION: 1}, {})
    assert not lag.is_stale(seconds(900))
    assert lag.is_stale(seconds(901))


def test_a_log_that_does_not_answer_any_more_is_stale() -> None:
    lag = watch()
    lag.observe(NOON, {PARTITION: 1}, {PARTITION: 1})
    assert lag.lag_seconds(seconds(901)) is None
    assert lag.is_stale(seconds(901))

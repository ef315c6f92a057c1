"""The capacity model: pure arithmetic, held to what can be said without measuring."""

import pytest
from bench.capacity.costs import Costs
from bench.capacity.model import Assumptions, Place, catch_up, curve, hottest_share, size, zipf
from hypothesis import given
from hypothesis import strategies as st

COSTS = Costs(
    events_per_case=5,
    record_bytes=400,
    log_bytes_per_event=40,
    case_bytes=3_000,
    bucket_bytes=300,
    wal_bytes_per_event=2_000,
    worker_core_seconds_per_event=0.0001,
    database_core_seconds_per_event=0.00005,
    events_per_second=10_000,
    read_seconds_per_bucket=1e-6,
    read_seconds_per_open_case=3e-6,
)
EVEN_DAY = Assumptions(busiest_day=1, hours=(1.0,) * 24)


def test_two_percent_of_the_procedures_have_nine_tenths_of_the_cases() -> None:
    volumes = zipf(28_000, 10_000_000)
    assert sum(volumes) == pytest.approx(10_000_000, rel=0.001)
    assert sum(volumes[:560]) / sum(volumes) == pytest.approx(0.9, abs=0.001)
    assert volumes == sorted(volumes, reverse=True)


def test_a_curve_goes_through_its_points_and_on() -> None:
    rows = curve([(1, 10), (4, 40), (16, 80)])
    assert [round(rows(x), 6) for x in (0, 1, 4, 16)] == [0, 10, 40, 80]
    assert rows(0.1) == pytest.approx(1)  # in proportion before the first
    assert rows(64) == pytest.approx(160)  # as between the last two beyond the last
    with pytest.raises(ValueError, match="two powers of four"):
        curve([(10, 1), (11, 2)])


@given(st.lists(st.integers(1, 1_000_000), min_size=1, max_size=50), st.integers(1, 64))
def test_the_hottest_partition_has_at_least_its_fair_share(volumes: list[int], partitions: int) -> None:
    share = hottest_share(volumes, partitions)
    assert max(volumes) / sum(volumes) <= share + 1e-12
    assert 1 / partitions <= share + 1e-12
    assert share <= 1


def test_ten_times_the_cases_need_ten_times_the_work() -> None:
    flat = curve([(1, 10), (1_000_000, 10_000)])
    small, large = (size(Place("", [cases] * 100, 8), COSTS, flat, flat, Assumptions()) for cases in (10_000, 100_000))
    assert large.peak_events == pytest.approx(10 * small.peak_events)
    assert large.case_bytes == 10 * small.case_bytes
    assert large.database_cores == pytest.approx(10 * small.database_cores)
    assert small.bucket_rows < large.bucket_rows < 10 * small.bucket_rows


def test_a_pause_at_an_even_load_is_caught_up_in_the_time_that_the_room_takes() -> None:
    """100 events a minute come, 200 can be done: an hour's pause leaves 6,000, worked off at 100 a minute."""
    found = catch_up(100 * 24 * 60, 200 / 60, EVEN_DAY, from_hour=10, minutes=60)
    assert found.most_waiting == pytest.approx(6_000)
    assert found.minutes == pytest.approx(60, abs=1)
    assert found.most_lag_minutes == pytest.approx(60, abs=1)


def test_who_is_too_slow_does_not_catch_up_on_that_day() -> None:
    assert catch_up(100 * 24 * 60, 90 / 60, EVEN_DAY, from_hour=10, minutes=60).minutes is None


def test_the_peak_is_the_busiest_hour_of_the_busiest_day() -> None:
    assert EVEN_DAY.peak == 1
    assert Assumptions(busiest_day=4, hours=(*(1.0,) * 23, 2.0)).peak == pytest.approx(4 * 24 * 2 / 25)

"""Figures for Prometheus are read in the background, and scraped from memory."""

from datetime import UTC, date, datetime, timedelta

import pytest
from prometheus_client import CollectorRegistry, generate_latest

from qos_domain.calendar import Calendar
from qos_domain.periods import Span
from qos_metrics.gauge_readings import Moment, Readings
from qos_metrics.gauges import Gauges
from qos_metrics.ports import Part
from support.sums import online

NOW = datetime(2026, 11, 20, 3, 0, tzinfo=UTC)


class Asked:
    """A source that remembers what it was asked."""

    def __init__(self) -> None:
        self.busy: list[Span] = []
        self.moments: list[Moment] = []

    async def busy_procedures(self, last_year: Span, least_applications: int) -> frozenset[str]:
        assert least_applications == 10_000
        self.busy.append(last_year)
        return frozenset({"road-occupation"})

    async def readings(self, busy: frozenset[str], moment: Moment) -> Readings:
        assert busy == {"road-occupation"}
        self.moments.append(moment)
        days = {"28d": online(arrived=3, calendar_days={2: 1, 40: 1})}
        return Readings(sums={("organisation", "construction"): days})


class Hands:
    """A clock that a test sets."""

    def __init__(self) -> None:
        self.at = NOW

    def now(self) -> datetime:
        return self.at


@pytest.fixture
def source() -> Asked:
    return Asked()


@pytest.fixture
def clock() -> Hands:
    return Hands()


@pytest.fixture
def gauges(source: Asked, clock: Hands) -> Gauges:
    return Gauges(source, clock=clock, calendar=Calendar.load(), every=5, limit=10)


async def test_a_scrape_reads_nothing(gauges: Gauges, source: Asked) -> None:
    registry = CollectorRegistry()
    registry.register(gauges)
    assert generate_latest(registry) == b""
    await gauges.read()
    lines = generate_latest(registry).decode().splitlines()
    assert generate_latest(registry).decode().splitlines() == lines
    assert len(source.moments) == 1
    assert registry.get_sample_value("qos_figures_collected_timestamp_seconds") == NOW.timestamp()
    assert 'qos_applications{id="construction",online="yes",scope="organisation",window="28d"} 3.0' in lines
    assert 'qos_applications{id="",online="yes",scope="all",window="28d"} 3.0' in lines


async def test_a_histogram_of_a_window_is_scraped_as_gauges(gauges: Gauges) -> None:
    """Prometheus reads the buckets under their usual name, and nothing that looks like a counter beside them."""
    registry = CollectorRegistry()
    registry.register(gauges)
    await gauges.read()
    lines = generate_latest(registry).decode().splitlines()
    found = [line for line in lines if "qos_processing_days" in line and "construction" in line]
    name = 'id="construction"'
    assert f'qos_processing_days_bucket{{{name},le="1.0",scope="organisation"}} 0.0' in found
    assert f'qos_processing_days_bucket{{{name},le="2.0",scope="organisation"}} 1.0' in found
    assert f'qos_processing_days_bucket{{{name},le="+Inf",scope="organisation"}} 2.0' in found
    assert f'qos_processing_days_gcount{{{name},scope="organisation"}} 2.0' in found
    assert f'qos_processing_days_gsum{{{name},scope="organisation"}} 42.0' in found
    assert not [line for line in found if "_count" in line or "_sum" in line]


async def test_windows_end_today_and_forecasts_count_business_days(gauges: Gauges, source: Asked) -> None:
    """Friday 20 November 2026, noon in Tokyo; Monday the 23rd is a holiday."""
    await gauges.read()
    (moment,) = source.moments
    assert (moment.now, moment.today) == (NOW, date(2026, 11, 20))
    assert {name: part.span.start for name, part in moment.parts.items()} == {
        "3d": date(2026, 11, 18),
        "7d": date(2026, 11, 14),
        "28d": date(2026, 10, 24),
        "fiscal_year": date(2026, 4, 1),
    }
    assert {part.span.end for part in moment.parts.values()} == {date(2026, 11, 20)}
    assert moment.parts["fiscal_year"] == Part(Span(date(2026, 4, 1), date(2026, 11, 20)), ("met", "breached"))
    assert moment.horizons == {"1bd": date(2026, 11, 24), "5bd": date(2026, 11, 30)}


async def test_last_years_applications_are_seldom_summed(gauges: Gauges, source: Asked, clock: Hands) -> None:
    await gauges.read()
    clock.at += timedelta(minutes=9)
    await gauges.read()
    assert source.busy == [Span(date(2025, 4, 1), date(2026, 3, 31))]
    clock.at += timedelta(minutes=1)
    await gauges.read()
    assert len(source.busy) == 2


async def test_a_new_fiscal_year_asks_at_once_which_procedures_are_busy(
    gauges: Gauges, source: Asked, clock: Hands
) -> None:
    clock.at = datetime(2027, 3, 31, 14, 59, tzinfo=UTC)
    await gauges.read()
    clock.at += timedelta(minutes=1)
    await gauges.read()
    assert [span.end for span in source.busy] == [date(2026, 3, 31), date(2027, 3, 31)]

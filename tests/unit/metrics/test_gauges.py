"""Figures for Prometheus: bounded labels, whatever there is; scraped from memory."""

from collections.abc import Mapping
from datetime import UTC, date, datetime

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.parser import text_string_to_metric_families

from qos_domain.calendar import Calendar
from qos_domain.levels import LevelReading
from qos_domain.measures import Cell, Measure
from qos_domain.periods import Span
from qos_domain.workload import Workload
from qos_metrics.gauges import Gauges, Readings, ScopeName, figures
from qos_metrics.ports import MapReadings
from support.sums import counter, online

NOW = datetime(2026, 11, 20, 3, 0, tzinfo=UTC)
PERMIT: ScopeName = ("procedure", "road-occupation")
BUREAU: ScopeName = ("organisation", "construction")
Found = dict[tuple[str, tuple[str, ...]], float]


def found(readings: Readings, limit: int = 100) -> Found:
    return {(metric.name, labels): value for metric, labels, value in figures(readings, limit)}


def sums(arrived: int) -> Mapping[Cell, int]:
    return online(arrived=arrived)


def test_a_scope_and_all_are_told_apart() -> None:
    readings = Readings(
        sums={
            PERMIT: {**online(arrived=8, met=5, breached=1, calendar_days={3: 4, 9: 2}), **counter(arrived=2)},
            BUREAU: online(arrived=1, rating={5: 1, 4: 1}, payments={1: 3, 0: 1}),
        },
        workloads={PERMIT: Workload(open=4, overdue=1, due_soon=2, suspended=1)},
        levels={"road-occupation": {"faster": MapReadings(LevelReading(2, 2), LevelReading(1, 3))}},
    )
    samples = found(readings)
    assert samples["qos_applications", (*PERMIT, "28d", "yes")] == 8
    assert samples["qos_applications", (*PERMIT, "28d", "no")] == 2
    assert samples["qos_applications", ("all", "", "28d", "yes")] == 9
    assert samples["qos_results", (*PERMIT, "28d", "breached")] == 1
    assert samples["qos_calendar_days", (*PERMIT, "0.5")] == 3
    assert samples["qos_calendar_days", ("all", "", "0.9")] == 9
    assert samples["qos_satisfaction_mean", BUREAU] == 4.5
    assert samples["qos_payments", (*BUREAU, "28d", "yes")] == 3
    assert samples["qos_cases", (*PERMIT, "overdue")] == 1
    assert samples["qos_cases", ("all", "", "open")] == 4
    assert samples["qos_level", ("road-occupation", "faster", "evidenced", "live")] == 1
    assert ("qos_satisfaction_mean", PERMIT) not in samples


def test_labels_have_a_hard_limit_that_says_how_many_it_hides() -> None:
    many: dict[ScopeName, Mapping[Cell, int]] = {
        ("procedure" if number % 2 else "organisation", f"s{number:03}"): sums(number) for number in range(1, 201)
    }
    samples = found(Readings(many, {}, {}), limit=50)
    assert samples["qos_figures_scopes", ("shown",)] == 50
    assert samples["qos_figures_scopes", ("hidden",)] == 150
    shown = {labels[:2] for name, labels in samples if name == "qos_applications"} - {("all", "")}
    assert len(shown) == 50
    assert ("procedure", "s199") in shown  # those with the most applications
    assert samples["qos_applications", ("all", "", "28d", "yes")] == sum(range(1, 201))


class OneProcedure:
    """A source that counts how often it is asked."""

    def __init__(self) -> None:
        self.asked: list[str] = []

    async def priority_procedures(self, last_year: Span, least_applications: int) -> frozenset[str]:
        assert (last_year, least_applications) == (Span(date(2025, 4, 1), date(2026, 3, 31)), 10_000)
        self.asked.append("priority")
        return frozenset({"road-occupation"})

    async def readings(
        self, priority: frozenset[str], window: Span, measures: tuple[Measure, ...], *, today: date, now: datetime
    ) -> Readings:
        assert priority == {"road-occupation"}
        assert (window, today, now) == (Span(date(2026, 10, 24), date(2026, 11, 20)), date(2026, 11, 20), NOW)
        assert "arrived" in measures
        self.asked.append("readings")
        return Readings({PERMIT: online(arrived=3)}, {}, {})


class Standing:
    def now(self) -> datetime:
        return NOW


async def test_a_scrape_reads_nothing() -> None:
    source = OneProcedure()
    gauges = Gauges(source, clock=Standing(), local_date=Calendar.load().local_date, every=5, limit=10)
    registry = CollectorRegistry()
    registry.register(gauges)
    assert generate_latest(registry) == b""
    await gauges.read()
    await gauges.read()
    scrapes = [generate_latest(registry).decode() for _ in range(3)]
    assert source.asked == ["priority", "readings", "readings"]
    samples = {
        (sample.name, tuple(sample.labels.values())): sample.value
        for family in text_string_to_metric_families(scrapes[0])
        for sample in family.samples
    }
    assert samples["qos_figures_collected_timestamp_seconds", ()] == NOW.timestamp()
    assert 'qos_applications{id="road-occupation",online="yes",scope="procedure",window="28d"} 3.0' in scrapes[0]

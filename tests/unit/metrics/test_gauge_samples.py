"""Figures for Prometheus: what is read of a scope becomes samples with bounded labels, whatever there is."""

from collections.abc import Mapping
from datetime import date
from fractions import Fraction
from math import inf

import pytest

from qos_domain.assessment import Settled, SettledLevel
from qos_domain.levels import LevelReading
from qos_domain.measures import Cell
from qos_domain.slo import error_budget
from qos_domain.workload import Workload
from qos_metrics.gauge_readings import Levels, Name, OpenCases, PriorityProcedure, Readings, ScopeName, WindowName
from qos_metrics.gauge_samples import Histogram, samples
from qos_metrics.ports import MapReadings
from support.sums import counter, online

TODAY = date(2026, 11, 20)
PERMIT: ScopeName = ("procedure", "road-occupation")
BUREAU: ScopeName = ("organisation", "construction")
NINETY, NINETY_FIVE = Fraction(9, 10), Fraction(95, 100)
ROAD = PriorityProcedure("construction", Name("道路占用許可", "Road occupation permit"), NINETY)
NO_LEVEL = LevelReading(0, 0)
Found = dict[tuple[str, ...], float | Histogram]


def found(readings: Readings, limit: int = 100) -> Found:
    """Values by the metric's name and its labels."""
    return {(metric.name, *labels): value for metric, labels, value in samples(readings, today=TODAY, limit=limit)}


def year(met: int, breached: int) -> Mapping[WindowName, Mapping[Cell, int]]:
    return {"fiscal_year": online(met=met, breached=breached)}


def test_a_window_has_its_own_figures_and_all_adds_the_scopes() -> None:
    readings = Readings(
        priority={"road-occupation": ROAD},
        sums={
            PERMIT: {
                "3d": online(met=1),
                "7d": {**online(arrived=2, met=2, breached=1), **counter(arrived=1)},
                "28d": {**online(arrived=8, met=5, breached=1, payments={1: 3, 0: 1}), **counter(arrived=2)},
                "fiscal_year": online(met=50, breached=10),
            },
            BUREAU: {"28d": online(arrived=1, rating={5: 1, 4: 1})},
        },
    )
    values = found(readings)
    assert values["qos_results", *PERMIT, "3d", "met"] == 1
    assert values["qos_results", *PERMIT, "7d", "breached"] == 1
    assert values["qos_results", *PERMIT, "28d", "met"] == 5
    assert values["qos_results", *PERMIT, "fiscal_year", "breached"] == 10
    assert values["qos_applications", *PERMIT, "7d", "yes"] == 2
    assert values["qos_applications", *PERMIT, "28d", "no"] == 2
    assert values["qos_applications", "all", "", "28d", "yes"] == 9
    assert ("qos_applications", *PERMIT, "3d", "yes") not in values
    assert values["qos_payments", *PERMIT, "28d", "yes"] == 3
    assert values["qos_payments", *PERMIT, "28d", "no"] == 1
    assert values["qos_ratings", *BUREAU] == 2
    assert values["qos_satisfaction_mean", *BUREAU] == 4.5
    assert ("qos_satisfaction_mean", *PERMIT) not in values


def test_a_procedure_keeps_its_own_objective_and_all_weighs_them() -> None:
    """100 results at 90 % and 300 at 95 % allow 10 and 15 breaches: 25 of 400 together."""
    readings = Readings(
        priority={"road-occupation": ROAD},
        sums={PERMIT: year(88, 12), BUREAU: year(290, 10)},
        results={PERMIT: {NINETY: 100}, BUREAU: {NINETY_FIVE: 300}},
    )
    values = found(readings)
    budget = error_budget(0.9, met=88, breached=12, window_met=0, window_breached=0)
    assert values["qos_objective_ratio", *PERMIT] == 0.9
    assert values["qos_error_budget_cases", *PERMIT, "allowed"] == budget.allowed == 10
    assert values["qos_error_budget_cases", *PERMIT, "used"] == budget.used == 12
    assert values["qos_error_budget_cases", *PERMIT, "left"] == budget.left == -2
    assert values["qos_objective_ratio", "all", ""] == pytest.approx(0.9375)
    assert values["qos_error_budget_cases", "all", "", "allowed"] == 25
    assert values["qos_error_budget_cases", "all", "", "left"] == 3


def test_without_results_there_is_an_objective_and_no_budget() -> None:
    values = found(Readings(priority={"road-occupation": ROAD}, sums={BUREAU: {"28d": online(arrived=1)}}))
    assert values["qos_objective_ratio", *PERMIT] == 0.9
    assert values["qos_objective_ratio", *BUREAU] == 0.95
    assert values["qos_error_budget_cases", *PERMIT, "allowed"] == 0
    assert values["qos_error_budget_cases", *PERMIT, "left"] == 0


def test_open_cases_with_the_oldest_and_the_forecast() -> None:
    """The permit's oldest case came on 3 November; the bureau's others on 1 October."""
    readings = Readings(
        priority={"road-occupation": ROAD, "quiet": ROAD},
        open_cases={
            PERMIT: OpenCases(
                Workload(open=4, overdue=1, due_soon=2, suspended=1), date(2026, 11, 3), {"1bd": 1, "5bd": 3}
            ),
            BUREAU: OpenCases(Workload(open=2), date(2026, 10, 1), {"1bd": 0, "5bd": 1}),
        },
    )
    values = found(readings)
    assert values["qos_cases", *PERMIT, "overdue"] == 1
    assert values["qos_cases", "all", "", "open"] == 6
    assert values["qos_oldest_open_days", *PERMIT] == 17
    assert values["qos_oldest_open_days", "all", ""] == 50
    assert values["qos_forecast_breaches", *PERMIT, "1bd"] == 1
    assert values["qos_forecast_breaches", "all", "", "5bd"] == 4
    assert values["qos_cases", "procedure", "quiet", "open"] == 0
    assert values["qos_forecast_breaches", "procedure", "quiet", "5bd"] == 0
    assert ("qos_oldest_open_days", "procedure", "quiet") not in values


def test_processing_days_as_a_histogram_and_by_quantile() -> None:
    readings = Readings(sums={BUREAU: {"28d": online(calendar_days={0: 1, 3: 4, 9: 2, 200: 1})}})
    values = found(readings)
    histogram = values["qos_processing_days", *BUREAU]
    assert isinstance(histogram, Histogram)
    within = dict(histogram.within)
    assert [within[limit] for limit in (1, 2, 3, 7, 10, 180, inf)] == [1, 1, 5, 5, 7, 7, 8]
    assert histogram.total == 3 * 4 + 9 * 2 + 200
    assert values["qos_calendar_days", *BUREAU, "0.5"] == 3
    assert values["qos_calendar_days", *BUREAU, "0.95"] == 200


def test_nothing_stopped_gives_empty_buckets_and_no_quantile() -> None:
    values = found(Readings(priority={"road-occupation": ROAD}))
    histogram = values["qos_processing_days", *PERMIT]
    assert isinstance(histogram, Histogram)
    assert {count for _, count in histogram.within} == {0}
    assert ("qos_calendar_days", *PERMIT, "0.5") not in values


def test_a_scope_says_whose_it_is_and_what_it_is_called() -> None:
    readings = Readings(
        priority={"road-occupation": ROAD},
        organisations={"construction": Name("建設局")},
        sums={BUREAU: year(1, 0), ("organisation", "gone"): year(1, 0)},
    )
    infos = [labels for name, *labels in found(readings) if name == "qos_scope"]
    assert sorted(infos) == [
        ["all", "", "", "すべての手続", "All procedures"],
        ["organisation", "construction", "construction", "建設局", "建設局"],
        ["organisation", "gone", "gone", "gone", "gone"],
        ["procedure", "road-occupation", "construction", "道路占用許可", "Road occupation permit"],
    ]


def test_levels_live_and_settled() -> None:
    levels = Levels(
        {"faster": MapReadings(LevelReading(2, 2), LevelReading(1, 3))},
        Settled(as_of=TODAY, levels={"faster": {"evidenced": SettledLevel(level=0, since=TODAY)}}),
    )
    values = found(Readings(priority={"road-occupation": ROAD}, levels={"road-occupation": levels}))
    assert values["qos_level", "road-occupation", "faster", "declared", "live"] == 2
    assert values["qos_level", "road-occupation", "faster", "evidenced", "live"] == 1
    assert values["qos_level", "road-occupation", "faster", "evidenced", "settled"] == 0
    assert values["qos_level_possible", "road-occupation", "faster", "evidenced", "live"] == 3


def test_labels_have_a_hard_limit_that_says_how_many_it_hides() -> None:
    """180 priority procedures and 100 organisations with a limit of 200: the twenty busiest organisations are shown."""
    readings = Readings(
        priority={f"p{number:03}": ROAD for number in range(180)},
        sums={("organisation", f"o{number:03}"): {"28d": online(arrived=number)} for number in range(100)},
        levels={f"p{number:03}": Levels({"faster": MapReadings(NO_LEVEL, NO_LEVEL)}) for number in range(180)},
    )
    values = found(readings, limit=200)
    assert values["qos_figures_scopes", "shown"] == 200
    assert values["qos_figures_scopes", "hidden"] == 80
    assert values["qos_figures_scopes_limit",] == 200
    shown = {key[1:] for key in values if key[0] == "qos_objective_ratio"}
    assert shown == {("all", "")} | {("procedure", f"p{number:03}") for number in range(180)} | {
        ("organisation", f"o{number:03}") for number in range(80, 100)
    }
    assert values["qos_applications", "all", "", "28d", "yes"] == sum(range(100))
    fewer = found(readings, limit=7)
    assert len({key[1:3] for key in fewer if key[0] == "qos_results"}) == 8
    assert len({key[1] for key in fewer if key[0] == "qos_level"}) == 7


def test_how_many_procedures_wait_to_be_judged_anew() -> None:
    assert found(Readings(pending_rejudgements=3))["qos_rejudgements_pending",] == 3

"""The error budget: what an objective of 95 % leaves, in cases and in percent."""

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from qos_domain.slo import error_budget, exact, joint_objective


def test_many_results_speak_in_ratios() -> None:
    budget = error_budget(0.95, met=1930, breached=70, window_met=180, window_breached=20)
    assert (budget.results, budget.allowed, budget.used, budget.left) == (2000, 100, 70, 30)
    assert not budget.in_cases
    assert budget.used_share == 0.7
    assert budget.burn_rate == 2.0
    assert budget.burn_rate_fiscal_year == 0.7
    assert budget.recovered_after == 0


def test_few_results_speak_in_whole_cases() -> None:
    budget = error_budget(0.95, met=28, breached=2, window_met=9, window_breached=1)
    assert (budget.allowed, budget.used, budget.left) == (1, 2, -1)
    assert budget.in_cases
    assert (budget.used_share, budget.burn_rate, budget.burn_rate_fiscal_year) == (None, None, None)
    # 2 breaches of 40 are within 95 %: ten more have to be met.
    assert budget.recovered_after == 10


@pytest.mark.parametrize(
    ("objective", "results", "allowed"), [(0.95, 20, 1), (0.95, 19, 0), (0.9, 10, 1), (0.99, 100, 1), (0.7, 10, 3)]
)
def test_allowed_is_exact_in_decimals(objective: float, results: int, allowed: int) -> None:
    budget = error_budget(objective, met=results, breached=0, window_met=0, window_breached=0)
    assert budget.allowed == allowed


def test_an_objective_of_all_allows_none_and_never_recovers() -> None:
    budget = error_budget(1.0, met=999, breached=1, window_met=99, window_breached=1)
    assert (budget.allowed, budget.left, budget.recovered_after, budget.burn_rate) == (0, -1, None, None)


def test_no_results_in_the_window_have_no_burn_rate() -> None:
    budget = error_budget(0.95, met=990, breached=10, window_met=0, window_breached=0)
    assert budget.burn_rate is None
    assert budget.burn_rate_fiscal_year == 0.2


@given(st.integers(1, 99), st.integers(0, 500), st.integers(1, 50))
def test_after_the_recovery_the_budget_holds_and_not_one_result_before(percent: int, met: int, breached: int) -> None:
    def budget_left(more: int) -> int:
        return error_budget(percent / 100, met=met + more, breached=breached, window_met=0, window_breached=0).left

    recovered_after = error_budget(
        percent / 100, met=met, breached=breached, window_met=0, window_breached=0
    ).recovered_after
    assert recovered_after is not None
    assert budget_left(recovered_after) >= 0
    assert recovered_after == 0 or budget_left(recovered_after - 1) < 0


def test_several_procedures_may_breach_as_often_as_the_single_ones_may() -> None:
    """10 of 100, 5 of 100 and none of 50: 15 of 250."""
    joint = joint_objective({exact(0.9): 100, exact("0.95"): 100, exact(1.0): 50})
    assert joint == Fraction(235, 250)
    budget = error_budget(joint, met=240, breached=10, window_met=0, window_breached=0)
    assert (budget.objective, budget.allowed, budget.left) == (0.94, 15, 5)


def test_without_results_several_procedures_have_the_default() -> None:
    assert joint_objective({}) == joint_objective({exact(0.5): 0}) == exact(0.95)


@given(st.dictionaries(st.integers(1, 100).map(lambda percent: Fraction(percent, 100)), st.integers(0, 10_000)))
def test_a_joint_objective_adds_what_each_one_allows(results: dict[Fraction, int]) -> None:
    joint, total = joint_objective(results), sum(results.values())
    assert 0 < joint <= 1
    assert (1 - joint) * total == sum((1 - objective) * count for objective, count in results.items())

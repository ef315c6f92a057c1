"""The arithmetic of burn rates, with the fiscal year as the period of the budget."""

import re

import pytest

from qos_local.alerting.burn_rates import BURN_RATES, YEAR_DAYS, BurnRate, rate_that_uses
from support.alerting import ALERTING

FAST, SLOW, YEAR = BURN_RATES


def share(burn: BurnRate, objective: float) -> float:
    """The limit that stands in a rule, worked out: it is plain arithmetic in PromQL and in Python."""
    expression = burn.limit(objective)
    assert re.fullmatch(r"[0-9.*/() -]+", expression)
    return float(eval(expression))  # noqa: S307 - the line above


def test_a_week_at_the_fast_rate_uses_a_tenth_of_a_years_budget() -> None:
    cases_a_day, objective = 100, 0.95
    budget = (1 - objective) * cases_a_day * YEAR_DAYS
    assert share(FAST, objective) * cases_a_day * 7 == pytest.approx(0.10 * budget, rel=0.01)
    assert share(SLOW, objective) * cases_a_day * 28 == pytest.approx(0.15 * budget, rel=0.01)
    assert share(YEAR, objective) * cases_a_day * YEAR_DAYS == pytest.approx(budget)


def test_a_month_of_thirty_days_gives_the_rates_of_the_workbook() -> None:
    """2 % of the budget in an hour is its 14.4, when the period is 30 days and not a year."""
    assert rate_that_uses(0.02, days=1) * 24 * 30 / YEAR_DAYS == pytest.approx(14.4, rel=0.01)


@pytest.mark.parametrize("burn", BURN_RATES)
@pytest.mark.parametrize("objective", [0.01, 0.2, 0.5, 0.7, 0.8, 0.9, 0.95, 0.99, 0.999])
def test_every_limit_lies_above_what_is_promised_and_can_be_exceeded(burn: BurnRate, objective: float) -> None:
    assert 1 - objective <= share(burn, objective) + 1e-12
    assert share(burn, objective) < 1


def test_an_objective_of_all_allows_nothing() -> None:
    assert share(FAST, 1) == 0


def test_each_rate_is_slower_than_the_one_before_and_looks_further_back() -> None:
    assert FAST.rate > SLOW.rate > YEAR.rate == 1
    assert [burn.recovered_in for burn in BURN_RATES[1:]] == [burn.window for burn in BURN_RATES[:-1]]


def test_the_documentation_has_the_same_table() -> None:
    rows = [
        f"| `{burn.alert}` | {burn.window} | {burn.recovered_in} | {burn.rate:g} | {burn.rate * 5:.4g} % |"
        f" {burn.least_results} | {burn.least_to_recover} |"
        for burn in BURN_RATES
    ]
    document = ALERTING.read_text(encoding="utf-8")
    assert [row for row in rows if row not in document] == []

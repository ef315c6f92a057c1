"""How fast an error budget may burn before somebody is told: the windows, and the arithmetic behind them.

After the multi-window, multi-burn-rate alerts of Google's SRE Workbook (Alerting on SLOs), with the fiscal year as the
period of the budget: docs/alerting.md has the table.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, TypeAlias

YEAR_DAYS = 365
Window: TypeAlias = Literal["3d", "7d", "28d", "fiscal_year"]


@dataclass(frozen=True, slots=True)
class BurnRate:
    """Fires when the share of breaches in `window` exceeds the limit, unless `recovered_in`, the shorter window, shows
    that it is over.

    `least_results`: fewer results in `window` say nothing; `least_to_recover`: fewer in the shorter window don't show
    that it is over, be they none at all, as in a week of holidays.
    """

    name: str
    alert: str
    window: Window
    recovered_in: Window
    rate: float
    least_results: int
    least_to_recover: int = 5

    def limit(self, objective: float) -> str:
        """The share of breaches above which it fires, in PromQL: `rate` times what the objective allows.

        At most half-way from there to 1, so that a modest objective, too, has a limit that can be exceeded.
        """
        if self.rate * (1 - objective) < 1 - objective / 2:
            return f"{self.rate:g} * (1 - {objective:g})"
        return f"1 - {objective:g} / 2"


def rate_that_uses(share_of_budget: float, *, days: int) -> float:
    """The burn rate at which `days` use up that share of a fiscal year's budget, if cases come evenly over the year."""
    return round(share_of_budget * YEAR_DAYS / days, 2)


BURN_RATES: Sequence[BurnRate] = (
    BurnRate(
        name="fast",
        alert="QosBudgetBurnsFast",
        window="7d",
        recovered_in="3d",
        rate=rate_that_uses(0.10, days=7),
        least_results=20,
    ),
    BurnRate(
        name="slow",
        alert="QosBudgetBurnsSlowly",
        window="28d",
        recovered_in="7d",
        rate=rate_that_uses(0.15, days=28),
        least_results=20,
    ),
    BurnRate(
        name="year",
        alert="QosBudgetOverspent",
        window="fiscal_year",
        recovered_in="28d",
        rate=1.0,
        least_results=100,
        least_to_recover=20,
    ),
)

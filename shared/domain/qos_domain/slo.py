"""The error budget of an objective such as "95 % within the period", over the fiscal year (docs/indicators.md)."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction

from qos_domain.procedures import DEFAULT_OBJECTIVE

# Below so many allowed breaches one case is a fifth of the budget or more: then only whole cases are said.
LEAST_ALLOWED_FOR_RATIOS = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class ErrorBudget:
    """What an objective allows of the fiscal year's results so far.

    `allowed` is the whole number of breaches that this many results may hold, `used` the breaches there are, `left`
    the difference (negative when overspent). `recovered_after` is how many results met in a row bring the fiscal year
    back within the objective: 0 when it is within, None when nothing can (an objective of 1 with a breach).

    With few results (`in_cases`) the ratios are None: `used_share` is used / allowed; `burn_rate` and
    `burn_rate_fiscal_year` are the share of results that breached, in the window and in the fiscal year, over the
    share that may: at 1 the budget is used up exactly, at 2 twice.
    """

    objective: float
    results: int
    allowed: int
    used: int
    left: int
    recovered_after: int | None
    in_cases: bool
    used_share: float | None
    burn_rate: float | None
    burn_rate_fiscal_year: float | None


def exact(objective: float | str) -> Fraction:
    """An objective as it is written, in decimals: 0.95 allows 1 of 20, which a binary fraction would miss."""
    return Fraction(str(objective))


def joint_objective(results: Mapping[Fraction, int]) -> Fraction:
    """The objective of several procedures, from the results of the fiscal year under each objective that they have.

    It is their mean, weighted by the results, so that the breaches it allows of all are those that the single ones
    allow together. Without any result it is the default.
    """
    total = sum(results.values())
    if not total:
        return exact(DEFAULT_OBJECTIVE)
    return sum((objective * count for objective, count in results.items()), Fraction(0)) / total


def error_budget(
    objective: float | Fraction, *, met: int, breached: int, window_met: int, window_breached: int
) -> ErrorBudget:
    """From the results of the fiscal year up to as_of and those of a window. `objective` is in (0, 1]."""
    may_breach = 1 - (objective if isinstance(objective, Fraction) else exact(objective))
    results = met + breached
    allowed = math.floor(may_breach * results)
    in_cases = allowed < LEAST_ALLOWED_FOR_RATIOS
    return ErrorBudget(
        objective=float(objective),
        results=results,
        allowed=allowed,
        used=breached,
        left=allowed - breached,
        recovered_after=_recovered_after(may_breach, results, breached),
        in_cases=in_cases,
        used_share=None if in_cases else breached / allowed,
        burn_rate=None if in_cases else _burn_rate(may_breach, window_met + window_breached, window_breached),
        burn_rate_fiscal_year=None if in_cases else _burn_rate(may_breach, results, breached),
    )


def _recovered_after(may_breach: Fraction, results: int, breached: int) -> int | None:
    if breached == 0:
        return 0
    if may_breach == 0:
        return None
    return max(0, math.ceil(breached / may_breach) - results)


def _burn_rate(may_breach: Fraction, results: int, breached: int) -> float | None:
    if results == 0 or may_breach == 0:
        return None
    return float(Fraction(breached, results) / may_breach)

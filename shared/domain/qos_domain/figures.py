"""The shapes of figures: a share with its two counts, a mean, a rate, a distribution (docs/indicators.md, Figures).

Figures of several scopes or windows are made from added counts, never from other figures. All are frozen dataclasses,
so they become JSON as they stand.
"""

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Share:
    """`share` is numerator / denominator; None when the denominator is 0, never 0."""

    numerator: int
    denominator: int
    share: float | None

    @classmethod
    def of(cls, numerator: int, denominator: int) -> "Share":
        return cls(numerator, denominator, numerator / denominator if denominator else None)


@dataclass(frozen=True, slots=True)
class Rate:
    """How many per 100; None when the denominator is 0. Unlike a share it can exceed 100."""

    numerator: int
    denominator: int
    per_100: float | None

    @classmethod
    def of(cls, numerator: int, denominator: int) -> "Rate":
        return cls(numerator, denominator, 100 * numerator / denominator if denominator else None)


@dataclass(frozen=True, slots=True)
class Mean:
    """`mean` is total / n; None when n is 0."""

    n: int
    total: int
    mean: float | None

    @classmethod
    def of(cls, total: int, n: int) -> "Mean":
        return cls(n, total, total / n if n else None)


@dataclass(frozen=True, slots=True)
class Distribution:
    """n values: their mean, nearest-rank percentiles and maximum, exact, in the unit that the field's name says.

    A distribution of no values is None, so `n` is at least 1. A percentile and the maximum are None only where they
    are withheld from the public.
    """

    n: int
    mean: float | None
    p50: int | None
    p90: int | None
    p95: int | None
    max: int | None

    @classmethod
    def of(cls, histogram: Mapping[int, int]) -> "Distribution | None":
        """From counts per value. Values whose count is 0 don't matter."""
        bins = sorted((value, count) for value, count in histogram.items() if count)
        n = sum(count for _, count in bins)
        if n == 0:
            return None
        p50, p90, p95, most = (nearest_rank(bins, n, percent) for percent in (50, 90, 95, 100))
        return cls(n, sum(value * count for value, count in bins) / n, p50, p90, p95, most)


def nearest_rank(bins: list[tuple[int, int]], n: int, percent: int) -> int:
    """The value of rank ceil(percent / 100 * n) among the n values of sorted (value, count) bins; n at least 1."""
    rank = -(-n * percent // 100)
    seen = 0
    for value, count in bins:
        seen += count
        if seen >= rank:
            return value
    raise ValueError(f"{n} values announced, {seen} found")

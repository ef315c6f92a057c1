"""Shares, means and distributions."""

import math

from hypothesis import given
from hypothesis import strategies as st

from qos_domain.figures import Distribution, Mean, Rate, Share


def test_what_has_no_denominator_has_no_share() -> None:
    assert Share.of(0, 0) == Share(0, 0, None)
    assert Rate.of(3, 0) == Rate(3, 0, None)
    assert Mean.of(0, 0) == Mean(0, 0, None)
    assert Distribution.of({}) is None
    assert Distribution.of({5: 0}) is None


def test_a_worked_distribution() -> None:
    # 1, 1, 2, 3, 3, 3, 4, 8, 9, 30 days
    worked = Distribution.of({1: 2, 2: 1, 3: 3, 4: 1, 8: 1, 9: 1, 30: 1})
    assert worked == Distribution(n=10, mean=6.4, p50=3, p90=9, p95=30, max=30)


def test_of_two_values_the_lower_one_is_the_median() -> None:
    found = Distribution.of({4: 1, 10: 1})
    assert found is not None
    assert (found.p50, found.p90) == (4, 10)


@given(st.lists(st.integers(0, 500), min_size=1, max_size=200))
def test_percentiles_are_those_of_a_slow_sort(values: list[int]) -> None:
    histogram = {value: values.count(value) for value in values}
    found = Distribution.of(histogram)
    assert found is not None

    def nearest_rank(percent: int) -> int:
        return sorted(values)[math.ceil(len(values) * percent / 100) - 1]

    assert (found.n, found.p50, found.p90, found.p95, found.max) == (
        len(values),
        nearest_rank(50),
        nearest_rank(90),
        nearest_rank(95),
        max(values),
    )
    assert found.mean == sum(values) / len(values)

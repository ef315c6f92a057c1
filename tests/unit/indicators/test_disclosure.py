"""Small counts: what the public sees, and that it tells no more than rounded counts do."""

import json
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from qos_domain.cells import Buckets
from qos_domain.disclosure import DisclosureRules, public_indicators, public_report, public_share
from qos_domain.figures import Distribution, Mean, Rate, Share
from qos_domain.indicators import Indicators
from qos_domain.measures import Sums
from qos_domain.reporting import indicators, report
from qos_domain.workload import Workload
from support.sums import AS_OF, LAST_28_DAYS, buckets, online, sums_strategy

RULES = DisclosureRules()


def public(sums: Sums) -> Indicators:
    return public_indicators(indicators(buckets(sums), one_procedure=True))


@pytest.mark.parametrize(("exact", "shown"), [(0, 0), (1, 0), (2, 0), (3, 5), (7, 5), (8, 10), (1271, 1270)])
def test_counts_are_rounded_to_the_nearest_multiple_of_five(exact: int, shown: int) -> None:
    assert RULES.count(exact) == shown


def test_no_share_of_fewer_than_ten() -> None:
    assert public_share(Share.of(7, 9)) == Share(5, 10, None)
    assert public_share(Share.of(7, 10)) == Share(5, 10, 0.5)


def test_a_share_is_that_of_the_counts_beside_it() -> None:
    assert public_share(Share.of(1271, 1434)) == Share(1270, 1435, 1270 / 1435)


def test_no_percentile_of_fewer_than_thirty_and_never_a_maximum() -> None:
    few = public(online(calendar_days={4: 28, 9: 1})).processing_time.calendar_days
    assert few == Distribution(n=30, mean=4.2, p50=None, p90=None, p95=None, max=None)
    enough = public(online(calendar_days={4: 28, 9: 2})).processing_time.calendar_days
    assert enough == Distribution(n=30, mean=4.3, p50=4, p90=4, p95=9, max=None)
    very_few = public(online(calendar_days={4: 9})).processing_time.calendar_days
    assert very_few == Distribution(n=10, mean=None, p50=None, p90=None, p95=None, max=None)


def test_means_and_rates_of_few_are_withheld() -> None:
    found = public(online(arrived=9, inquiries=3, rating={5: 9}))
    assert found.satisfaction.rating == Mean(n=10, total=45, mean=None)
    assert found.satisfaction.ratings == (0, 0, 0, 0, 10)
    assert found.inquiries == Rate(5, 10, None)


def test_the_band_is_that_of_the_public_rate() -> None:
    assert public(online(arrived=9)).online.band is None
    assert public(online(arrived=90)).online.band == "from_80"


def test_a_fixed_fee_does_not_tell_the_number_of_payments() -> None:
    """12 payments of 400 yen: the amount shown is that of 10."""
    found = public(online(payments={1: 7, 0: 5}, paid_yen={1: 2800, 0: 2000})).cashless
    assert found.payments == Share(5, 10, 0.5)
    assert found.yen == Share(2000, 4000, 0.5)
    assert public(online(payments={1: 9}, paid_yen={1: 3600})).cashless.yen is None


def test_the_standing_is_rounded_and_the_error_budget_left_out() -> None:
    exact = report(
        buckets({}, until=online(arrived=33, ended=21), fiscal_year=online(met=21, breached=1)),
        window=LAST_28_DAYS,
        as_of=AS_OF,
        one_procedure=True,
        objective=0.95,
        workloads={None: Workload(open=12, suspended=1, due_soon=3, overdue=4, forecast=2)},
    )
    shown = public_report(exact)
    standing = shown.total.standing
    assert (standing.open, standing.suspended, standing.due_soon, standing.overdue, standing.forecast) == (
        10,
        0,
        5,
        5,
        0,
    )
    assert exact.total.error_budget is not None
    assert shown.total.error_budget is None
    assert shown.channels["online"].error_budget is None
    assert (shown.as_of, shown.window) == (exact.as_of, exact.window)


def whole_numbers(tree: Any, path: str = "") -> list[tuple[str, int]]:
    if isinstance(tree, dict):
        return [found for key, value in tree.items() for found in whole_numbers(value, f"{path}.{key}")]
    if isinstance(tree, list):
        return [found for value in tree for found in whole_numbers(value, path)]
    return [(path, tree)] if isinstance(tree, int) else []


@given(sums_strategy(), sums_strategy())
def test_every_whole_number_but_a_percentile_is_rounded(window_sums: Sums, until: Sums) -> None:
    shown = public_indicators(
        indicators(Buckets(window_sums, until, until, until), one_procedure=True, workload=Workload(open=3, overdue=1))
    )
    for path, number in whole_numbers(json.loads(msgspec.json.encode(shown))):
        if path.rsplit(".", 1)[-1] in {"p50", "p90", "p95"} or (".cashless." in path and "yen" in path):
            continue
        assert number % 5 == 0, path


@given(
    st.tuples(st.integers(0, 5000), st.integers(0, 5000)).map(sorted),
    st.tuples(st.integers(-2, 2), st.integers(-2, 2)),
)
def test_a_share_tells_no_more_than_its_rounded_counts(counts: list[int], noise: tuple[int, int]) -> None:
    """Any other counts that round to the same, on the same side of the least number of cases, look the same."""
    numerator, denominator = counts
    other = Share.of(
        max(0, RULES.count(numerator) + noise[0]),
        max(0, RULES.count(denominator) + noise[1]),
    )
    if (other.denominator < RULES.least_cases) == (denominator < RULES.least_cases):
        assert public_share(other) == public_share(Share.of(numerator, denominator))


@given(st.integers(0, 5000), st.integers(0, 5000))
def test_a_public_share_never_exceeds_one(numerator: int, denominator: int) -> None:
    share = public_share(Share.of(min(numerator, denominator), denominator)).share
    assert share is None or 0 <= share <= 1


def test_settings_decide() -> None:
    strict = DisclosureRules(least_cases=50, least_for_percentiles=100, round_to=10)
    assert public_share(Share.of(20, 49), strict) == Share(20, 50, None)
    shown = public_indicators(indicators(buckets(online(calendar_days={4: 99})), one_procedure=True), strict)
    assert shown.processing_time.calendar_days == Distribution(100, 4.0, None, None, None, None)

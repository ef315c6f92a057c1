"""Figures are made of sums: of days, of procedures, of channels. Nothing is lost or counted twice on the way."""

from collections.abc import Iterable
from datetime import date, timedelta
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from qos_domain.cells import SETTLING_DAYS, Buckets, DatedCell, Spans, sum_days
from qos_domain.figures import Share
from qos_domain.indicators import Indicators
from qos_domain.measures import Sums, add
from qos_domain.periods import Span, Window, window
from qos_domain.reporting import indicators
from support.sums import AS_OF, a_window, dated_strategy, online, sums_strategy


def counts(found: Indicators) -> Iterable[int | None]:
    """Some whole numbers of every kind."""
    yield found.volume.applications
    yield found.standing.open
    yield found.standing.overdue
    for share in (
        found.online.applications,
        found.compliance.within_period,
        found.cashless.payments,
        found.forms.completed,
        found.forms.abandoned,
        found.satisfaction.satisfied,
        found.decisions.corrected,
        found.smartphone,
    ):
        yield share.numerator
        yield share.denominator
    for distribution in (found.processing_time.calendar_days, found.forms.minutes):
        yield 0 if distribution is None else distribution.n


@given(sums_strategy(), sums_strategy())
def test_the_sum_of_two_scopes_has_the_added_counts_and_the_share_of_those(one: Sums, other: Sums) -> None:
    parts = [indicators(Buckets(sums, sums, sums, sums), one_procedure=False) for sums in (one, other)]
    both = add([one, other])
    whole = indicators(Buckets(both, both, both, both), one_procedure=False)
    for total, *each in zip(counts(whole), *map(counts, parts), strict=True):
        assert total == sum(each)
    rate = whole.online.applications
    assert rate == Share.of(rate.numerator, rate.denominator)


@given(sums_strategy(), sums_strategy(), sums_strategy())
def test_adding_is_associative_commutative_and_leaves_no_zeros(one: Sums, two: Sums, three: Sums) -> None:
    assert add([one, two, three]) == add([three, add([two, one])])
    negative = {cell: -count for cell, count in one.items()}
    assert add([one, two, negative]) == add([two])


@given(dated_strategy(), st.lists(st.dates(AS_OF - timedelta(400), AS_OF - timedelta(8)), max_size=4, unique=True))
def test_merging_windows_is_merging_their_sums(rows: list[DatedCell], cuts: list[date]) -> None:
    """Days that are over for every measure: their windows add."""
    edges = sorted({AS_OF - timedelta(401), *cuts, AS_OF - timedelta(7)})
    parts = [sum_days(rows, Span(start + timedelta(1), end), AS_OF) for start, end in pairwise(edges)]
    assert add(parts) == sum_days(rows, Span(edges[0] + timedelta(1), edges[-1]), AS_OF)


@given(dated_strategy(), a_window())
def test_channels_add_up_to_the_total(rows: list[DatedCell], over: Window) -> None:
    whole = Buckets.gather(rows, over, AS_OF)
    each = [whole.of_channel(channel) for channel in whole.channels]
    for part in ("window", "until", "trailing_year", "fiscal_year"):
        assert add(getattr(buckets, part) for buckets in each) == getattr(whole, part)


@given(dated_strategy(), a_window())
def test_nothing_after_as_of_has_a_part_in_any_figure(rows: list[DatedCell], over: Window) -> None:
    known = [row for row in rows if row[0] <= AS_OF]
    assert Buckets.gather(rows, over, AS_OF) == Buckets.gather(known, over, AS_OF)


def test_a_start_counts_from_the_next_day_and_is_given_up_after_seven() -> None:
    """Started on 20 June, and nothing came of it."""
    cells = online(started=1, started_pending=1)
    rows = [(date(2025, 6, 20), cell, count) for cell, count in cells.items()]

    def as_of(day: date) -> tuple[int, int, int]:
        forms = indicators(Buckets.gather(rows, window("28d", day), day), one_procedure=True).forms
        return (forms.completed.denominator, forms.in_progress, forms.abandoned.numerator)

    assert as_of(date(2025, 6, 20)) == (0, 0, 0)
    assert as_of(date(2025, 6, 21)) == (1, 1, 0)
    assert as_of(date(2025, 6, 26)) == (1, 1, 0)
    assert as_of(date(2025, 6, 27)) == (1, 0, 1)


def test_a_window_that_is_over_knows_what_became_of_its_starts_by_now() -> None:
    cells = online(started=1, started_pending=1)
    rows = [(date(2025, 4, 30), cell, count) for cell, count in cells.items()]
    forms = indicators(Buckets.gather(rows, window("2025-04", AS_OF), AS_OF), one_procedure=True).forms
    assert forms.abandoned == Share(1, 1, 1.0)


def test_a_breach_of_tomorrow_is_not_counted_today() -> None:
    breach_date = date(2025, 7, 1)
    rows: list[DatedCell] = [
        (date(2025, 6, 20), ("online", True, "arrived", 0), 1),
        (breach_date, ("online", True, "breached", 0), 1),
    ]
    today = indicators(Buckets.gather(rows, window("28d", AS_OF), AS_OF), one_procedure=True)
    tomorrow = indicators(Buckets.gather(rows, window("28d", breach_date), breach_date), one_procedure=True)
    assert (today.standing.open, today.standing.overdue, today.compliance.breached) == (1, 0, 0)
    assert (tomorrow.standing.open, tomorrow.standing.overdue, tomorrow.compliance.breached) == (1, 1, 1)


def test_the_spans_of_the_parts() -> None:
    spans = Spans.of(window("2025-04", AS_OF), AS_OF)
    assert spans.window == Span(date(2025, 4, 1), date(2025, 4, 30))
    assert spans.until.end == AS_OF
    assert spans.trailing_year == Span(date(2024, 7, 1), AS_OF)
    assert spans.fiscal_year == Span(date(2025, 4, 1), AS_OF)
    assert set(SETTLING_DAYS.values()) == {1, 7}

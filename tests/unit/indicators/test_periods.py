"""Windows: which days a figure is made of."""

from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from qos_domain.periods import (
    FiscalYear,
    InvalidWindow,
    Month,
    Span,
    last_complete_month,
    quarter,
    trailing,
    window,
)

WEDNESDAY = date(2025, 5, 14)


@pytest.mark.parametrize(
    ("name", "start", "end"),
    [
        ("today", "2025-05-14", "2025-05-14"),
        ("7d", "2025-05-08", "2025-05-14"),
        ("28d", "2025-04-17", "2025-05-14"),
        ("90d", "2025-02-14", "2025-05-14"),
        ("365d", "2024-05-15", "2025-05-14"),
        ("month", "2025-05-01", "2025-05-14"),
        ("quarter", "2025-04-01", "2025-05-14"),
        ("fiscal_year", "2025-04-01", "2025-05-14"),
        ("2025-04", "2025-04-01", "2025-04-30"),
        ("2024-02", "2024-02-01", "2024-02-29"),
        ("2025-Q1", "2025-01-01", "2025-03-31"),
        ("FY2024", "2024-04-01", "2025-03-31"),
        ("FY2025", "2025-04-01", "2025-05-14"),
        ("2025-04-28..2025-05-09", "2025-04-28", "2025-05-09"),
        ("2025-04-28..2025-12-31", "2025-04-28", "2025-05-14"),
    ],
)
def test_a_window_ends_with_as_of_at_the_latest(name: str, start: str, end: str) -> None:
    found = window(name, WEDNESDAY)
    assert (found.name, found.start.isoformat(), found.end.isoformat()) == (name, start, end)


@pytest.mark.parametrize(
    "name",
    [
        "",
        "28",
        "0d",
        "-7d",
        "3661d",
        "2025-13",
        "2025-Q5",
        "FY25",
        "FY0000",
        "2025-04-31..2025-05-01",
        "2025-05-09..2025-04-28",
        "week",
        "２８d",
        "28d ",
        "2025-04-01/2025-05-01",
        "0000-01",
        "9999-99",
    ],
)
def test_a_window_that_cannot_be_read_says_what_could(name: str) -> None:
    with pytest.raises(InvalidWindow, match="such as 28d") as refused:
        window(name, WEDNESDAY)
    assert refused.value.window == name


@pytest.mark.parametrize("name", ["2025-06", "FY2026", "2025-05-15..2025-05-20"])
def test_a_window_after_as_of_is_refused(name: str) -> None:
    with pytest.raises(InvalidWindow, match="2025-05-14"):
        window(name, WEDNESDAY)


def test_a_month_is_complete_on_its_last_day() -> None:
    assert last_complete_month(date(2025, 5, 30)) == Month(2025, 4)
    assert last_complete_month(date(2025, 5, 31)) == Month(2025, 5)
    assert last_complete_month(date(2025, 1, 15)) == Month(2024, 12)


def test_three_months_before_a_month() -> None:
    assert Month(2025, 2).before(3) == Month(2024, 11)
    assert Month(2024, 12).before(-1) == Month(2025, 1)
    assert Month(2025, 2).span == Span(date(2025, 2, 1), date(2025, 2, 28))


def test_the_fiscal_year_runs_from_april_to_march() -> None:
    assert FiscalYear.of(date(2025, 3, 31)).name == "FY2024"
    assert FiscalYear.of(date(2025, 4, 1)).name == "FY2025"
    assert FiscalYear(2025).previous.span == Span(date(2024, 4, 1), date(2025, 3, 31))


@given(st.dates(date(1900, 1, 1), date(2100, 12, 31)))
def test_a_day_lies_in_its_month_quarter_and_fiscal_year(day: date) -> None:
    for span in (Month.of(day).span, quarter(day), FiscalYear.of(day).span):
        assert day in span
        assert span.start.day == 1
        assert (span.end + timedelta(1)).day == 1
    assert FiscalYear.of(day).span.days in {365, 366}


@given(st.dates(date(1900, 1, 1), date(2100, 12, 31)), st.integers(1, 3660))
def test_trailing_days_are_that_many_and_end_with_as_of(as_of: date, days: int) -> None:
    span = trailing(as_of, days)
    assert (span.days, span.end) == (days, as_of)
    assert window(f"{days}d", as_of).span == span

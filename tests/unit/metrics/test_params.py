"""What is asked, and which part of it can't be used."""

from datetime import date
from typing import Any

import pytest

from qos_metrics.params import FigureParameters, ListParameters, PageParameters
from qos_metrics.ports import Everything, ListFilter, Page
from qos_metrics.present import cursor_after, read_cursor
from qos_metrics.problems import BadParameter

TODAY = date(2026, 11, 20)


def window(**asked: Any) -> tuple[str, date, date]:
    found = FigureParameters.model_validate(asked).question(Everything(), TODAY).window
    return found.name, found.start, found.end


def refusal(**asked: Any) -> BadParameter:
    with pytest.raises(BadParameter) as refused:
        FigureParameters.model_validate(asked).question(Everything(), TODAY)
    return refused.value


def test_28_days_up_to_today_are_the_default() -> None:
    question = FigureParameters().question(Everything(), TODAY)
    assert question.as_of == TODAY
    assert (question.window.name, question.window.start) == ("28d", date(2026, 10, 24))
    assert question.forecast_days == 5


@pytest.mark.parametrize(
    ("asked", "found"),
    [
        ({"window": "today"}, ("today", TODAY, TODAY)),
        ({"window": "7d"}, ("7d", date(2026, 11, 14), TODAY)),
        ({"window": "fiscal_year"}, ("fiscal_year", date(2026, 4, 1), TODAY)),
        ({"window": "2026-Q2"}, ("2026-Q2", date(2026, 4, 1), date(2026, 6, 30))),
        ({"window": "month", "as_of": "2026-02-10"}, ("month", date(2026, 2, 1), date(2026, 2, 10))),
        (
            {"from": "2026-11-01", "to": "2026-12-31"},
            ("2026-11-01..2026-12-31", date(2026, 11, 1), TODAY),
        ),
    ],
)
def test_a_window_is_named_or_given_by_its_days(asked: dict[str, Any], found: tuple[str, date, date]) -> None:
    assert window(**asked) == found


@pytest.mark.parametrize(
    ("asked", "field"),
    [
        ({"window": "fortnight"}, "window"),
        ({"window": "2027-01"}, "window"),
        ({"window": "7d", "from": "2026-11-01", "to": "2026-11-02"}, "window"),
        ({"from": "2026-11-01"}, "to"),
        ({"to": "2026-11-01"}, "from"),
        ({"from": "2026-11-02", "to": "2026-11-01"}, "to"),
        ({"from": "2026-11-21", "to": "2026-11-22"}, "from"),
        ({"as_of": "2026-11-21"}, "as_of"),
        ({"as_of": "1999-12-31"}, "as_of"),
    ],
)
def test_the_parameter_that_is_wrong_is_named(asked: dict[str, Any], field: str) -> None:
    assert refusal(**asked).field == field


def test_a_refusal_does_not_repeat_what_was_sent() -> None:
    assert "taro@example.jp" not in str(refusal(window="taro@example.jp"))


def test_principle_and_level_go_together() -> None:
    with pytest.raises(BadParameter) as refused:
        ListParameters.model_validate({"level": "2"}).wanted()
    assert refused.value.field == "principle"
    both = ListParameters.model_validate({"level": "2", "principle": "faster"})
    assert both.wanted() == ListFilter(principle="faster", level=2)


def test_a_cursor_leads_on_from_an_id() -> None:
    for name in ("road-occupation", "jp-1", "a/b:c#d"):
        cursor = cursor_after(name)
        assert read_cursor(cursor) == name
        assert PageParameters(cursor=cursor).page() == Page(100, after=name)


@pytest.mark.parametrize("cursor", ["%", "a b", "////", "日本", "_w"])
def test_a_made_up_cursor_is_refused(cursor: str) -> None:
    with pytest.raises(BadParameter):
        read_cursor(cursor)

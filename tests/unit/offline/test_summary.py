"""What the table of a demonstration, or of a fold, says of one procedure."""

import io
from typing import Any

from rich.console import Console

from qos_local.offline.summary import Line, summary


def share(numerator: int, denominator: int) -> dict[str, Any]:
    return {
        "numerator": numerator,
        "denominator": denominator,
        "share": numerator / denominator if denominator else None,
    }


def reading(declared: int, evidenced: int, possible: int, *, contradicted: bool = False) -> dict[str, Any]:
    return {
        "declared": {"level": declared, "possible_level": declared},
        "evidenced": {"level": evidenced, "possible_level": possible},
        "contradictions": [{}] if contradicted else [],
    }


def printed(line: Line) -> str:
    out = io.StringIO()
    Console(width=160, file=out).print(summary([line], title="28d"))
    return out.getvalue()


def test_a_line_says_shares_days_period_overdue_and_levels() -> None:
    text = printed(
        Line(
            name="Road occupation permit",
            procedure={
                "standard_period": {"unit": "weeks", "minimum": 2, "maximum": 3},
                "online_standard_period": {"unit": "business_days", "maximum": 12},
            },
            indicators={
                "volume": {"applications": 1234},
                "online": {"applications": share(1, 2)},
                "cashless": {"payments": share(0, 0)},
                "processing_time": {"calendar_days": {"p50": 9, "p90": 18}},
                "compliance": {"within_period": share(9, 10)},
                "standing": {"open": 7, "overdue": 2},
            },
            principles={
                "faster": reading(2, 1, 1, contradicted=True),
                "simpler": reading(1, 0, 2),
                "easier": reading(0, 0, 0),
            },
        )
    )
    for expected in ("1,234", "50%", "9/18", "12 bd | 2-3 wk", "90%", "2 of 7", "2 > 1 !", "1 > 0?", "0 > 0"):
        assert expected in text


def test_what_is_not_known_is_a_dash() -> None:
    text = printed(
        Line(
            name="Nothing yet",
            procedure={},
            indicators={
                "volume": {"applications": 0},
                "online": {"applications": share(0, 0)},
                "cashless": {"payments": share(0, 0)},
                "processing_time": {"calendar_days": None},
                "compliance": {"within_period": share(0, 0)},
                "standing": {"open": 0, "overdue": 0},
            },
            principles=None,
        )
    )
    assert "- | -" in text
    assert "%" not in text

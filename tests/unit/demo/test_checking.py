"""A published figure is checked against the fold: equal figures are counted, another one is named with both values."""

from qos_local.demo.api import ProcedureAnswer
from qos_local.demo.checking import compare, compare_procedure

TOTAL = {"volume": {"applications": 4}, "online": {"share": 0.5}, "ratings": [0, 1], "elapsed": None}


def test_equal_figures_are_counted() -> None:
    assert compare("p", TOTAL, dict(TOTAL)) == (5, [])


def test_a_figure_that_differs_is_named_with_both_values() -> None:
    count, (difference,) = compare("p", TOTAL, {**TOTAL, "ratings": [0, 2]})
    assert count == 5
    assert str(difference) == "p.ratings.1: the services say 1, the fold says 2"


def test_a_figure_that_only_one_side_gives_differs() -> None:
    _, (difference,) = compare("p", {**TOTAL, "extra": 1}, TOTAL)
    assert (difference.path, difference.of_services, difference.of_fold) == ("p.extra", 1, None)


def test_breaches_taken_back_are_known_to_the_services_alone() -> None:
    services, fold = ({"compliance": {"breached": 2, "retracted": retracted}} for retracted in (1, None))
    assert compare("p", services, fold) == (1, [])
    _, (difference,) = compare("p", services, {"compliance": {"breached": 3, "retracted": None}})
    assert difference.path == "p.compliance.breached"


def test_how_fresh_the_data_is_is_no_figure() -> None:
    def assessment(freshness: object, level: int) -> dict[str, object]:
        return {"level": level, "lineage": {"criteria": "tokyo-1", "freshness": freshness}}

    answer = ProcedureAnswer(
        procedure={}, indicators=TOTAL, channels={"online": TOTAL}, assessment=assessment({"lag_seconds": 1}, 2)
    )
    report = {"total": TOTAL, "channels": {"online": TOTAL}}
    assert compare_procedure("p", answer, {"report": report, "assessment": assessment(None, 2)})[1] == []
    _, (difference,) = compare_procedure("p", answer, {"report": report, "assessment": assessment(None, 3)})
    assert difference.path == "p.levels.level"

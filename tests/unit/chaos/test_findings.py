"""What counts as lost and what as doubled, and how it is told."""

from io import StringIO

from rich.console import Console

from chaos.findings import Findings
from chaos.report import differences, rows, table
from chaos.run import Outcome


def test_a_row_that_is_missing_is_lost_and_one_too_many_is_doubled() -> None:
    findings = Findings()
    findings.rows("cases", {"a": 1, "b": 2}, {"b": 2, "c": 3})
    assert (findings.lost["cases"], findings.doubled["cases"], findings.checked["cases"]) == (1, 1, 3)
    assert not findings.clean


def test_a_row_with_another_content_is_both() -> None:
    findings = Findings()
    findings.rows("cases", {"a": 1}, {"a": 2})
    assert (findings.lost["cases"], findings.doubled["cases"]) == (1, 1)


def test_sums_count_by_how_much_they_differ() -> None:
    findings = Findings()
    findings.sums("buckets", {"a": 3, "b": 1, "c": 0}, {"a": 1, "b": 5, "d": 0})
    assert (findings.lost["buckets"], findings.doubled["buckets"]) == (2, 4)
    assert findings.first == [
        "buckets: a: the fold has 3, the results have 1",
        "buckets: b: the fold has 1, the results have 5",
    ]


def test_equal_results_are_clean() -> None:
    findings = Findings()
    findings.rows("cases", {"a": 1}, {"a": 1})
    findings.sums("buckets", {"a": 1}, {"a": 1})
    assert findings.clean
    assert findings.first == []


def outcome(seed: int, faults: list[str], *, lost: int = 0, failure: str | None = None) -> Outcome:
    found = Outcome(seed=seed, steps=faults, faults=faults, events=100, failure=failure)
    found.recovered = [(fault, 10.0 * seed) for fault in faults]
    found.findings.lost["cases"] = lost
    return found


def test_a_row_of_the_table_adds_up_all_seeds_of_its_fault() -> None:
    outcomes = [outcome(1, ["a", "b"]), outcome(2, ["b"], lost=2), outcome(3, ["b"], failure="it hung")]
    a, b, everything = rows(outcomes)
    assert a == {
        "fault": "a",
        "runs": 1,
        "exact": 1,
        "events": 100,
        "lost": 0,
        "doubled": 0,
        "median_seconds": 10.0,
        "max_seconds": 10.0,
    }
    assert (b["runs"], b["exact"], b["events"], b["lost"]) == (3, 1, 300, 2)
    assert (b["median_seconds"], b["max_seconds"]) == (20.0, 30.0)
    assert (everything["fault"], everything["runs"], everything["lost"]) == ("all", 3, 2)
    out = StringIO()
    Console(file=out, width=120).print(table(outcomes))
    assert "to recover" in out.getvalue()


def test_a_difference_is_told_with_the_way_to_see_it_again() -> None:
    text = differences(outcome(17, ["worker-killed"], lost=2), "make chaos SEEDS=1 FIRST=17")
    assert "make chaos SEEDS=1 FIRST=17" in text
    assert "worker-killed" in text
    assert "cases: 2 lost, 0 doubled" in text

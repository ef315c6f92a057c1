"""2,000 cases, made by an independent day-by-day walk: the clock's answer, and that of `qos due-date --jsonl`."""

import gzip
import json
from pathlib import Path

from typer.testing import CliRunner

from qos_domain.calendar import Calendar
from qos_local.cli import app
from qos_local.clock_vectors import expectation, judge_vector, read_vector

VECTORS = Path(__file__).with_name("clock_vectors.jsonl.gz")
LINES = gzip.decompress(VECTORS.read_bytes()).splitlines()
EXPECTED = [json.dumps(json.loads(line)["expect"], separators=(",", ":")) for line in LINES]


def test_the_clock_says_what_each_vector_expects() -> None:
    calendar = Calendar.load()
    assert len(LINES) == 2000
    for number, line in enumerate(LINES):
        said = expectation(judge_vector(read_vector(line), calendar))
        dates = {key: value.isoformat() if hasattr(value, "isoformat") else value for key, value in said.items()}
        assert json.dumps(dates, separators=(",", ":")) == EXPECTED[number], f"vector {number}: {line.decode()}"


def test_the_command_line_answers_every_line_exactly() -> None:
    answer = CliRunner().invoke(app, ["due-date", "--jsonl"], input=b"\n".join(LINES) + b"\n")
    assert answer.exit_code == 0, answer.output
    assert answer.stdout.splitlines() == EXPECTED


def test_a_line_that_cannot_be_judged_is_answered_and_the_others_too() -> None:
    bad = [
        b'{"rules":{"unit":"dayz","period":5},"facts":{"arrival":"2025-05-02T23:50:00+09:00"}}',
        b'{"rules":{"unit":"weeks","period":5},"facts":{"arrival":"2025-05-02T23:50:00"}}',
        b'{"rules":{"unit":"weeks","period":5},"facts":{"arrived":"2025-05-02T23:50:00+09:00"}}',
        b'{"rules":{"unit":"years","period":90},"facts":{"arrival":"2025-05-02T23:50:00+09:00"}}',
        b"{",
    ]
    answer = CliRunner().invoke(app, ["due-date", "--jsonl"], input=b"\n".join([*bad, LINES[0]]))
    assert answer.exit_code == 1
    *errors, last = answer.stdout.splitlines()
    told = [json.loads(line)["error"] for line in errors]
    places = ["$.rules.unit", "$.facts.arrival", "`$.facts`", "$.rules", "line 5"]
    assert len(told) == len(places)
    for error, place in zip(told, places, strict=True):
        assert place in error
    assert last == EXPECTED[0]

"""`qos dead-letters` as it is typed wrong: what it says, before anything is asked of intake."""

from pathlib import Path

import pytest
from typer.testing import CliRunner

from qos_local.cli import app
from qos_local.stack.processes import choose_port

REPAIR = ["redrive", "applications-0-1"]


def run(*arguments: str, key: str | None = "qos_key", url: str = "http://127.0.0.1:1") -> tuple[int, str]:
    environment = {"COLUMNS": "300", "QOS_OPERATOR_KEY": key, "QOS_INTAKE_URL": url}
    result = CliRunner(env=environment).invoke(app, ["dead-letters", *arguments])
    assert result.exception is None or isinstance(result.exception, SystemExit), result.output
    return result.exit_code, result.output


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["redrive"], "say which: ids, options such as --reason, or --all"),
        (["discard"], "say which: ids, options such as --reason, or --all"),
        (["redrive", "--state", "redriven"], "say which"),
        ([*REPAIR, "--reason", "tombstone"], "not both"),
        (["redrive", "--all", "--set", "data.channel=online"], "a repair is of one letter: give its id"),
        ([*REPAIR, "reviews-0-1", "--set", "data.channel=online"], "a repair is of one letter: give its id"),
        (["list", "--since", "yesterday"], "'yesterday' is not a date or time such as 2025-05-02"),
        (["list", "--state", "dead"], "'dead' is not one of"),
    ],
)
def test_what_is_wrong_is_named(arguments: list[str], told: str) -> None:
    code, printed = run(*arguments)
    assert code == 2
    assert told in printed


def test_set_and_edit_exclude_each_other(tmp_path: Path) -> None:
    (tmp_path / "event.json").write_text("{}", encoding="utf-8")
    code, printed = run(*REPAIR, "--set", "a=b", "--edit", str(tmp_path / "event.json"))
    assert code == 2
    assert "exclude each other" in printed


def test_a_missing_key_is_told_with_how_to_make_one() -> None:
    code, printed = run("list", key=None)
    assert code == 2
    assert "python -m qos_intake.keys operator" in printed


def test_an_intake_that_does_not_answer_is_told_and_what_to_do() -> None:
    code, printed = run("list", "--wait", "0", url=f"http://127.0.0.1:{choose_port()}")
    assert code == 1
    assert "did not answer for 0 seconds (ConnectError)" in printed
    assert "run the same command again" in printed

"""`qos due-date` and `qos calendar`, as they are typed."""

import json
import re
import runpy
import shlex
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from qos_domain.calendar import Calendar
from qos_local.cli import app

DOCUMENT = Path(__file__).parents[3] / "docs" / "clock.md"


def qos(line: str) -> Result:
    return CliRunner().invoke(app, shlex.split(line), env={"COLUMNS": "110", "NO_COLOR": "1", "TERM": "dumb"})


def unboxed(result: Result) -> str:
    """The words of an error without the box that is drawn around them."""
    return " ".join(re.sub(r"[│╭╮╰╯─]", " ", result.output).split())


def examples() -> list[tuple[str, str]]:
    """Each `$ qos ...` of the document's console blocks, with the output that it shows."""
    found = []
    for block in re.findall(r"```console\n(.*?)```", DOCUMENT.read_text(encoding="utf-8"), re.DOTALL):
        for command, output in re.findall(r"^\$ qos (.*)\n((?:(?!\$ ).*\n)*)", block, re.MULTILINE):
            found.append((command, output))
    return found


@pytest.mark.parametrize(("command", "output"), examples(), ids=[command for command, _ in examples()])
def test_the_document_shows_what_the_command_prints(command: str, output: str) -> None:
    printed = qos(command)
    assert [line.rstrip() for line in printed.output.splitlines()] == [line.rstrip() for line in output.splitlines()]


def test_the_program_of_the_document_runs(tmp_path: Path) -> None:
    (block,) = re.findall(r"```python\n(.*?)```", DOCUMENT.read_text(encoding="utf-8"), re.DOTALL)
    program = tmp_path / "program.py"
    program.write_text(block, encoding="utf-8")
    assert "judgement" in runpy.run_path(str(program))


def test_the_document_has_examples() -> None:
    assert len(examples()) >= 3


def test_json_has_the_judgement_and_the_ledger() -> None:
    printed = qos('due-date --arrival 2025-05-02T23:50 --period "5 business days" --result 2025-05-14 --json')
    answer = json.loads(printed.stdout)
    assert answer["judgement"]["due_date"] == "2025-05-13"
    assert answer["judgement"]["within"] is False
    assert answer["ledger"][-1]["elapsed"] == answer["judgement"]["elapsed"] == 6
    assert (answer["calendar"], answer["time_zone"]) == ("jp-tokyo-1", "Asia/Tokyo")


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("--arrival 2025-06-02 --period '10..15 business_days'", "2025-06-23"),
        ("--arrival 2025-06-02 --period '1 month' --count-arrival-day", "2025-07-01"),
        ("--arrival 2025-06-01 --period '2 weeks' --roll-to-business-day", "2025-06-16"),
        ("--arrival 2025-06-02 --period '5 business_days' --extend 2025-06-09=2025-06-20", "2025-06-20"),
        ("--arrival 2025-06-02 --due-date 2025-06-14", "2025-06-15"),
        ("--arrival 2025-06-02T08:00 --period '30 hours'", "2025-06-03 14:00:00+09:00"),
        ("--arrival 2010-12-31T23:30Z --period '1 weeks' --time-zone Europe/Amsterdam", "2011-01-08"),
        ("--arrival 2025-06-02 --period '5 business_days' --suspend 2025-06-03..", "not reached while it is suspended"),
        ("--arrival 2025-06-02 --stop decision --decision 2025-06-04 --due-date 2025-06-03", "no"),
        ("--arrival 2025-06-02 --result 2025-06-01", "stopped before it arrived"),
        ("--arrival 2025-06-02", "none: no period"),
        ("--arrival 2025-06-02 --extend 2025-06-05=2025-06-20", "replaces none: ignored"),
        ("--arrival 2025-06-02 --period '1 weeks' --until 2025-06-30", "2025-06-30"),
    ],
)
def test_it_explains(line: str, said: str) -> None:
    printed = qos(f"due-date {line}")
    assert printed.exit_code == 0, printed.output
    assert said in printed.output


@pytest.mark.parametrize(
    ("line", "option", "rule"),
    [
        ("", "--arrival", "say when the application arrived"),
        ("--arrival yesterday", "--arrival", "is not a date or time"),
        ("--arrival 1999-06-02 --period '1 weeks'", "--arrival", "covers 2000-01-01 to 2050-12-31"),
        ("--arrival 2025-06-02 --period five", "--period", "is not a number and a unit"),
        ("--arrival 2025-06-02 --period '5 fortnights'", "--period", "is not a unit"),
        ("--arrival 2025-06-02 --period '9..5 weeks'", "--period", "from the smaller to the greater"),
        ("--arrival 2025-06-02 --period '90 years'", "--period", "covers the years 2000 to 2050"),
        ("--arrival 2025-06-02 --suspend 2025-06-03", "--suspend", "is not FROM..TO"),
        ("--arrival 2025-06-02 --suspend 2025-06-03..2025-06-04:tea", "--suspend", "is not a reason"),
        ("--arrival 2025-06-02 --suspend 2025-06-05..2025-06-04", "--suspend", "ends before it begins"),
        ("--arrival 2025-06-02 --extend 2025-06-05", "--extend", "is not WHEN=NEW_DUE_DATE"),
        ("--arrival 2025-06-02 --due-date soon", "--due-date", "is not a date"),
        ("--arrival 2025-06-02 --decision x", "--decision", "is not a date or time"),
        ("--arrival 2025-06-02 --until x", "--until", "is not a date"),
        ("--arrival 2025-06-02 --time-zone Asia/Edo", "--time-zone", "no time zone"),
        ("--arrival 2025-06-02 --calendar edo-1", "--calendar", "jp-tokyo-1"),
        ("--arrival 2025-06-02 --stop never", "--stop", "notification"),
    ],
)
def test_a_refusal_names_the_option_and_the_rule(line: str, option: str, rule: str) -> None:
    refused = qos(f"due-date {line}")
    assert refused.exit_code == 2
    assert option in unboxed(refused)
    assert rule in unboxed(refused)


def test_a_calendar_is_made_once_and_can_be_used(tmp_path: Path) -> None:
    path = tmp_path / "osaka.json"
    made = qos(f"calendar make {path} --version osaka-1 --years 2024..2026 --closed-day 12-29 --closed-day 12-30")
    assert made.exit_code == 0, made.output
    calendar = Calendar.load(str(path))
    assert (calendar.version, calendar.data.closed_days) == ("osaka-1", ("12-29", "12-30"))
    due = qos(f"due-date --arrival 2025-12-26 --period '3 business_days' --calendar {path}")
    assert "2026-01-05" in due.output
    again = qos(f"calendar make {path} --version osaka-1")
    assert again.exit_code == 2
    assert "never changes under its name" in unboxed(again)


def test_the_bundled_calendar_was_made_by_the_command(tmp_path: Path) -> None:
    """Its office's part; the holidays are those of the library of that day, and stay."""
    path = tmp_path / "tokyo.json"
    qos(f"calendar make {path} --version tokyo-trial --years 2025..2025")
    made, bundled = Calendar.load(str(path)).data, Calendar.load().data
    assert (made.country, made.weekend, made.closed_days) == (bundled.country, bundled.weekend, bundled.closed_days)
    assert made.holidays == tuple(holiday for holiday in bundled.holidays if holiday.date.year == 2025)


@pytest.mark.parametrize(
    ("options", "option"),
    [
        ("--version x --years 2025", "--years"),
        ("--version x --country XX", "--country"),
        ("--version x --closed-day 13-01", "--closed-day"),
        ("--version 'x y'", "--version"),
        ("--version jp-tokyo-1", "--version"),
    ],
)
def test_a_wrong_calendar_is_refused(tmp_path: Path, options: str, option: str) -> None:
    refused = qos(f"calendar make {tmp_path / 'calendar.json'} {options}")
    assert refused.exit_code == 2
    assert option in refused.output
    assert not (tmp_path / "calendar.json").exists()


def test_the_bundled_calendars_are_listed() -> None:
    assert "jp-tokyo-1 (default)" in qos("calendar versions").output

"""`qos import` as it is typed: what it prints, what it writes, how it ends."""

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from qos_domain.acceptance import AcceptanceRules, decode_cloudevent
from qos_domain.events import ApplicationSubmitted
from qos_local.cli import app

MAPPING = """
name = "Permits"
source = "import/permits"

[[procedures]]
time = 2024-01-01T00:00:00
[procedures.data]
procedure_id = "permit"
name.ja = "許可"
effective_from = 2024-01-01
organisation = { id = "o", kind = "bureau", name = { ja = "局" } }

[[events]]
type = "application.submitted"
time = { column = "received" }
when = { column = "state", not_in = ["draft"] }
[events.data]
procedure_id = "permit"
application_id = { column = "no" }
channel = "online"
"""
CASES = """no,received,state
A-1,2025-05-02T23:50,new
A-2,soon,new
A-3,2025-05-03T09:00,draft
A-4,2025-05-03T09:00
A-5,2099-01-01T00:00,new
"""


@pytest.fixture
def files(tmp_path: Path) -> Path:
    (tmp_path / "m.toml").write_text(MAPPING, encoding="utf-8")
    (tmp_path / "cases.csv").write_text(CASES, encoding="utf-8")
    return tmp_path


def run(*arguments: str) -> tuple[int, str]:
    result = CliRunner(env={"COLUMNS": "200"}).invoke(app, ["import", *arguments])
    assert result.exception is None or isinstance(result.exception, SystemExit), result.output
    return result.exit_code, result.output


def test_rows_are_written_reported_and_refused_one_by_one(files: Path) -> None:
    out, report = files / "events.ndjson", files / "report.csv"
    code, printed = run(str(files / "cases.csv"), "-m", str(files / "m.toml"), "-o", str(out), "--report", str(report))
    assert code == 0
    assert "5 rows read, 3 events made, 2 written. 1 rows mean no event." in printed
    assert "3 rows refused" in printed
    registered, submitted = (decode_cloudevent(line, AcceptanceRules()) for line in out.read_bytes().splitlines())
    assert registered.type == "procedure.registered"
    assert isinstance(submitted.data, ApplicationSubmitted)
    assert submitted.data.application_id == "A-1"
    assert [line.split(",")[:4] for line in report.read_text(encoding="utf-8").splitlines()] == [
        ["line", "outcome", "field", "reason"],
        ["3", "refused", "received", "unreadable"],
        ["5", "refused", "row", "wrong_cell_count"],
        ["6", "refused", "time", "time_in_future"],
    ]


def test_a_dry_run_writes_nothing_and_needs_no_key(files: Path) -> None:
    code, printed = run(str(files / "cases.csv"), "-m", str(files / "m.toml"), "--dry-run")
    assert code == 0
    assert "2 checked" in printed
    assert sorted(path.name for path in files.iterdir()) == ["cases.csv", "m.toml"]


def test_events_in_a_file_need_no_mapping(files: Path) -> None:
    out, again = files / "events.ndjson", files / "again.ndjson"
    run(str(files / "cases.csv"), "-m", str(files / "m.toml"), "-o", str(out))
    code, printed = run(str(out), "-o", str(again))
    assert code == 0
    assert "2 written" in printed
    assert again.read_bytes() == out.read_bytes()


def test_an_import_that_takes_nothing_fails(files: Path) -> None:
    (files / "cases.csv").write_text("no,received,state\nA-2,soon,new\n", encoding="utf-8")
    (files / "m.toml").write_text(
        MAPPING.partition("[[procedures]]")[0] + "[[events]]" + MAPPING.split("[[events]]")[1]
    )
    code, printed = run(str(files / "cases.csv"), "-m", str(files / "m.toml"), "--dry-run")
    assert code == 1
    assert "1 rows refused" in printed


@pytest.mark.parametrize(
    ("arguments", "hint"),
    [
        (("cases.csv", "--dry-run"), "--mapping"),
        (("cases.csv", "-m", "m.toml"), "QOS_API_KEY"),
        (("cases.csv", "-m", "none.toml"), "shipped"),
        (("cases.csv", "-m", "receipt-log", "--dry-run"), "no column 'startdate'"),
    ],
)
def test_a_wrong_command_says_what_is_missing(files: Path, arguments: tuple[str, ...], hint: str) -> None:
    paths = [str(files / each) if each.endswith((".csv", ".toml")) else each for each in arguments]
    code, printed = run(*paths)
    assert code == 2
    assert hint in printed


def test_an_intake_that_does_not_answer_fails_and_says_that_it_can_be_repeated(
    files: Path, free_port: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("QOS_API_KEY", "key")
    code, printed = run(
        *(str(files / "cases.csv"), "-m", str(files / "m.toml")),
        *("--url", f"http://127.0.0.1:{free_port}", "--wait", "0"),
    )
    assert code == 1
    assert "run the same import again" in printed


def test_written_events_are_one_json_object_a_line(files: Path) -> None:
    out = files / "events.ndjson"
    run(str(files / "cases.csv"), "-m", str(files / "m.toml"), "-o", str(out))
    assert all(json.loads(line)["specversion"] == "1.0" for line in out.read_text(encoding="utf-8").splitlines())

"""Five permits of spring 2025 in a file of events: whoever has it can recompute what was published."""

import csv
import gzip
import io
import json
from datetime import date
from pathlib import Path

import pytest
from typer.testing import CliRunner

from qos_local.cli import app

PREFIX = "jp.lg.tokyo.qos."


def line(number: int, event_type: str, time: str, **data: object) -> str:
    event = {"specversion": "1.0", "id": str(number), "source": "office", "type": f"{PREFIX}{event_type}.v1"}
    return json.dumps({**event, "time": time, "data": {"procedure_id": "permit", **data}})


REGISTERED = line(
    1,
    "procedure.registered",
    "2025-04-01T09:00:00+09:00",
    name={"ja": "許可", "en": "Permit"},
    organisation={"id": "office", "name": {"ja": "局"}, "kind": "bureau"},
    effective_from="2025-04-01",
    standard_period={"unit": "business_days", "maximum": 5},
)


def submitted(number: int, time: str, channel: str) -> str:
    return line(number, "application.submitted", time, application_id=f"A-{number}", channel=channel)


def notified(number: int, time: str, of: int) -> str:
    return line(number, "notification.sent", time, application_id=f"A-{of}", channel="electronic")


EVENTS = [
    submitted(10, "2025-05-02T23:50:00+09:00", "online"),
    notified(20, "2025-05-13T17:00:00+09:00", of=10),  # the 5th business day: within
    submitted(11, "2025-05-02T23:50:00+09:00", "online"),
    notified(21, "2025-05-14T09:00:00+09:00", of=11),  # the 6th: breached
    submitted(12, "2025-05-07T10:00:00+09:00", "counter"),  # open, due on the 14th
    submitted(13, "2025-05-19T10:00:00+09:00", "counter"),  # open, in time
    submitted(10, "2025-05-02T23:50:00+09:00", "online"),  # twice
]


@pytest.fixture
def files(tmp_path: Path) -> tuple[Path, Path]:
    events, procedures = tmp_path / "events.ndjson", tmp_path / "procedures.ndjson"
    events.write_text("\n".join(EVENTS) + "\n", encoding="utf-8")
    procedures.write_text(REGISTERED + "\n", encoding="utf-8")
    return events, procedures


def fold(*arguments: object) -> tuple[int, str, str]:
    result = CliRunner(env={"COLUMNS": "160"}).invoke(app, ["fold", *map(str, arguments)])
    assert result.exception is None or isinstance(result.exception, SystemExit), result.output
    return result.exit_code, result.stdout, result.stderr


def test_figures_are_recomputed_from_the_files(files: tuple[Path, Path]) -> None:
    events, procedures = files
    code, printed, told = fold(events, "--procedures", procedures, "--as-of", "2025-05-20", "--format", "json")
    document = json.loads(printed)
    total = document["procedures"]["permit"]["report"]["total"]
    assert code == 0
    assert "8 events taken, 0 lines refused" in told
    assert total["volume"]["applications"] == 4
    assert total["online"]["applications"] == {"numerator": 2, "denominator": 4, "share": 0.5}
    assert total["compliance"]["within_period"] == {"numerator": 1, "denominator": 3, "share": 1 / 3}
    assert total["standing"] == {"open": 2, "overdue": 1, "suspended": 0, "due_soon": 0, "forecast": 1}
    assert total["processing_time"]["calendar_days"]["p50"] == 11
    assert document["procedures"]["permit"]["assessment"]["principles"]["faster"]["declared"]["level"] == 1
    assert document["organisations"]["office"]["total"] == {
        **document["all"]["total"],
    }


def test_a_figure_of_an_earlier_day_knows_nothing_of_later_ones(files: tuple[Path, Path]) -> None:
    events, procedures = files
    _, printed, _ = fold(events, "--procedures", procedures, "--as-of", "2025-05-13", "--format", "json")
    total = json.loads(printed)["all"]["total"]
    assert total["volume"]["applications"] == 3
    assert total["standing"]["open"] == 2
    assert total["compliance"]["within_period"] == {"numerator": 1, "denominator": 1, "share": 1.0}


def test_registrations_may_stand_in_the_same_file_and_files_may_be_packed(tmp_path: Path) -> None:
    packed = tmp_path / "all.ndjson.gz"
    packed.write_bytes(gzip.compress("\n".join([*EVENTS, REGISTERED]).encode()))
    code, printed, _ = fold(packed, "--as-of", "2025-05-20")
    assert code == 0
    assert "Permit" in printed
    assert "1 of 2" in printed


def test_refused_lines_are_told_by_file_line_and_reason_but_not_by_content(files: tuple[Path, Path]) -> None:
    events, procedures = files
    personal = line(30, "application.withdrawn", "2025-05-09T10:00:00+09:00", application_id="taro@example.jp")
    with events.open("a", encoding="utf-8") as out:
        out.write(f"{{broken\n\n{personal}\n")
    code, printed, told = fold(events, "--procedures", procedures, "--as-of", "2025-05-20", "--format", "json")
    told_lines = [line for line in told.splitlines() if line.startswith(str(events))]
    assert code == 0
    assert json.loads(printed)["all"]["total"]["volume"]["applications"] == 4
    assert [line.removeprefix(f"{events}:").split(":")[0] for line in told_lines] == ["8", "10"]
    assert "(malformed_json)" in told_lines[0]
    assert "(personal_data)" in told_lines[1]
    assert "taro" not in told


def test_a_file_without_a_single_event_fails(tmp_path: Path) -> None:
    empty = tmp_path / "empty.ndjson"
    empty.write_text("nonsense\n", encoding="utf-8")
    assert fold(empty, "--as-of", "2025-05-20")[0] == 1


def test_csv_has_one_figure_a_line(files: tuple[Path, Path]) -> None:
    events, procedures = files
    _, printed, _ = fold(events, "--procedures", procedures, "--as-of", "2025-05-20", "--format", "csv")
    figures = {
        (row["scope"], row["id"], row["channel"], row["indicator"]): row["value"]
        for row in csv.DictReader(io.StringIO(printed))
    }
    assert figures["procedure", "permit", "", "standing.overdue"] == "1"
    assert figures["procedure", "permit", "online", "compliance.within_period.denominator"] == "2"
    assert figures["organisation", "office", "counter", "volume.applications"] == "2"
    assert figures["all", "", "", "cashless.payments.share"] == ""
    assert figures["procedure", "permit", "", "faster.declared.level"] == "1"


@pytest.mark.parametrize(
    ("option", "value", "hint"),
    [
        ("--window", "fortnight", "no window 'fortnight'"),
        ("--calendar", "mars-1", "no calendar 'mars-1'"),
        ("--time-zone", "Tokyo", "Tokyo"),
        ("--criteria", "none", "tokyo-1"),
        ("--as-of", "20 May", "20 May"),
    ],
)
def test_a_wrong_option_says_what_would_be_right(files: tuple[Path, Path], option: str, value: str, hint: str) -> None:
    code, _, told = fold(files[0], "--as-of", date(2025, 5, 20), option, value)
    assert code == 2
    assert hint in told

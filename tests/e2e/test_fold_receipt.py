"""The receipt log of a real permit office, from its table to its figures, without Kafka and PostgreSQL."""

import json
from pathlib import Path

from typer.testing import CliRunner

from qos_local.cli import app
from support.real_data import data_file
from support.receipt_log import AS_OF, PROCEDURE_ID, TIME_ZONE, WINDOW, check_receipt_report


def qos(*arguments: str) -> str:
    result = CliRunner().invoke(app, [*arguments])
    assert result.exit_code == 0, result.output
    return result.stdout


def test_the_receipt_log_gives_the_figures_that_are_known_of_it(tmp_path: Path) -> None:
    events = tmp_path / "receipt.ndjson"
    printed = qos("import", str(data_file("receipt_cases.csv.gz")), "--mapping", "receipt-log", "--output", str(events))
    assert "1,434 rows read" in printed

    options = ("--as-of", AS_OF, "--window", WINDOW, "--time-zone", TIME_ZONE, "--format", "json")
    once = json.loads(qos("fold", str(events), *options))
    check_receipt_report(once["procedures"][PROCEDURE_ID]["report"])

    # A second upload of the same rows has the same ids: nothing is counted twice.
    assert json.loads(qos("fold", str(events), str(events), *options)) == once


def test_dates_cut_in_another_time_zone_give_other_days(tmp_path: Path) -> None:
    events = tmp_path / "receipt.ndjson"
    qos("import", str(data_file("receipt_cases.csv.gz")), "--mapping", "receipt-log", "--output", str(events))
    options = ("--as-of", AS_OF, "--window", WINDOW, "--format", "json")
    local, utc = (
        json.loads(qos("fold", str(events), *options, "--time-zone", zone))["all"] for zone in (TIME_ZONE, "UTC")
    )
    assert local["total"]["processing_time"]["calendar_days"] != utc["total"]["processing_time"]["calendar_days"]

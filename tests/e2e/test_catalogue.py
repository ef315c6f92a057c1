"""All 75,071 procedures of a national government are registered, and the quality map answers over them."""

import csv
from collections import Counter
from pathlib import Path
from typing import Any, cast

import httpx
import pytest
from typer.testing import CliRunner

from qos_local.cli import app
from qos_runtime.settings import RuntimeSettings
from support.eventually import eventually_sync
from support.real_data import data_file
from support.system import System, running_system

SOURCE = "import/jp-catalogue"
PROCEDURES = 75_071
WITH_A_PERIOD = 27_214


@pytest.mark.timeout(600)
def test_the_national_catalogue_is_registered_and_mapped(runtime_settings: RuntimeSettings, tmp_path: Path) -> None:
    table, report = data_file("jp_procedures.csv.gz"), tmp_path / "report.csv"
    with running_system(runtime_settings, tmp_path, sources=[SOURCE]) as system:
        result = CliRunner().invoke(
            app,
            ["import", str(table), "-m", "jp-catalogue", "--url", system.intake_url, "--report", str(report)],
            env={"QOS_API_KEY": system.keys[SOURCE]},
        )
        assert result.exit_code == 0, result.output
        assert "75,071 rows read, 75,071 events made, 75,071 sent." in result.stdout
        check_report(report)
        system.wait_until_processed(PROCEDURES, within=300.0)
        check_map(system)


def check_report(report: Path) -> None:
    with report.open(encoding="utf-8", newline="") as lines:
        rows = list(csv.DictReader(lines))
    assert {row["outcome"] for row in rows} == {"left_out"}
    left_out = Counter((row["field"], row["rule"]) for row in rows)
    plain = "the text is neither a plain value nor a range with a unit"
    whole = "column period_online_max: expected a whole number"
    assert left_out["online_standard_period", plain] == 1_462
    assert left_out["standard_period", plain] == 3_021
    assert left_out["online_standard_period.maximum", whole] == 19
    assert sum(left_out.values()) == 5_242


def check_map(system: System) -> None:
    def assessed() -> dict[str, Any]:
        totals = system.ask("/v1/quality-map", limit=1)["totals"]
        assert totals["assessed"] == PROCEDURES
        return cast("dict[str, Any]", totals)

    totals = eventually_sync(assessed, within=300.0)
    assert totals["procedures"] == PROCEDURES
    assert totals["contradicted"] == 0
    assert totals["evidenced_levels"] == {
        # Those with a standard period of either kind; whether status is visible, the catalogue doesn't say.
        "faster": [PROCEDURES - WITH_A_PERIOD, WITH_A_PERIOD, 0, 0],
        "simpler": [PROCEDURES, 0, 0, 0],
        "easier": [PROCEDURES, 0, 0, 0],
    }

    one = system.ask("/v1/procedures/jp-1")["current"]
    assert one["name"]["ja"] == "内閣総理大臣への届出"
    assert one["online_standard_period"] == {"unit": "months", "maximum": 1}
    assert one["organisation"] == {
        "id": "jp-cas",
        "name": {"ja": "内閣官房", "en": "Cabinet Secretariat"},
        "kind": "ministry",
    }
    faster = system.ask("/v1/procedures/jp-1/levels")["live"]["principles"]["faster"]
    assert faster["declared"] == {"level": 1, "possible_level": 2}

    organisations = system.ask("/v1/organisations")["organisations"]
    assert sum(each["procedures"] for each in organisations) == PROCEDURES
    assert len(organisations) == 25

    with httpx.stream("GET", f"{system.metrics_url}/v1/quality-map.ndjson", timeout=120.0) as lines:
        assert sum(1 for line in lines.iter_lines() if line) == PROCEDURES

"""The committed rules: made of the code as it is, valid to Prometheus, and each alert told in two stories."""

import re
import subprocess
from collections.abc import Sequence
from pathlib import Path

import pytest
from typer.testing import CliRunner

from qos_local.cli import app
from qos_runtime.metric import Kind
from qos_runtime.metric_defs import ALL
from support.alerting import PROMETHEUS, RULES, RUNBOOK, STORIES, alerts, rules, stories
from support.binaries import binary

_SUFFIXES = {
    Kind.COUNTER: ("_total",),
    Kind.HISTOGRAM: ("_bucket", "_count", "_sum"),
    Kind.INFO: ("_info",),
    Kind.GAUGE: ("",),
    Kind.GAUGE_HISTOGRAM: ("_bucket", "_gcount", "_gsum"),
}
SCRAPED = {metric.name + suffix for metric in ALL for suffix in _SUFFIXES[metric.kind]}


def test_the_committed_files_are_what_the_generator_makes(tmp_path: Path) -> None:
    result = CliRunner().invoke(app, ["prometheus-rules", str(tmp_path), "--as-of", "2026-04-01"])
    assert result.exit_code == 0, result.output
    made = {file.relative_to(tmp_path): file.read_bytes() for file in tmp_path.rglob("*.yml")}
    committed = {path: (PROMETHEUS / path).read_bytes() for path in made}
    assert made == committed, "qos prometheus-rules deploy/prometheus --as-of 2026-04-01"
    assert sorted(RULES) == sorted(PROMETHEUS / path for path in made if path.parent.name == "rules")


@pytest.mark.parametrize(
    "command",
    [
        ("promtool", "check", "rules", "--lint-fatal", *map(str, RULES)),
        ("promtool", "check", "config", "--lint-fatal", str(PROMETHEUS / "prometheus.yml")),
        ("amtool", "check-config", str(PROMETHEUS / "alertmanager.yml")),
        ("promtool", "test", "rules", *map(str, STORIES)),
    ],
    ids=lambda command: " ".join(command[:3]),
)
def test_the_tools_find_nothing_wrong(command: Sequence[str]) -> None:
    checked = subprocess.run([binary(command[0]), *command[1:]], capture_output=True, text=True, check=False)
    assert checked.returncode == 0, checked.stdout + checked.stderr


def test_each_alert_fires_in_a_story_and_does_not_in_another() -> None:
    told = {
        (test["alertname"], bool(test["exp_alerts"]))
        for story in stories()
        for test in story.get("alert_rule_test", ())
    }
    assert {(alert["alert"], fires) for alert in alerts() for fires in (True, False)} == told


def named(text: str) -> set[str]:
    """The metrics and recorded series that a text names."""
    return set(re.findall(r"\b(?:\w+:)?qos_\w+(?::\w+)?\b", text))


def test_rules_and_the_runbook_rest_on_metrics_that_exist() -> None:
    recorded = {rule["record"] for rule in rules() if "record" in rule}
    asked = {name for rule in rules() for name in named(rule["expr"])}
    assert asked - recorded - SCRAPED == set()
    assert len(asked & SCRAPED) > 15
    blocks = re.findall(r"```sh\n(.*?)```", RUNBOOK.read_text(encoding="utf-8"), re.DOTALL)
    assert {name for block in blocks for name in named(block)} - recorded - SCRAPED == set()
    assert recorded - asked <= {"scope:qos_burn_rate:ratio"}, "recorded for dashboards, or for nobody?"


def test_every_alert_can_be_routed_and_read() -> None:
    for alert in alerts():
        assert set(alert["annotations"]) == {"summary", "summary_ja", "runbook_url"}
        severity, area = alert["labels"]["severity"], alert["labels"]["area"]
        assert (area, severity) in {("sla", "ticket"), ("pipeline", "ticket"), ("pipeline", "page")}
        if area == "sla":
            assert "bureau" in alert["labels"] or "bureau" in alert["expr"]

"""`qos prometheus-rules`: what it writes, and how it refuses."""

from pathlib import Path

import pytest
import yaml
from msgspec import structs
from typer.testing import CliRunner

from qos_domain.acceptance import AcceptanceRules, encode_cloudevent
from qos_domain.procedures import Name
from qos_local.alerting.tempo import Tempo
from qos_local.cli import app
from support.builders import registered

runner = CliRunner()
AS_OF = ("--as-of", "2026-04-01")


def write(directory: Path, *options: str) -> str:
    result = runner.invoke(app, ["prometheus-rules", str(directory), *AS_OF, *options], env={"COLUMNS": "200"})
    assert result.exit_code == 0, result.output
    return result.output


def test_a_registry_a_rehearsal_and_a_desk_of_ones_own(tmp_path: Path) -> None:
    procedures, receivers, output = tmp_path / "procedures.ndjson", tmp_path / "receivers.yml", tmp_path / "out"
    road = registered(procedure="road", organisation="construction", priority=True, objective=0.9)
    procedures.write_bytes(encode_cloudevent(road, AcceptanceRules()) + b"\n")
    receivers.write_text("bureau-construction: {webhook_configs: [{url: 'http://desk.example/'}]}", encoding="utf-8")
    said = write(
        output,
        *("--procedures", str(procedures), "--receivers", str(receivers), "--speed", "3600"),
        *("--target", "qos-processing=10.0.0.1:8082", "--target", "qos-processing=10.0.0.2:8082"),
        *("--alertmanager", "127.0.0.1:9093", "--runbook", "https://runbook.example"),
    )
    assert "alerts on 1 procedures by themselves" in said

    prometheus = yaml.safe_load((output / "prometheus.yml").read_text(encoding="utf-8"))
    assert prometheus["global"]["scrape_interval"] == "1s"
    jobs = {job["job_name"]: job for job in prometheus["scrape_configs"]}
    assert jobs["qos-processing"]["static_configs"] == [{"targets": ["10.0.0.1:8082", "10.0.0.2:8082"]}]
    assert jobs["qos-metrics"]["dns_sd_configs"][0]["names"] == ["metrics"]

    alertmanager = yaml.safe_load((output / "alertmanager.yml").read_text(encoding="utf-8"))
    assert alertmanager["route"]["group_wait"] == "1s"
    desks = {each["name"]: each for each in alertmanager["receivers"]}
    assert desks["bureau-construction"]["webhook_configs"] == [{"url": "http://desk.example/"}]

    groups = yaml.safe_load((output / "rules" / "sla.yml").read_text(encoding="utf-8"))["groups"]
    assert [group["name"] for group in groups] == ["qos-sla/road", "qos-sla-others"]
    fast = next(rule for rule in groups[0]["rules"] if rule.get("alert") == "QosBudgetBurnsFast")
    assert "> 5.21 * (1 - 0.9)" in fast["expr"]
    assert (fast["for"], fast["keep_firing_for"]) == ("1s", "10s")
    assert fast["annotations"]["runbook_url"] == "https://runbook.example#qosbudgetburnsfast"


def test_braces_of_a_name_are_no_template(tmp_path: Path) -> None:
    procedures = tmp_path / "procedures.ndjson"
    event = registered(procedure="road", priority=True)
    named = encode_cloudevent(event, AcceptanceRules()).replace(b"Road occupation permit", b"Permit {{ $value }}")
    procedures.write_bytes(named + b"\n")
    write(tmp_path / "out", "--procedures", str(procedures))
    rules = (tmp_path / "out" / "rules" / "sla.yml").read_text(encoding="utf-8")
    assert 'Permit {{"{{"}} $value }}: {{ $value | humanizePercentage }} of the results' in rules


def test_a_name_without_english_is_said_in_japanese(tmp_path: Path) -> None:
    procedures = tmp_path / "procedures.ndjson"
    event = registered(procedure="road", priority=True)
    unnamed = structs.replace(event, data=structs.replace(event.data, name=Name(ja="道路占用許可")))
    procedures.write_bytes(encode_cloudevent(unnamed, AcceptanceRules()) + b"\n")
    write(tmp_path / "out", "--procedures", str(procedures))
    rules = (tmp_path / "out" / "rules" / "sla.yml").read_text(encoding="utf-8")
    assert "summary: '道路占用許可: {{ $value | humanizePercentage }} of the results" in rules


@pytest.mark.parametrize(
    ("option", "value", "says"),
    [
        ("--target", "qos-billing=10.0.0.1:80", "JOB is one of qos-intake, qos-processing, qos-metrics"),
        ("--target", "qos-intake=10.0.0.1", "JOB=HOST:PORT"),
        ("--office-hours", "17:15-08:30", "the later one last"),
        ("--office-hours", "8-17", "such as 08:30-17:15"),
        ("--calendar", "nowhere", "no calendar 'nowhere'"),
        ("--time-zone", "Asia/Nowhere", "Asia/Nowhere"),
        ("--speed", "0.5", "greater than or equal to 1"),
    ],
)
def test_what_is_refused_is_named(tmp_path: Path, option: str, value: str, says: str) -> None:
    result = runner.invoke(
        app, ["prometheus-rules", str(tmp_path / "out"), *AS_OF, option, value], env={"COLUMNS": "300"}
    )
    assert result.exit_code == 2
    assert option in result.output
    assert says in result.output
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("content", "says"),
    [
        ("bureau-nobody: {}", "bureau-nobody: no such receiver; there are operations-pages"),
        ("- bureau-taxation", "receivers by name"),
        ("bureau-taxation: desk", "receivers by name"),
        ("a: [", "receivers.yml"),
    ],
)
def test_receivers_that_nothing_is_routed_to_are_named(tmp_path: Path, content: str, says: str) -> None:
    receivers = tmp_path / "receivers.yml"
    receivers.write_text(content, encoding="utf-8")
    result = runner.invoke(
        app,
        ["prometheus-rules", str(tmp_path / "out"), *AS_OF, "--receivers", str(receivers)],
        env={"COLUMNS": "300"},
    )
    assert result.exit_code == 2
    assert "--receivers" in result.output
    assert says in result.output


def test_help_has_examples() -> None:
    assert "Examples" in runner.invoke(app, ["prometheus-rules", "--help"]).output


@pytest.mark.parametrize(
    ("speed", "hours", "written"), [(1, 10, "10h"), (1, 0.025, "1m30s"), (3600, 10, "10s"), (1e6, 10, "1s")]
)
def test_a_rehearsal_divides_every_duration(speed: float, hours: float, written: str) -> None:
    assert Tempo(speed).of(hours=hours) == written

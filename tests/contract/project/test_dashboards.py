"""Grafana's dashboards are what their code makes, fit together, and name only what exists."""

import json
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml
from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.cog.plugins import register_default_plugins
from grafana_foundation_sdk.models.dashboard import Dashboard as Model
from typer.testing import CliRunner

from qos_local.cli import app
from qos_local.dashboards.site import LANGUAGES
from qos_runtime.metric import Kind, Metric
from qos_runtime.metric_defs import ALL as METRICS
from support.dashboards import DASHBOARDS, GRAFANA, Dashboard, dashboards

COMMITTED = dashboards()
PAGES = {"bureau", "overview", "pipeline", "procedure", "sla"}
JAPANESE = re.compile(r"[぀-ヿ一-鿿]")
# Labels that Prometheus adds.
SCRAPED_LABELS = {"job", "instance", "le"}
ENDINGS = {
    Kind.COUNTER: ("_total",),
    Kind.GAUGE: ("",),
    Kind.HISTOGRAM: ("_bucket", "_count", "_sum"),
    Kind.GAUGE_HISTOGRAM: ("_bucket", "_gcount", "_gsum"),
    Kind.INFO: ("_info",),
}
EXPOSED: Mapping[str, Metric] = {
    f"{metric.name}{ending}": metric for metric in METRICS for ending in ENDINGS[metric.kind]
}

every_dashboard = pytest.mark.parametrize(
    "dashboard", COMMITTED, ids=lambda dashboard: f"{dashboard.path.parent.name}/{dashboard.path.stem}"
)


def strings(value: Any) -> Iterator[str]:
    """Every text in a JSON document."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for each in value.values():
            yield from strings(each)
    elif isinstance(value, list):
        for each in value:
            yield from strings(each)


def test_the_committed_dashboards_are_those_of_the_code(tmp_path: Path) -> None:
    made = CliRunner().invoke(app, ["dashboards", str(tmp_path)])
    assert made.exit_code == 0, made.output
    stale = "make them anew: qos dashboards deploy/grafana/dashboards"
    of_code = {path.relative_to(tmp_path): path.read_text("utf-8") for path in tmp_path.rglob("*.json")}
    assert {path.relative_to(DASHBOARDS): path.read_text("utf-8") for path in DASHBOARDS.rglob("*.json")} == of_code, (
        stale
    )


def test_dashboards_can_be_made_for_a_deployment(tmp_path: Path) -> None:
    options = ["--metrics-url", "https://qos.example.jp/", "--time-zone", "Europe/Berlin"]
    assert CliRunner().invoke(app, ["dashboards", str(tmp_path), *options]).exit_code == 0
    text = (tmp_path / "en" / "overview.json").read_text("utf-8")
    assert "https://qos.example.jp/quality-map?lang=en" in text
    assert '"timezone": "Europe/Berlin"' in text
    assert "localhost" not in text


def test_every_page_is_there_once_in_each_language() -> None:
    assert {dashboard.model["uid"] for dashboard in COMMITTED} == {
        f"qos-{page}-{language}" for page in PAGES for language in LANGUAGES
    }
    assert len(COMMITTED) == len(PAGES) * len(LANGUAGES)


@every_dashboard
def test_a_dashboard_is_one_by_the_types_of_grafana(dashboard: Dashboard) -> None:
    register_default_plugins()
    read = json.loads(JSONEncoder().encode(Model.from_json(dict(dashboard.model))))
    for link in read["links"]:
        assert link.pop("placement") == "inControlsMenu"  # its types have only this one, and add it
    assert read == dashboard.model


@every_dashboard
def test_panels_are_explained_and_numbered_and_lie_beside_each_other(dashboard: Dashboard) -> None:
    ids = [panel["id"] for panel in dashboard.model["panels"]]
    assert len(set(ids)) == len(ids)
    taken: set[tuple[int, int]] = set()
    for panel in dashboard.panels:
        assert panel["title"], panel["id"]
        assert panel["description"], panel["title"]
        assert panel["fieldConfig"]["defaults"]["noValue"], panel["title"]
        refs = [target["refId"] for target in panel["targets"]]
        assert refs == sorted(set(refs)), panel["title"]
        place = panel["gridPos"]
        cells = {
            (x, y)
            for x in range(place["x"], place["x"] + place["w"])
            for y in range(place["y"], place["y"] + place["h"])
        }
        assert place["x"] + place["w"] <= 24, panel["title"]
        assert not cells & taken, panel["title"]
        taken |= cells


@every_dashboard
def test_every_query_names_a_provisioned_data_source(dashboard: Dashboard) -> None:
    provisioned = yaml.safe_load((GRAFANA / "provisioning" / "datasources" / "qos.yml").read_text("utf-8"))
    sources = [{"type": source["type"], "uid": source["uid"]} for source in provisioned["datasources"]]
    for panel in dashboard.panels:
        assert panel["datasource"] in sources
        assert all(target["datasource"] == panel["datasource"] for target in panel["targets"]), panel["title"]
    assert all(variable["datasource"] in sources for variable in dashboard.variables)


@every_dashboard
def test_every_metric_is_defined_with_its_labels(dashboard: Dashboard) -> None:
    for title, expression in dashboard.promql():
        for name, matchers in re.findall(r"\b(qos_\w+)(?:\{([^}]*)\})?", expression):
            assert name in EXPOSED, f"{title}: {name}"
            labels = set(re.findall(r"(\w+)\s*(?:=~|!~|!=|=)", matchers))
            assert labels <= {*EXPOSED[name].labels, *SCRAPED_LABELS}, f"{title}: {name}{{{matchers}}}"


@every_dashboard
def test_a_dashboard_speaks_one_language(dashboard: Dashboard) -> None:
    english = dashboard.path.parent.name == "en"
    assert bool(JAPANESE.search(dashboard.model["title"])) != english
    for panel in dashboard.panels:
        for text in (panel["title"], panel["description"]):
            assert bool(JAPANESE.search(text)) != english, f"{panel['title']}: {text}"
    if english:
        others = [text for text in strings(dashboard.model) if JAPANESE.search(text) and text != "日本語"]
        assert others == []


def test_both_languages_ask_the_same_of_prometheus() -> None:
    asked: dict[str, list[list[str]]] = {}
    for dashboard in COMMITTED:
        queries = [expression.replace("name_ja", "name_en") for _, expression in dashboard.promql()]
        asked.setdefault(dashboard.path.stem, []).append(queries)
    assert all(first == second for first, second in asked.values())


def test_every_link_leads_to_a_dashboard_of_its_language_with_the_variables_it_has() -> None:
    by_uid = {dashboard.model["uid"]: dashboard for dashboard in COMMITTED}
    followed = 0
    for dashboard in COMMITTED:
        for url in strings([panel["fieldConfig"] for panel in dashboard.panels]):
            found = re.fullmatch(r"/d/([\w-]+)\?(.*)", url)
            if found is None:
                continue
            target = by_uid[found[1]]
            assert target.path.parent == dashboard.path.parent
            given = set(re.findall(r"var-(\w+)=", found[2]))
            assert given == {variable["name"] for variable in target.variables}, url
            followed += 1
    assert followed >= 6


def test_the_folders_of_both_languages_are_provisioned() -> None:
    provisioned = yaml.safe_load((GRAFANA / "provisioning" / "dashboards" / "qos.yml").read_text("utf-8"))
    paths = [Path(provider["options"]["path"]) for provider in provisioned["providers"]]
    assert {path.name for path in paths} == set(LANGUAGES)
    assert {path.parent for path in paths} == {Path("/var/lib/grafana/dashboards")}

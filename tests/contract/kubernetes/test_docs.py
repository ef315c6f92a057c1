"""What docs/kubernetes.md shows is so: its examples render and are valid, and its commands name what there is."""

import os
import re
from pathlib import Path

import pytest
import yaml

from qos_runtime.topics import inbox
from support.manifest_tools import ROOT, ManifestTools
from support.manifests import K8S, VERSIONS, Manifests, validate

pytestmark = pytest.mark.timeout(900)
TEXT = (ROOT / "docs" / "kubernetes.md").read_text("utf-8")


def blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", TEXT, re.MULTILINE | re.DOTALL)


def test_an_overlay_of_ones_own_changes_what_it_says(manifest_tools: ManifestTools, tmp_path: Path) -> None:
    [overlay] = [block for block in blocks("yaml") if "kind: Kustomization" in block]
    production = os.path.relpath(K8S / "overlays" / "production", tmp_path)
    (tmp_path / "kustomization.yaml").write_text(overlay.replace("../production", production), "utf-8")
    (tmp_path / "sources.toml").write_text("# ours\n", "utf-8")
    own = Manifests("own", manifest_tools.render(tmp_path))
    route, store = own.one("HTTPRoute", "qos-intake"), own.one("ObjectStore", "qos-postgres")
    validate(route)
    validate(store)
    assert route["spec"]["hostnames"] == ["intake.qos.metro.example"]
    assert store["spec"]["configuration"]["destinationPath"] == "s3://our-bucket/qos/"
    sources = own.one("ConfigMap", "qos-intake-sources")
    assert sources["data"] == {"sources.toml": "# ours\n"}
    volumes = {volume["name"]: volume for volume in own.pod("qos-intake").spec["volumes"]}
    assert volumes["sources"]["configMap"]["name"] == sources["metadata"]["name"]


def test_a_source_may_write_to_its_inbox() -> None:
    [user] = [yaml.safe_load(block) for block in blocks("yaml") if "kind: KafkaUser" in block]
    validate(user)
    [acl] = user["spec"]["authorization"]["acls"]
    assert acl["resource"]["name"] == inbox(user["metadata"]["name"]).name


def test_commands_name_what_there_is(local: Manifests, production: Manifests) -> None:
    commands = "\n".join(blocks("sh"))
    named = re.findall(r"\b(deployment|job|cronjob|service|kafka|clusters\.postgresql\.cnpg\.io)/([\w-]+)", commands)
    kinds = {
        "clusters.postgresql.cnpg.io": "Cluster",
        **{kind.lower(): kind for kind in ("Deployment", "Job", "CronJob", "Service", "Kafka")},
    }
    there = {(each["kind"], each["metadata"]["name"]) for each in [*local.all, *production.all]}
    there |= {("Job", name) for name in re.findall(r"create job ([\w-]+)", commands)}
    assert {(kinds[kind], name) for kind, name in named} <= there
    assert len(named) > 5
    for path in re.findall(r"deploy/k8s/[\w./-]+", TEXT):
        assert (ROOT / path).exists(), path


def test_the_versions_are_those_that_are_checked(production: Manifests) -> None:
    assert f"Kubernetes {VERSIONS[0]} or later" in TEXT
    assert f"for Kubernetes {VERSIONS[0]} and {VERSIONS[1]}" in TEXT
    made_from = (K8S / "schemas" / "README.md").read_text("utf-8")
    promised = re.findall(r"^\| [^|]+ \| ([\d., ]+) \| [^|]+ \|$", TEXT, re.MULTILINE)
    versions = {version.strip() for cell in promised for version in cell.split(",")}
    assert versions
    assert versions <= set(re.findall(r"\b\d+\.\d+\b", made_from))
    kafka = production.one("Kafka", "qos-kafka")["spec"]["kafka"]["version"]
    assert f"Kafka {kafka.rpartition('.')[0]}." in TEXT

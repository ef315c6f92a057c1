"""docs/upgrading.md takes a cluster from one release to the next in three steps: each applies what its labels say."""

import re
from typing import Any

import pytest

from support.manifest_tools import ROOT
from support.manifests import Manifests

pytestmark = pytest.mark.timeout(900)

TEXT = (ROOT / "docs" / "upgrading.md").read_text("utf-8")
NAME = "app.kubernetes.io/name"
PROGRAMS = {"qos-intake", "qos-processing", "qos-metrics"}


def steps() -> list[set[str]]:
    """The names that each `kubectl apply` of the upgrade leaves out."""
    [block] = [
        block for block in re.findall(r"^```sh\n(.*?)^```", TEXT, re.MULTILINE | re.DOTALL) if "kubectl" in block
    ]
    applied = [line for line in block.splitlines() if line.startswith("kubectl apply")]
    left_out = [re.search(rf"-l '{NAME} notin \(([\w,-]+)\)'", line) for line in applied]
    assert [line for line, found in zip(applied, left_out, strict=True) if "-l" in line and not found] == []
    return [set(found[1].split(",")) if found else set() for found in left_out]


def applied(manifests: Manifests, left_out: set[str]) -> list[dict[str, Any]]:
    """As kubectl selects with `notin`: what has no such label is in."""
    return [each for each in manifests.all if each["metadata"].get("labels", {}).get(NAME) not in left_out]


def test_migrations_come_first_then_workers_and_metrics_then_intake(manifests: Manifests) -> None:
    first, second, third = (applied(manifests, left_out) for left_out in steps())

    def deployments(resources: list[dict[str, Any]]) -> set[str]:
        return {each["metadata"]["name"] for each in resources if each["kind"] == "Deployment"} & PROGRAMS

    assert deployments(first) == set()
    assert deployments(second) == {"qos-processing", "qos-metrics"}
    assert deployments(third) == PROGRAMS
    assert third == manifests.all
    # What the programs are told, and who may talk to whom, is there before them.
    for kind in ("ConfigMap", "NetworkPolicy", "Namespace", "ServiceAccount"):
        assert [each for each in first if each["kind"] == kind] == manifests.of(kind)
    assert ("Job", "qos-migrations") in {(each["kind"], each["metadata"]["name"]) for each in first}


def test_its_commands_name_what_there_is(local: Manifests, production: Manifests) -> None:
    named = re.findall(r"\b(deployment|job|cronjob)/([\w-]+)", TEXT)
    there = {(each["kind"].lower(), each["metadata"]["name"]) for each in [*local.all, *production.all]}
    assert len(named) >= 4
    assert set(named) <= there
    for path in re.findall(r"deploy/k8s/[\w./-]+", TEXT):
        assert (ROOT / path).exists(), path

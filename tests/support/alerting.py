"""The committed configuration of Prometheus and Alertmanager, and its documents."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

_ROOT = Path(__file__).parents[2]
PROMETHEUS = _ROOT / "deploy" / "prometheus"
RULES = tuple(sorted(PROMETHEUS.glob("rules/*.yml")))
STORIES = tuple(sorted(PROMETHEUS.glob("tests/*.yml")))
RUNBOOK = _ROOT / "docs" / "runbook.md"
ALERTING = _ROOT / "docs" / "alerting.md"


def rules() -> Iterator[dict[str, Any]]:
    """Every rule of every group."""
    for file in RULES:
        for group in yaml.safe_load(file.read_text(encoding="utf-8"))["groups"]:
            yield from group["rules"]


def alerts() -> list[dict[str, Any]]:
    return [rule for rule in rules() if "alert" in rule]


def stories() -> list[dict[str, Any]]:
    """The tests of promtool."""
    return [story for file in STORIES for story in yaml.safe_load(file.read_text(encoding="utf-8"))["tests"]]

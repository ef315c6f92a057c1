"""What a running system says, beside what `qos fold` makes of the same events."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import httpx

from qos_domain.acceptance import AcceptanceRules, encode_cloudevent
from qos_local.demo.api import MetricsApi
from qos_local.demo.checking import compare, compare_procedure
from qos_local.simulation.simulate import Simulation


async def compare_with_fold(metrics_url: str, simulation: Simulation, directory: Path, *, window: str) -> None:
    """Every figure and level that the metrics API gives is what `qos fold` makes of the simulation's events.

    As of its last day; `directory` takes the events as files. Raises AssertionError with the figures that differ.
    """
    fold = fold_of(simulation, directory, window=window)
    async with httpx.AsyncClient(timeout=60) as http:
        api = MetricsApi(http, metrics_url)
        parts = []
        for procedure_id, folded in fold["procedures"].items():
            answer = await api.procedure(procedure_id, as_of=simulation.last_day, window=window)
            parts.append(compare_procedure(procedure_id, answer, folded))
        everything = await api.all_indicators(as_of=simulation.last_day, window=window)
        parts.append(compare("all", everything["indicators"], fold["all"]["total"]))
    assert [str(difference) for _, differences in parts for difference in differences] == []
    assert sum(count for count, _ in parts) > 1_000


def fold_of(simulation: Simulation, directory: Path, *, window: str) -> dict[str, Any]:
    rules = AcceptanceRules()
    for name, events in (("procedures", simulation.procedures), ("events", simulation.events)):
        lines = b"".join(encode_cloudevent(event, rules) + b"\n" for event in events)
        (directory / f"{name}.ndjson").write_bytes(lines)
    command = [sys.executable, "-m", "qos_local", "fold", str(directory / "events.ndjson")]
    command += ["--procedures", str(directory / "procedures.ndjson"), "--as-of", str(simulation.last_day)]
    command += ["--window", window, "--format", "json"]
    out = subprocess.run(command, capture_output=True, check=True, timeout=120).stdout
    folded: dict[str, Any] = json.loads(out)
    return folded

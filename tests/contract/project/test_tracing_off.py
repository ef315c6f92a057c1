"""What a service loads when tracing is off: nothing of OpenTelemetry that would do anything."""

import os
import subprocess
import sys
from collections.abc import Collection
from pathlib import Path

import pytest

# Each starts, sets itself up and ends: there is no broker, no database, no file of sources.
NOTHING_THERE = {
    "KAFKA_BOOTSTRAP_SERVERS": "127.0.0.1:1",
    "DATABASE_URL": "postgresql://qos:unused@127.0.0.1:1/qos",
    "QOS_INTAKE_SOURCES_FILE": "/nonexistent",
    "QOS_METRICS_STAFF_OPEN": "true",
}
SDK = ("opentelemetry.sdk", "opentelemetry.exporter", "opentelemetry.proto")


def loaded(service: str, directory: Path, packages: Collection[str], **settings: str) -> set[str]:
    """Which modules of these packages the service's process had loaded when it ended."""
    others = {name: value for name, value in os.environ.items() if not name.startswith(("QOS_", "OTEL_"))}
    ended = subprocess.run(
        [sys.executable, "-X", "importtime", "-m", service],
        env=others | NOTHING_THERE | settings,
        cwd=directory,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert ended.returncode in (1, 2), ended.stderr
    lines = [line for line in ended.stderr.splitlines() if line.startswith("import time:")]
    names = {line.rpartition("|")[2].strip() for line in lines}
    assert "qos_runtime.tracing" in names
    return {name for name in names if any(f"{name}.".startswith(f"{package}.") for package in packages)}


@pytest.mark.parametrize("service", ["qos_intake", "qos_processing", "qos_metrics"])
def test_off_is_the_default_and_loads_no_sdk(service: str, tmp_path: Path) -> None:
    # FastAPI loads the interface, whether or not there is something behind it; the worker has no FastAPI.
    packages = ("opentelemetry",) if service == "qos_processing" else SDK
    assert loaded(service, tmp_path, packages) == set()


def test_on_it_is_loaded(tmp_path: Path) -> None:
    assert loaded("qos_processing", tmp_path, SDK, QOS_TRACING="console")

"""The commands say by their exit code whether all is right, and what isn't by JSON."""

import json
import os
import subprocess
import sys

import pytest

from support.builders import happened, registered
from support.processing import Processing

pytestmark = pytest.mark.real

AS_A_JOB = ("qos_processing.verify",)
AT_A_TERMINAL = ("qos_local", "verify")


def run(database_url: str, *command: str) -> tuple[int, str, str]:
    environment = {**os.environ, "DATABASE_URL": database_url, "KAFKA_BOOTSTRAP_SERVERS": "127.0.0.1:1"}
    done = subprocess.run(
        [sys.executable, "-m", *command], env=environment, capture_output=True, check=False, text=True, timeout=120
    )
    return done.returncode, done.stdout, done.stderr


async def test_clean_spoilt_and_out_of_reach(p: Processing, database_url: str) -> None:
    await p.receive(registered(), happened("application.submitted", "2025-05-02", channel="online"))
    code, said, _ = run(database_url, *AS_A_JOB)
    assert code == 0
    assert "2 cases refolded, 0 mismatches" in said  # drawn, and with its procedure
    await p.pool.execute("UPDATE day_buckets SET value = 5 WHERE measure = 'arrived'")
    code, said, _ = run(database_url, *AT_A_TERMINAL, "--everything", "--format", "json")
    assert code == 1
    found = json.loads(said)
    assert found["mismatch_counts"] == {"cases": 0, "buckets": 1, "totals": 2}
    assert found["mismatches"][0]["place"]["procedure_id"] == "road-occupation"
    assert (found["mismatches"][0]["stored"], found["mismatches"][0]["expected"]) == (5, 1)
    code, _, complaint = run(database_url, *AS_A_JOB, "--log")
    assert code == 2
    assert "Not verified: no Kafka broker answers at 127.0.0.1:1" in complaint

"""What a container's health check finds out, and says."""

import asyncio
import subprocess
import sys

import pytest
from prometheus_client import CollectorRegistry

from qos_runtime.health import Health
from qos_runtime.health_server import health_server


async def works() -> None:
    return


async def is_away() -> None:
    raise ConnectionRefusedError


def probe(**environment: str) -> "subprocess.CompletedProcess[str]":
    command = [sys.executable, "-m", "qos_runtime.probe", "QOS_PROCESSING_PORT"]
    return subprocess.run(command, env=environment, capture_output=True, text=True, check=False)


@pytest.mark.parametrize(
    ("check", "code", "said"), [(works, 0, '"status": "ok"'), (is_away, 1, '"error": "ConnectionRefusedError"')]
)
async def test_a_service_is_as_ready_as_it_says(check: object, code: int, said: str) -> None:
    health = Health()
    health.add("database", check)
    async with health_server(health, CollectorRegistry(), host="127.0.0.1", port=0) as (_, port):
        found = await asyncio.to_thread(probe, QOS_PROCESSING_PORT=str(port))
    assert found.returncode == code
    assert said in found.stdout


def test_a_port_that_nobody_listens_on(free_port: int) -> None:
    found = probe(QOS_PROCESSING_PORT=str(free_port))
    assert (found.returncode, found.stderr) == (1, f"port {free_port} does not answer: ConnectionRefusedError\n")


def test_a_variable_that_holds_no_port() -> None:
    found = probe()
    assert found.returncode == 2
    assert "QOS_PROCESSING_PORT" in found.stderr

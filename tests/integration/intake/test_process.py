"""Intake as an operator runs it: a process with a socket, limits, signals and logs."""

import asyncio
import json
import os
import signal
import subprocess
import sys
import tomllib
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import psutil
import pytest

from qos_intake.settings import IntakeSettings
from qos_intake.sources import load_sources
from support.eventually import eventually
from support.intake import STRUCTURED, Keys, create, records_of, submitted
from support.services import RunningService, running_service

pytestmark = pytest.mark.real

MEGABYTE = 1_000_000


def environment(settings: IntakeSettings, port: int) -> dict[str, str]:
    return {
        "KAFKA_BOOTSTRAP_SERVERS": settings.kafka_bootstrap_servers,
        "DATABASE_URL": "",
        "QOS_TOPIC_PREFIX": settings.topic_prefix,
        "QOS_INTAKE_SOURCES_FILE": str(settings.sources_file),
        "QOS_INTAKE_PORT": str(port),
        "QOS_INTAKE_GROUP": settings.group,
        "QOS_INTAKE_BODY_TIMEOUT_SECONDS": "3",
        "QOS_LOG_FORMAT": "json",
        "QOS_LOG_LEVEL": "DEBUG",
    }


def recent(event_id: str, **changes: Any) -> dict[str, Any]:
    """A submission whose time is right whenever the test runs: its source takes events of any age."""
    return submitted(event_id, time="2025-05-02T23:50:00+09:00", **changes)


@pytest.fixture
def any_age(intake_settings: IntakeSettings, keys: Keys) -> IntakeSettings:
    text = keys.file.read_text(encoding="utf-8").replace("inbox = true", 'max_age_days = "unlimited"')
    keys.file.write_text(text, encoding="utf-8")
    asyncio.run(create(intake_settings))
    return intake_settings


def ready(port: int) -> str:
    return f"http://127.0.0.1:{port}/health/ready"


async def test_a_body_of_50_mb_is_refused_unread(any_age: IntakeSettings, keys: Keys, free_port: int) -> None:
    """Neither a declared nor an undeclared length brings it into memory; the connection's other events are taken."""
    headers = {"X-API-Key": keys.e_application, "Content-Type": STRUCTURED}

    async def endless() -> AsyncIterator[bytes]:
        for _ in range(50):
            yield b" " * MEGABYTE

    with running_service("qos_intake", environment(any_age, free_port), ready=ready(free_port)) as service:
        process = psutil.Process(service.pid)
        async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{free_port}", timeout=30) as http:
            before = process.memory_info().rss
            declared = await http.post("/v1/events", content=b" " * (50 * MEGABYTE), headers=headers)
            chunked = await http.post("/v1/events", content=endless(), headers=headers)
            file = await http.put(
                "/v1/procedures", content=b" " * (50 * MEGABYTE), headers=headers | {"Content-Type": "text/csv"}
            )
            grown = process.memory_info().rss - before
            good = await http.post("/v1/events", json=recent("e-1"), headers=headers)

    for response in (declared, chunked, file):
        assert response.status_code == 413
        assert (response.json()["reason"], response.json()["field"]) == ("body_too_large", "body")
    assert good.status_code == 202
    assert grown < 20 * MEGABYTE


async def test_a_body_that_does_not_come_is_not_waited_for(any_age: IntakeSettings, keys: Keys, free_port: int) -> None:
    with running_service("qos_intake", environment(any_age, free_port), ready=ready(free_port)):
        reader, writer = await asyncio.open_connection("127.0.0.1", free_port)
        head = (
            f"POST /v1/events HTTP/1.1\r\nHost: x\r\nX-API-Key: {keys.e_application}\r\nContent-Type: {STRUCTURED}\r\n"
        )
        writer.write(f"{head}Content-Length: 1000\r\n\r\n{{".encode())
        status = await asyncio.wait_for(reader.readline(), timeout=20)
        writer.close()
    assert b" 408 " in status


async def test_a_stop_finishes_the_requests_under_way(any_age: IntakeSettings, keys: Keys, free_port: int) -> None:
    half_sent, go_on = asyncio.Event(), asyncio.Event()

    async def slow() -> AsyncIterator[bytes]:
        document = json.dumps(recent("e-last")).encode()
        yield document[:50]
        half_sent.set()
        await go_on.wait()
        yield document[50:]

    def stopping(service: RunningService) -> bool:
        return any("Shutting down" in str(line.get("event")) for line in service.events())

    with running_service("qos_intake", environment(any_age, free_port), ready=ready(free_port)) as service:
        async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{free_port}", timeout=30) as http:
            headers = {"X-API-Key": keys.e_application, "Content-Type": STRUCTURED}
            request = asyncio.create_task(http.post("/v1/events", content=slow(), headers=headers))
            await half_sent.wait()
            os.kill(service.pid, signal.SIGTERM)
            await eventually(lambda: stopping(service))
            go_on.set()
            response = await request
        exit_code = await asyncio.to_thread(service.wait_for_exit)
        logs = service.logs()

    assert response.status_code == 202
    assert exit_code == 0
    [record] = await records_of(any_age, "applications")
    assert json.loads(record.value)["id"] == "e-last"
    assert keys.e_application not in logs
    assert "A-1" not in logs
    assert {line["service"] for line in map(json.loads, logs.splitlines())} == {"intake"}


def python(*arguments: str, **env: str) -> "subprocess.CompletedProcess[str]":
    named = {name: value for name, value in os.environ.items() if not name.startswith(("QOS_", "KAFKA_"))}
    return subprocess.run(
        [sys.executable, "-m", *arguments], env=named | env, capture_output=True, text=True, timeout=60, check=False
    )


def test_what_is_missing_is_said_and_nothing_is_started(tmp_path: Path) -> None:
    nothing = python("qos_intake")
    no_file = python("qos_intake", KAFKA_BOOTSTRAP_SERVERS="x:1", QOS_INTAKE_SOURCES_FILE=str(tmp_path / "none.toml"))

    assert (nothing.returncode, no_file.returncode) == (2, 2)
    assert nothing.stderr.startswith("KAFKA_BOOTSTRAP_SERVERS")
    assert no_file.stderr.startswith("QOS_INTAKE_SOURCES_FILE")
    assert "QOS_INTAKE_SOURCES_FILE" in python("qos_intake", "--help").stdout


def test_a_new_key_is_shown_once_beside_a_stanza_that_works(tmp_path: Path) -> None:
    made = python(
        "qos_intake.keys",
        "new",
        "--source",
        "urn:tokyo:joint",
        "--organisation",
        "waterworks",
        "--event-type",
        "review.*",
    )
    assert made.returncode == 0
    key = next(word for word in made.stdout.split() if word.startswith("qos_"))
    file = tmp_path / "sources.toml"
    file.write_text(made.stdout, encoding="utf-8")

    source = load_sources(file, max_age_days=400).authenticate(key)
    assert source is not None
    assert (source.uri, source.name) == ("urn:tokyo:joint", "urn-tokyo-joint")
    assert source.organisations == frozenset({"waterworks"})
    assert "review.started" in source.event_types
    assert key not in json.dumps(tomllib.loads(made.stdout))
    assert python("qos_intake.keys", "new", "--source", "not a uri", "--organisation", "x").returncode == 2

"""Who is staff must be said: the service doesn't start on a guess."""

import os
import subprocess
import sys
from hashlib import sha256
from typing import Any

import pytest

from qos_metrics.access import Gate
from qos_metrics.problems import StaffOnly
from qos_metrics.settings import MetricsSettings
from qos_runtime.errors import NotConfigured

TOKEN = "a token that only staff have"
ADDRESSES = {"KAFKA_BOOTSTRAP_SERVERS": "127.0.0.1:1", "DATABASE_URL": "postgresql://q@127.0.0.1:1/q"}


def settings(**more: Any) -> MetricsSettings:
    return MetricsSettings(kafka_bootstrap_servers="127.0.0.1:1", database_url="postgresql://q@127.0.0.1:1/q", **more)


def gate(**more: Any) -> Gate:
    return Gate(settings(**more))


def test_without_a_staff_token_it_does_not_start() -> None:
    ended = subprocess.run(
        [sys.executable, "-m", "qos_metrics"],
        env={**ADDRESSES, "PATH": os.environ["PATH"]},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert ended.returncode == 2
    assert "QOS_METRICS_STAFF_TOKEN_SHA256" in ended.stderr
    assert "Traceback" not in ended.stderr


def test_a_token_and_open_doors_exclude_each_other(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in {
        **ADDRESSES,
        "QOS_METRICS_STAFF_TOKEN_SHA256": sha256(b"x").hexdigest(),
        "QOS_METRICS_STAFF_OPEN": "true",
    }.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(NotConfigured, match="exclude each other"):
        MetricsSettings.from_environment()


def test_the_token_itself_is_no_hash(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in {**ADDRESSES, "QOS_METRICS_STAFF_TOKEN_SHA256": TOKEN}.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(NotConfigured, match="QOS_METRICS_STAFF_TOKEN_SHA256") as refused:
        MetricsSettings.from_environment()
    assert TOKEN not in str(refused.value)


def test_staff_show_their_token() -> None:
    closed = gate(staff_token_sha256=sha256(TOKEN.encode()).hexdigest())
    assert closed.admit("staff", f"Bearer {TOKEN}") == "staff"
    assert closed.admit("staff", f"bearer {TOKEN} ") == "staff"
    assert closed.admit("public", None) == "public"


@pytest.mark.parametrize("authorization", [None, "", "Bearer", "Bearer ", "Bearer x", f"Basic {TOKEN}", TOKEN])
def test_others_are_refused(authorization: str | None) -> None:
    closed = gate(staff_token_sha256=sha256(TOKEN.encode()).hexdigest())
    with pytest.raises(StaffOnly) as refused:
        closed.admit("staff", authorization)
    assert refused.value.presented is (authorization is not None)


def test_open_doors_let_everybody_in() -> None:
    assert gate(staff_open=True).admit("staff", None) == "staff"

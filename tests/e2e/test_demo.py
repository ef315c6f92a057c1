"""`qos demo` as a newcomer runs it, smaller: it ends with a table, a check, and nothing left running; twice."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil
import pytest

from support.eventually import eventually_sync


def environment(kafka: str, postgres: str, home: Path) -> dict[str, str]:
    given = {"KAFKA_BOOTSTRAP_SERVERS": kafka, "DATABASE_URL": postgres, "QOS_HOME": str(home), "COLUMNS": "140"}
    return {**os.environ, **given}


def children_of(pid: int) -> list[psutil.Process]:
    return [child for child in psutil.Process(pid).children(recursive=True) if child.is_running()]


@pytest.mark.timeout(300)
def test_a_demonstration_shows_its_table_checks_it_and_can_be_repeated(
    kafka: str, postgres: str, tmp_path: Path
) -> None:
    command = [sys.executable, "-m", "qos_local", "demo", "--once", "--cases", "600", "--workers", "1"]
    for _ in range(2):
        ended = subprocess.run(
            command, env=environment(kafka, postgres, tmp_path), capture_output=True, text=True, check=False
        )
        assert ended.returncode == 0, ended.stdout + ended.stderr
        for name in ("Water supply contract", "High-school tuition support", "Tender qualification"):
            assert name in ended.stdout
        assert "figures equal those of `qos fold`" in ended.stdout
    assert not list(tmp_path.glob("*.pid"))


@contextmanager
def started(kafka: str, postgres: str, home: Path, *options: str) -> Iterator["subprocess.Popen[bytes]"]:
    """A demonstration whose output goes to `out` in its home; killed when the block ends with it still running."""
    with (home / "out").open("wb") as out:
        demo = subprocess.Popen(
            [sys.executable, "-m", "qos_local", "demo", "--workers", "1", *options],
            env=environment(kafka, postgres, home),
            stdout=out,
            stderr=subprocess.STDOUT,
        )
    try:
        yield demo
    finally:
        if demo.poll() is None:
            demo.kill()
            demo.wait()


@pytest.mark.timeout(300)
def test_ctrl_c_ends_the_live_traffic_and_every_process(kafka: str, postgres: str, tmp_path: Path) -> None:
    def printed() -> str:
        return (tmp_path / "out").read_text(encoding="utf-8")

    with started(kafka, postgres, tmp_path, "--cases", "300", "--rate", "20") as demo:
        eventually_sync(lambda: "Quality map" in printed() or demo.poll() is not None, within=150.0)
        assert demo.poll() is None, printed()
        children = children_of(demo.pid)
        assert len(children) == 3
        demo.send_signal(signal.SIGINT)
        assert demo.wait(timeout=60) == 0, printed()
    assert not [child for child in children if child.is_running()]
    assert "Stopped." in printed()


@pytest.mark.timeout(120)
def test_a_demonstration_that_is_ended_while_it_starts_leaves_nothing_running(
    kafka: str, postgres: str, tmp_path: Path
) -> None:
    with started(kafka, postgres, tmp_path, "--once", "--cases", "300") as demo:
        children = eventually_sync(lambda: children_of(demo.pid), within=60.0)
        demo.send_signal(signal.SIGTERM)
        demo.send_signal(signal.SIGINT)
        assert demo.wait(timeout=60) == 130
    assert not [child for child in children if child.is_running()]

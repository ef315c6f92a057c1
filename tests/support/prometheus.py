"""A real Prometheus (Debian's) that scrapes running services, and answers queries as Grafana asks them."""

import json
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx

from qos_local.stack.processes import choose_port
from support.binaries import binary
from support.eventually import eventually_sync

SCRAPE_SECONDS = 1


@dataclass(frozen=True, slots=True)
class Prometheus:
    url: str

    def query(self, expression: str) -> list[dict[str, Any]]:
        """The samples of an expression now. Raises AssertionError with what Prometheus says where it refuses it."""
        answer = httpx.get(f"{self.url}/api/v1/query", params={"query": expression}, timeout=30.0).json()
        assert answer["status"] == "success", f"{expression}: {answer.get('error')}"
        found: list[dict[str, Any]] = answer["data"]["result"]
        return found


@contextmanager
def running_prometheus(directory: Path, jobs: Mapping[str, Sequence[str]]) -> Iterator[Prometheus]:
    """Prometheus with jobs of these addresses (`host:port`), once it has scraped them all."""
    config = directory / "prometheus.yml"
    # JSON is YAML, too.
    config.write_text(
        json.dumps(
            {
                "global": {"scrape_interval": f"{SCRAPE_SECONDS}s"},
                "scrape_configs": [
                    {"job_name": job, "static_configs": [{"targets": targets}]} for job, targets in jobs.items()
                ],
            }
        ),
        encoding="utf-8",
    )
    prometheus = Prometheus(f"http://127.0.0.1:{choose_port()}")
    log = directory / "prometheus.log"
    with log.open("wb") as out:
        process = subprocess.Popen(
            [
                binary("prometheus"),
                f"--config.file={config}",
                f"--storage.tsdb.path={directory / 'tsdb'}",
                f"--web.listen-address={prometheus.url.removeprefix('http://')}",
                "--log.level=warn",
            ],
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=subprocess.STDOUT,
        )

    def has_scraped_all() -> bool:
        assert process.poll() is None, log.read_text("utf-8")
        try:
            up = prometheus.query("up == 1")
        except httpx.TransportError:
            return False
        return len(up) == sum(map(len, jobs.values()))

    try:
        eventually_sync(has_scraped_all, within=60.0)
        yield prometheus
    finally:
        process.terminate()
        process.wait(timeout=20)

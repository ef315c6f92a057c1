"""The whole system for a test: fresh topics and database, intake, workers and metrics as processes."""

import asyncio
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
from prometheus_client.parser import text_string_to_metric_families

from qos_intake.keys import new_key, stanza
from qos_local.stack.processes import choose_port
from qos_processing.migrate import migrate
from qos_runtime.kafka import admin_client
from qos_runtime.metric_defs import PROCESSING_EVENTS
from qos_runtime.settings import RuntimeSettings
from qos_runtime.topics import create_topics
from support.eventually import eventually_sync
from support.services import RunningService, running_service
from support.stack import environment_of


@dataclass(frozen=True, slots=True)
class System:
    """Where the services are. `keys` are the API keys by source."""

    intake_url: str
    metrics_url: str
    worker_urls: Sequence[str]
    intake: RunningService
    metrics: RunningService
    workers: Sequence[RunningService]
    keys: Mapping[str, str]

    def ask(self, path: str, **parameters: object) -> Any:
        """What the metrics API answers to staff. Raises AssertionError with the answer when that is not 200."""
        wanted = {"audience": "staff", **{name: str(value) for name, value in parameters.items()}}
        response = httpx.get(f"{self.metrics_url}{path}", params=wanted, timeout=60.0)
        assert response.status_code == 200, f"{path}: {response.status_code} {response.text}"
        return response.json()

    def committed_records(self, *outcomes: str) -> int:
        """Records that the running workers have committed: all of them, or those of these outcomes."""
        total = 0.0
        for url in self.worker_urls:
            exposition = httpx.get(f"{url}/metrics", timeout=10.0).text
            for family in text_string_to_metric_families(exposition):
                if family.name == PROCESSING_EVENTS.name:
                    total += sum(
                        sample.value
                        for sample in family.samples
                        if sample.name.endswith("_total") and (not outcomes or sample.labels["outcome"] in outcomes)
                    )
        return int(total)

    def wait_until_processed(self, records: int, *, within: float = 120.0) -> None:
        """Return when so many records are committed since the start, and the API says that nothing waits."""

        def processed() -> bool:
            assert self.committed_records() >= records
            freshness = self.ask("/v1/procedures", limit=1)["freshness"]
            return freshness["lag_seconds"] == 0 and freshness["pending_rejudgements"] == 0

        eventually_sync(processed, within=within)


@contextmanager
def running_system(
    settings: RuntimeSettings,
    directory: Path,
    *,
    sources: Sequence[str],
    workers: int = 1,
    environment: Mapping[str, str] | None = None,
) -> Iterator[System]:
    """The system of these settings until the block ends; every source may emit anything of any age."""
    asyncio.run(_prepare(settings))
    keys = {source: new_key() for source in sources}
    entries = (
        stanza(key=key, source=source, name=re.sub(r"[/:]", "-", source), max_age_days="unlimited")
        for source, key in keys.items()
    )
    sources_file = directory / "sources.toml"
    sources_file.write_text("\n".join(entries), encoding="utf-8")
    shared = {**environment_of(settings), **(environment or {})}
    intake, metrics, *processing = (choose_port() for _ in range(2 + workers))
    with ExitStack() as stack:

        def start(module: str, port: int, **own: str) -> RunningService:
            ready = f"http://127.0.0.1:{port}/health/ready"
            return stack.enter_context(running_service(module, {**shared, **own}, ready=ready, ready_within=60.0))

        running = [start("qos_processing", port, QOS_PROCESSING_PORT=str(port)) for port in processing]
        entry = start("qos_intake", intake, QOS_INTAKE_PORT=str(intake), QOS_INTAKE_SOURCES_FILE=str(sources_file))
        api = start("qos_metrics", metrics, QOS_METRICS_PORT=str(metrics), QOS_METRICS_STAFF_OPEN="true")
        yield System(
            intake_url=f"http://127.0.0.1:{intake}",
            metrics_url=f"http://127.0.0.1:{metrics}",
            worker_urls=[f"http://127.0.0.1:{port}" for port in processing],
            intake=entry,
            metrics=api,
            workers=running,
            keys=keys,
        )


async def _prepare(settings: RuntimeSettings) -> None:
    await migrate(settings.database_url)
    async with admin_client(settings) as admin:
        await create_topics(admin, settings)

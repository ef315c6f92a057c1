"""What the Deployments do until the migrations are through: nothing has to be applied in an order."""

import httpx
import pytest

from qos_processing.migrate import migrate
from qos_runtime.kafka import admin_client
from qos_runtime.settings import RuntimeSettings
from qos_runtime.topics import create_topics
from support.eventually import eventually
from support.services import running_service
from support.stack import environment_of

pytestmark = pytest.mark.real


async def test_services_that_come_before_the_tables_work_once_these_are_there(
    runtime_settings: RuntimeSettings, free_port: int
) -> None:
    async with admin_client(runtime_settings) as admin:
        await create_topics(admin, runtime_settings)
    told = environment_of(runtime_settings)
    reading = {**told, "QOS_METRICS_PORT": str(free_port), "QOS_METRICS_STAFF_OPEN": "true"}
    url = f"http://127.0.0.1:{free_port}/health"
    async with httpx.AsyncClient(timeout=30) as http:

        async def is_ready() -> bool:
            return (await http.get(f"{url}/ready")).status_code == 200

        with running_service("qos_metrics", reading, ready=f"{url}/live") as metrics:
            # A worker ends, and its orchestrator starts it again.
            with running_service("qos_processing", {**told, "QOS_PROCESSING_PORT": "0"}) as worker:
                assert worker.wait_for_exit(within=60) == 1
                [crash] = worker.events("worker_crashed")
                assert "has no tables" in crash["error"]
            # Metrics waits: not ready, so that nobody is sent to it.
            assert not await is_ready()
            await migrate(runtime_settings.database_url)
            assert await eventually(is_ready, within=60)
            assert metrics.exit_code is None

"""What a worker says of itself: alive, ready, how far behind."""

import httpx
from prometheus_client.parser import text_string_to_metric_families

from support.eventually import eventually
from support.numbered import Numbered

SLOW = {
    "NUMBERED_SECONDS_A_BATCH": "1",
    "QOS_PROCESSING_BATCH_RECORDS": "100",
    "QOS_PROCESSING_BEHIND_SECONDS": "0.5",
}


def metrics(text: str) -> dict[tuple[str, ...], float]:
    """(name, label values in the order of the labels' names) -> value."""
    return {
        (sample.name, *(value for _, value in sorted(sample.labels.items()))): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


async def test_lag_readiness_and_partitions_of_a_worker_in_a_backlog(numbered: Numbered, free_port: int) -> None:
    await numbered.send(map(str, range(700)), partition=2)
    base = f"http://127.0.0.1:{free_port}"
    with numbered.worker(QOS_PROCESSING_PORT=str(free_port), **SLOW) as worker:
        worker.wait_until_ready(f"{base}/health/ready")
        async with httpx.AsyncClient(base_url=base) as client:

            async def measured() -> dict[tuple[str, ...], float]:
                return metrics((await client.get("/metrics")).text)

            topic = numbered.settings.topic("applications")

            async def behind() -> bool:
                return (await measured()).get(("qos_processing_lag_records", "2", topic), 0) > 0

            await eventually(behind, within=60)
            found = await measured()
            assert 0 < found["qos_processing_lag_records", "2", topic] <= 700
            assert found["qos_processing_lag_seconds", "2", topic] > 0.5
            assert found["qos_processing_lag_records", "3", topic] == 0
            assert found["qos_processing_lag_seconds", "3", topic] == 0
            assert found["qos_processing_partitions", topic] == 8
            assert (await client.get("/health/live")).json()["status"] == "ok"
            ready = await client.get("/health/ready")
            assert (ready.status_code, ready.json()["status"]) == (200, "degraded")
            assert {name: each["error"] for name, each in ready.json()["checks"].items()} == {
                "group": None,
                "kafka": None,
                "lag": "Behind",
            }

            async def caught_up() -> bool:
                found = await measured()
                return (
                    found["qos_processing_lag_records", "2", topic] == 0
                    and found["qos_processing_lag_seconds", "2", topic] == 0
                    and found[("qos_processing_batch_records_sum",)] == 700
                )

            await eventually(caught_up, within=60)
            assert (await client.get("/health/ready")).json()["status"] == "ok"
            found = await measured()
            assert found[("qos_processing_batch_seconds_count",)] == 7
            assert found["qos_processing_delay_seconds_count", "applications"] == 7

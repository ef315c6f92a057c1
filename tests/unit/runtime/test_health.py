"""Whether a service can work: its checks, and the small server that tells."""

import asyncio

import httpx
from prometheus_client import CollectorRegistry

from qos_runtime.health import Health
from qos_runtime.health_server import health_server
from qos_runtime.metric_defs import OUTBOX_PENDING


async def works() -> None:
    return


async def fails() -> None:
    raise ConnectionRefusedError("postgresql://qos:secret@database/qos")


async def hangs() -> None:
    await asyncio.Event().wait()


async def test_a_service_is_ready_when_all_its_checks_pass() -> None:
    health = Health()
    health.add("kafka", works)
    assert (await health.ready()).status_code == 200
    health.add("postgres", fails)
    report = await health.ready()
    assert report.status_code == 503
    assert report.document() == {
        "status": "failing",
        "checks": {"kafka": {"ok": True, "error": None}, "postgres": {"ok": False, "error": "ConnectionRefusedError"}},
    }


async def test_what_is_only_wanted_makes_it_degraded_and_still_ready() -> None:
    health = Health()
    health.add("kafka", works)
    health.add_wanted("lag", fails)
    report = await health.ready()
    assert (report.status, report.status_code) == ("degraded", 200)
    assert report.document()["checks"] == {
        "kafka": {"ok": True, "error": None},
        "lag": {"ok": False, "error": "ConnectionRefusedError"},
    }
    health.add("postgres", fails)
    assert (await health.ready()).status == "failing"


async def test_a_check_that_hangs_fails_in_time() -> None:
    health = Health(timeout_seconds=0.05)
    health.add("kafka", hangs)
    report = await asyncio.wait_for(health.ready(), timeout=5)
    assert report.checks["kafka"].error == "TimeoutError"


async def test_a_dependency_that_is_away_does_not_make_the_service_dead() -> None:
    health = Health()
    health.add("postgres", fails)
    assert (await health.live()).ok


async def test_the_small_server_answers_probes_and_scrapes() -> None:
    health, registry = Health(), CollectorRegistry()
    health.add("postgres", fails)
    OUTBOX_PENDING.gauge(registry).labels("qos-levels").set(3)
    async with health_server(health, registry, host="127.0.0.1", port=0) as (host, port):
        async with httpx.AsyncClient(base_url=f"http://{host}:{port}") as client:
            assert (await client.get("/health/live")).json() == {"status": "ok", "checks": {}}
            ready = await client.get("/health/ready")
            assert ready.status_code == 503
            assert ready.json()["checks"]["postgres"]["error"] == "ConnectionRefusedError"
            assert 'qos_outbox_pending{topic="qos-levels"} 3.0' in (await client.get("/metrics")).text
            assert (await client.get("/elsewhere")).status_code == 404
            assert (await client.post("/metrics")).status_code == 405
        reader, writer = await asyncio.open_connection(host, port)
        writer.write(b"GET /" + b"x" * 100_000)
        assert await reader.read() == b""
        writer.close()

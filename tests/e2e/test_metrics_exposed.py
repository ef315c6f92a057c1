"""Every metric that is documented is exposed by a running service, and no service exposes another one."""

import asyncio
from datetime import datetime, timedelta
from pathlib import Path

import httpx
from prometheus_client.parser import text_string_to_metric_families
from prometheus_client.samples import Sample

from qos_domain.acceptance import AcceptanceRules, encode_cloudevent
from qos_domain.events import Event
from qos_runtime.kafka import producer
from qos_runtime.metric import Kind, Metric
from qos_runtime.metric_defs import ALL
from qos_runtime.settings import RuntimeSettings
from support.builders import TOKYO, happened, registered
from support.eventually import eventually_sync
from support.system import System, running_system
from support.verifying import verifier

SOURCE = "e-application/test"
# What isn't there in a system in which nothing goes wrong, and why.
ABSENT = {
    "qos_intake_relayed": "no source has an inbox topic",
    "qos_processing_retries": "the database was never away",
    "qos_rebuild_records": "no rebuild is going on",
}
QUICKLY = {"QOS_METRICS_GAUGES_EVERY_SECONDS": "0.5"}


def day(days_ago: int) -> str:
    return (datetime.now(TOKYO).date() - timedelta(days_ago)).isoformat()


def story() -> list[Event]:
    """A priority procedure with a case that stopped in time, was paid and rated, and one that is open since a month."""
    arrived, stopped = day(3), day(2)
    return [
        registered(at="2020-04-01", type="procedure.registered", priority=True),
        happened("application.submitted", f"{arrived} 09:00", channel="online"),
        happened("application.fee_paid", f"{arrived} 09:05", payment_id="P-1", method="card", amount_yen=500),
        happened("notification.sent", f"{stopped} 12:00", channel="electronic"),
        happened("feedback.submitted", f"{stopped} 13:00", rating=4, channel="online"),
        happened("application.submitted", f"{day(30)} 09:00", application="A-2", channel="counter"),
    ]


def send(system: System, events: list[Event]) -> None:
    rules = AcceptanceRules()
    for event in events:
        own = Event(source=SOURCE, id=event.id, time=event.time, data=event.data)
        answer = httpx.post(
            f"{system.intake_url}/v1/events",
            content=encode_cloudevent(own, rules),
            headers={"Content-Type": "application/cloudevents+json", "Authorization": f"Bearer {system.keys[SOURCE]}"},
        )
        assert answer.status_code < 300, answer.text


async def poison(settings: RuntimeSettings) -> None:
    sender = producer(settings, client_id="test")
    await sender.start()
    try:
        await sender.send_and_wait(settings.topic("applications"), b"{", key=b"road-occupation")
    finally:
        await sender.stop()


def families(url: str) -> dict[str, list[Sample]]:
    """Samples by the name of their family, of metrics that are ours."""
    exposition = httpx.get(f"{url}/metrics", timeout=30.0).text
    found = {family.name: family.samples for family in text_string_to_metric_families(exposition)}
    return {name: samples for name, samples in found.items() if name.startswith("qos_")}


def names(metric: Metric) -> set[str]:
    """The families that a metric is scraped as."""
    match metric.kind:
        case Kind.INFO:
            return {f"{metric.name}_info"}
        case Kind.GAUGE_HISTOGRAM:
            return {metric.name, f"{metric.name}_gcount", f"{metric.name}_gsum"}
        case _:
            return {metric.name}


def test_what_is_documented_is_what_is_exposed(runtime_settings: RuntimeSettings, tmp_path: Path) -> None:
    with running_system(runtime_settings, tmp_path, sources=[SOURCE], environment=QUICKLY) as system:
        asyncio.run(poison(runtime_settings))
        send(system, story())
        asyncio.run(verifier(runtime_settings)())
        services = (system.intake_url, *system.worker_urls, system.metrics_url)

        def exposed() -> dict[str, list[Sample]]:
            return {name: samples for url in services for name, samples in families(url).items()}

        def complete() -> dict[str, list[Sample]]:
            found = exposed()
            missing = {metric.name for metric in ALL if not all(found.get(name) for name in names(metric))}
            assert missing == set(ABSENT)
            return found

        found = eventually_sync(complete, within=60.0)
        assert set(found) <= {name for metric in ALL for name in names(metric)}
        for metric in ALL:
            for sample in found[min(names(metric))]:
                assert set(sample.labels) - {"le"} == set(metric.labels), metric.name
        reasons = {sample.labels["reason"]: sample.value for sample in found["qos_dead_letters"] if sample.value}
        assert reasons == {"malformed_json": 1}
        assert [sample.value for sample in found["qos_leader"]] == [1]

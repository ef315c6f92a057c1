"""One request is followed from its caller to the transaction; and the log of a running service says more when asked."""

import signal
from collections.abc import Iterator, Sequence
from pathlib import Path

import httpx
import pytest

from qos_runtime.settings import RuntimeSettings
from support.collector import CollectedSpan, Collector, running_collector
from support.eventually import eventually_sync
from support.intake import STRUCTURED, submitted
from support.services import RunningService
from support.system import System, running_system

SOURCE = "joint/e-application"
APPLICATION = "A-2025-000123"
CALLER = "b7ad6b7169203331"
FRIDAY, MONDAY, TUESDAY = (f"{day:032x}" for day in (0x20250502, 0x20250505, 0x20250506))


@pytest.fixture
def collector() -> Iterator[Collector]:
    with running_collector() as running:
        yield running


def test_a_request_is_followed_to_its_transaction_and_the_log_can_say_more(
    runtime_settings: RuntimeSettings, tmp_path: Path, collector: Collector
) -> None:
    environment = {
        "QOS_TRACING": "otlp",
        "OTEL_EXPORTER_OTLP_ENDPOINT": collector.endpoint,
        "OTEL_BSP_SCHEDULE_DELAY": "100",
    }
    with running_system(runtime_settings, tmp_path, sources=[SOURCE], environment=environment) as system:
        topic = runtime_settings.topic("applications")
        follow_one_application(system, collector, topic)
        a_caller_that_names_no_span_is_answered_all_the_same(system, collector, topic)
        a_question_shows_its_queries(system, collector)
        the_log_says_more_for_a_while(system, collector)
        logs = [service.logs() for service in (system.intake, *system.workers, system.metrics)]
    assert {span.service for span in collector.spans()} == {"qos-intake", "qos-processing", "qos-metrics"}
    for span in collector.spans():
        for secret in (APPLICATION, "water-supply", SOURCE, *system.keys.values()):
            assert secret not in str(span)
        assert not span.attributes.keys() & {"client.address", "user_agent.original"}
    for log in logs:
        assert APPLICATION not in log


def post(system: System, event_id: str, traceparent: str) -> None:
    """On Friday, 2 May 2025, half an hour before midnight, somebody applies for a water supply contract."""
    event = submitted(event_id, source=SOURCE, time="2025-05-02T23:30:00+09:00", data={"application_id": APPLICATION})
    headers = {"X-API-Key": system.keys[SOURCE], "Content-Type": STRUCTURED, "traceparent": traceparent}
    answer = httpx.post(f"{system.intake_url}/v1/events", json=event, headers=headers, timeout=30)
    assert answer.status_code == 202, answer.text


def only(spans: Sequence[CollectedSpan]) -> CollectedSpan:
    assert len(spans) == 1, spans
    return spans[0]


def transaction_of(collector: Collector, sent: CollectedSpan) -> CollectedSpan:
    """The span of the transaction that says that it works on what `sent` sent."""

    def linked() -> list[CollectedSpan]:
        name = sent.name.replace("send", "process")
        return [span for span in collector.spans("qos-processing", name) if (sent.trace_id, sent.span_id) in span.links]

    return only(eventually_sync(linked))


def follow_one_application(system: System, collector: Collector, topic: str) -> None:
    post(system, "e-1", f"00-{FRIDAY}-{CALLER}-01")
    request = only(eventually_sync(lambda: collector.spans("qos-intake", "POST /v1/events")))
    assert (request.kind, request.trace_id, request.parent_id) == ("SERVER", FRIDAY, CALLER)
    assert request.attributes["http.response.status_code"] == 202
    sent = only(eventually_sync(lambda: collector.spans("qos-intake", f"send {topic}")))
    assert (sent.kind, sent.trace_id, sent.parent_id) == ("PRODUCER", FRIDAY, request.span_id)
    transaction = transaction_of(collector, sent)
    assert (transaction.kind, transaction.trace_id, transaction.parent_id) == ("CONSUMER", FRIDAY, sent.span_id)
    assert transaction.attributes["messaging.batch.message_count"] == 1
    assert transaction.attributes["qos.offsets"][0].startswith("applications-")
    parts = {span.name: span for span in collector.spans("qos-processing") if span.parent_id == transaction.span_id}
    assert {"accept", "fold", "BEGIN", "INSERT cases", "COMMIT"} <= parts.keys()
    assert {parts["accept"].kind, parts["COMMIT"].kind} == {"INTERNAL", "CLIENT"}


def a_caller_that_names_no_span_is_answered_all_the_same(system: System, collector: Collector, topic: str) -> None:
    post(system, "e-2", "00-taro-yamada-01")

    def requests() -> list[CollectedSpan]:
        return [span for span in collector.spans("qos-intake", "POST /v1/events") if span.trace_id != FRIDAY]

    request = only(eventually_sync(requests))
    assert request.parent_id == ""
    transaction = transaction_of(
        collector, only(eventually_sync(lambda: collector.spans(name=f"send {topic}", trace_id=request.trace_id)))
    )
    assert transaction.trace_id == request.trace_id
    assert system.committed_records("dead_letter") == 0


def a_question_shows_its_queries(system: System, collector: Collector) -> None:
    system.ask("/v1/indicators")
    request = only(eventually_sync(lambda: collector.spans("qos-metrics", "GET /v1/indicators")))
    queries = [span for span in collector.spans("qos-metrics", trace_id=request.trace_id) if span.kind == "CLIENT"]
    assert {"BEGIN", "SELECT generations", "COMMIT"} <= {span.name for span in queries}
    assert all(span.attributes["db.system.name"] == "postgresql" for span in queries)
    assert not [span for span in collector.spans() if span.attributes.get("http.route") == "/health/ready"]


def the_log_says_more_for_a_while(system: System, collector: Collector) -> None:
    [worker] = system.workers
    services = (system.intake, worker, system.metrics)
    assert not any(service.events("request_answered") for service in services)
    change_level(services, signal.SIGUSR1, "DEBUG")
    post(system, "e-3", f"00-{MONDAY}-{CALLER}-01")
    transaction = only(eventually_sync(lambda: collector.spans("qos-processing", trace_id=MONDAY, kind="CONSUMER")))
    [answered] = [line for line in system.intake.events("request_answered") if line["route"] == "/v1/events"]
    assert (answered["trace_id"], answered["status"], answered["level"]) == (MONDAY, 202, "debug")
    [committed] = worker.events("batches_committed")
    assert (committed["trace_id"], committed["span_id"]) == (MONDAY, transaction.span_id)
    system.ask("/v1/indicators")
    assert [line for line in system.metrics.events("request_answered") if line["route"] == "/v1/indicators"]

    change_level(services, signal.SIGUSR2, "INFO")
    said = [details(service) for service in services]
    post(system, "e-4", f"00-{TUESDAY}-{CALLER}-01")
    eventually_sync(lambda: collector.spans("qos-processing", trace_id=TUESDAY, kind="CONSUMER"))
    system.ask("/v1/indicators")
    assert [details(service) for service in services] == said


def details(service: RunningService) -> int:
    return sum(line["level"] == "debug" for line in service.events())


def change_level(services: Sequence[RunningService], number: signal.Signals, level: str) -> None:
    for service in services:
        service.send(number)

    def changed() -> bool:
        return all(any(line["to"] == level for line in each.events("log_level_changed")) for each in services)

    eventually_sync(changed)

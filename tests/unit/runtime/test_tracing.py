"""What is told of a request and of a transaction, and what is not."""

import json
import logging
from importlib import import_module
from io import StringIO
from pkgutil import iter_modules
from types import ModuleType

import httpx
import pytest
from fastapi import FastAPI, HTTPException
from hypothesis import given
from hypothesis import strategies as st
from opentelemetry.semconv import attributes as stable
from opentelemetry.semconv._incubating import attributes as developing
from opentelemetry.trace import SpanKind, format_span_id, format_trace_id

from qos_runtime.logging import configure_logging, get_logger
from qos_runtime.tracing import PROBES, Received
from qos_runtime.tracing.otel import MOST_LINKS
from qos_runtime.tracing.queries import summary_of
from support.tracing import CALLER, Recorded, attributes_of, context_of, records, sampled, sender

# A server's spans.


def application(recorded: Recorded) -> FastAPI:
    app = FastAPI(telemetry=recorded.tracing().of_requests(untraced=PROBES))

    @app.get("/v1/procedures/{procedure_id}/applications/{application_id}")
    async def case(procedure_id: str, application_id: str) -> None:
        if application_id == "A-404":
            raise HTTPException(404)
        if application_id == "A-500":
            raise ValueError(f"{procedure_id}, {application_id}")

    @app.get("/health/ready")
    async def ready() -> None:
        """Asked for every few seconds."""

    return app


async def ask(recorded: Recorded, path: str, **headers: str) -> httpx.Response:
    transport = httpx.ASGITransport(application(recorded), raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url="http://qos") as http:
        return await http.get(path, headers=headers)


async def test_a_request_continues_the_callers_trace(recorded: Recorded) -> None:
    await ask(recorded, "/v1/procedures/water/applications/A-1?token=secret", traceparent=CALLER)
    [span] = recorded.spans
    assert span.name == "GET /v1/procedures/{procedure_id}/applications/{application_id}"
    assert span.kind is SpanKind.SERVER
    assert span.parent is not None
    assert f"00-{format_trace_id(context_of(span).trace_id)}-{format_span_id(span.parent.span_id)}-01" == CALLER


async def test_of_a_request_its_route_is_told_and_nothing_that_names_anybody(recorded: Recorded) -> None:
    known = {
        "user-agent": "Taro's telephone",
        "traceparent": CALLER,
        "tracestate": "taro=yamada",
        "baggage": "name=taro",
    }
    await ask(recorded, "/v1/procedures/water/applications/A-1?token=secret", **known)
    [span] = recorded.spans
    assert attributes_of(span) == {
        "http.request.method": "GET",
        "http.route": "/v1/procedures/{procedure_id}/applications/{application_id}",
        "http.response.status_code": 200,
        "network.protocol.version": "1.1",
        "server.address": "qos",
        "server.port": 80,
        "url.scheme": "http",
        "url.path": "REDACTED",
        "url.query": "REDACTED",
    }
    for secret in ("water", "A-1", "token", "taro", "Taro"):
        assert secret not in span.to_json()


@pytest.mark.parametrize(
    "traceparent", ["taro", "", "00-0-0-01", f"{CALLER}-taro", CALLER.replace("0af7", "zzzz"), "00-" + "0" * 32]
)
async def test_a_traceparent_that_names_no_span_is_ignored(recorded: Recorded, traceparent: str) -> None:
    answer = await ask(recorded, "/v1/procedures/water/applications/A-1", traceparent=traceparent)
    [span] = recorded.spans
    assert answer.status_code == 200
    assert span.parent is None


async def test_what_fails_is_marked_with_the_errors_class_and_not_its_text(recorded: Recorded) -> None:
    assert (await ask(recorded, "/v1/procedures/water/applications/A-500")).status_code == 500
    [span] = recorded.spans
    assert not span.status.is_ok
    assert attributes_of(span)["error.type"] == "ValueError"
    assert "A-500" not in span.to_json()


async def test_what_the_client_did_wrong_is_no_failure_of_ours(recorded: Recorded) -> None:
    await ask(recorded, "/v1/procedures/water/applications/A-404")
    await ask(recorded, "/wp-admin/taro.yamada@example.jp")
    assert [span.status.is_ok for span in recorded.spans] == [True, True]
    assert recorded.names[1] == "GET"
    assert "taro" not in recorded.spans[1].to_json()


async def test_who_watches_the_service_leaves_no_trace(recorded: Recorded) -> None:
    assert (await ask(recorded, "/health/ready", traceparent=CALLER)).status_code == 200
    assert recorded.names == []


# Records.


def test_records_name_the_span_that_sends_them(recorded: Recorded) -> None:
    with recorded.tracing().sending(["applications", "applications"], 2) as span:
        [(name, traceparent)] = span.headers
    sent = context_of(recorded.only("send t.applications"))
    assert name == "traceparent"
    assert traceparent.decode().startswith(f"00-{format_trace_id(sent.trace_id)}-{format_span_id(sent.span_id)}-")
    assert sampled(traceparent)


def test_a_transaction_is_linked_to_every_sender(recorded: Recorded) -> None:
    received = [
        Received("applications", 3, records(sender(1), sender(1), sender(2))),
        Received("reviews", 3, records(sender(3), None)),
        Received("feedback", 3, []),
    ]
    with recorded.tracing().processing(received):
        pass
    span = recorded.only("process")
    assert [link.context.span_id for link in span.links] == [1, 2, 3]
    assert span.parent is None
    assert attributes_of(span) == {
        "messaging.system": "kafka",
        "messaging.operation.name": "process",
        "messaging.operation.type": "process",
        "messaging.batch.message_count": 5,
        "messaging.consumer.group.name": "qos-processing",
        "messaging.destination.partition.id": "3",
        "qos.offsets": ("applications-3 0..2", "reviews-3 0..1"),
        "qos.senders": 3,
    }


def test_with_one_sender_its_trace_goes_on(recorded: Recorded) -> None:
    with recorded.tracing().processing([Received("applications", 0, records(sender(7), sender(7)))], group="inbox"):
        pass
    span = recorded.only("process t.applications")
    assert context_of(span).trace_id == 7
    assert [link.context.span_id for link in span.links] == [7]
    assert attributes_of(span)["messaging.consumer.group.name"] == "inbox"


def test_a_batch_of_thousands_has_a_bounded_number_of_links(recorded: Recorded) -> None:
    senders = [sender(number) for number in range(1, 5_001)]
    with recorded.tracing().processing([Received("applications", 0, records(*senders))]):
        pass
    span = recorded.only("process t.applications")
    assert len(span.links) == MOST_LINKS
    assert attributes_of(span)["qos.senders"] == 5_000


@pytest.mark.parametrize("header", [None, b"", b"taro", b"\xff\xfe", b"00-" + b"f" * 52, b"0" * 10_000])
def test_a_header_that_names_no_span_is_ignored(recorded: Recorded, header: bytes | None) -> None:
    with recorded.tracing().processing([Received("applications", 0, records(header))]):
        pass
    span = recorded.only("process t.applications")
    assert (span.parent, list(span.links)) == (None, [])


@given(st.lists(st.one_of(st.none(), st.binary(max_size=60), st.from_regex(rb"00-[0-9a-f-]{52}", fullmatch=True))))
def test_no_header_keeps_records_from_being_worked_on(headers: list[bytes | None]) -> None:
    recorded = Recorded()
    with recorded.tracing().processing([Received("applications", 0, records(*headers))]) as span:
        span.count("qos.events.repeated", 1)
    assert recorded.names == ["process t.applications"]


# The log.


def test_the_lines_of_a_transaction_carry_its_ids(recorded: Recorded, written: StringIO) -> None:
    configure_logging(service="qos-test", traced=True, stream=written)
    with recorded.tracing().processing([Received("applications", 0, records(sender(7)))]):
        get_logger("x").info("batches_committed", partition=0)
        logging.getLogger("uvicorn.error").warning("as well")
    get_logger("x").info("afterwards")
    inside, library, after = (json.loads(line) for line in written.getvalue().splitlines())
    span = context_of(recorded.only("process t.applications"))
    assert inside["trace_id"] == library["trace_id"] == format_trace_id(7)
    assert inside["span_id"] == library["span_id"] == format_span_id(span.span_id)
    assert not after.keys() & {"trace_id", "span_id"}


# Names.


@pytest.mark.parametrize(
    ("statement", "summary"),
    [
        ("\n  SELECT c.* FROM unnest($2::text[]) AS k JOIN cases c ON true JOIN cases d ON true", "SELECT cases"),
        ("INSERT INTO cases (a) SELECT $1 ON CONFLICT (a) DO UPDATE SET a = excluded.a", "INSERT cases"),
        ("WITH n AS (UPDATE outbox SET a = $1) DELETE FROM outbox WHERE b", "UPDATE outbox DELETE outbox"),
        ("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY;", "BEGIN"),
    ],
)
def test_a_query_is_told_by_what_it_does_to_which_tables(statement: str, summary: str) -> None:
    assert summary_of(statement) == summary


async def test_attributes_are_those_of_the_semantic_conventions_or_our_own(recorded: Recorded) -> None:
    tracing = recorded.tracing()
    await ask(recorded, "/v1/procedures/water/applications/A-500")
    with tracing.sending(["applications"], 1) as span:
        span.failed("TransientFailure")
    with tracing.processing([Received("applications", 0, records(sender(1)))]) as span:
        span.count("qos.events.repeated", 1)
    used = {name for span in recorded.spans for name in attributes_of(span)}
    known = {
        value
        for package in (stable, developing)
        for module in _modules(package)
        for value in vars(module).values()
        if isinstance(value, str)
    }
    assert {name for name in used - known if not name.startswith("qos.")} == set()


def _modules(package: ModuleType) -> list[ModuleType]:
    return [import_module(f"{package.__name__}.{each.name}") for each in iter_modules(package.__path__)]

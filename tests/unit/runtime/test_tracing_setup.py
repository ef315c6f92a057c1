"""How much is recorded, where it goes, and that nothing is loaded for it when it is off."""

import json
import subprocess
import sys

import pytest
from opentelemetry.sdk.trace.sampling import ALWAYS_OFF, ParentBased

from qos_runtime.errors import NotConfigured
from qos_runtime.tracing import OFF, Received, start_tracing
from support.tracing import NOWHERE, Recorded, records, sampled, sender


def test_off_is_the_default_and_does_nothing() -> None:
    tracing = start_tracing(NOWHERE, service="qos-test")
    assert tracing is OFF
    assert tracing.of_requests(untraced=()).get("tracing") is False
    assert tracing.querying(dict) is dict
    with tracing.sending(["applications"], 1) as span:
        assert span.headers == ()


def test_the_sdk_can_be_switched_off_as_everywhere(recorded: Recorded, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OTEL_SDK_DISABLED", "true")
    tracing = recorded.tracing()
    with tracing.sending(["applications"], 1) as span:
        assert span.headers == ()
    with tracing.processing([Received("applications", 0, records(sender(1)))]), tracing.step("fold"):
        pass
    assert recorded.names == []


def test_a_protocol_that_is_not_spoken_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_PROTOCOL", "grpc")
    with pytest.raises(NotConfigured, match="OTEL_EXPORTER_OTLP_PROTOCOL: only http/protobuf is spoken"):
        start_tracing(NOWHERE.model_copy(update={"tracing": "otlp"}), service="qos-test")


def test_the_environment_may_name_the_service() -> None:
    code = (
        "from support.tracing import NOWHERE\n"
        "from qos_runtime.tracing import start_tracing\n"
        "tracing = start_tracing(NOWHERE.model_copy(update={'tracing': 'console'}), service='qos-test')\n"
        "with tracing.step('fold'): pass\n"
    )
    for named, expected in (({}, "qos-test"), ({"OTEL_SERVICE_NAME": "qos-blue"}, "qos-blue")):
        ended = subprocess.run(
            [sys.executable, "-c", code],
            env={"PYTHONPATH": "tests", **named},
            capture_output=True,
            text=True,
            check=True,
        )
        [line] = ended.stdout.splitlines()
        assert json.loads(line)["resource"]["attributes"]["service.name"] == expected


def test_of_requests_sampled_by_their_share_all_is_sampled_up_to_the_transaction(recorded: Recorded) -> None:
    """The share is 0 here: only what others have sampled is."""
    tracing = recorded.tracing(sampler=ParentBased(ALWAYS_OFF))
    for senders in ([sender(1), sender(2, flags="00")], [sender(3, flags="00"), sender(4, flags="00")], [None]):
        with tracing.processing([Received("applications", 0, records(*senders))]), tracing.step("fold"):
            pass
    assert recorded.names == ["fold", "process t.applications"]
    assert [link.context.span_id for link in recorded.spans[1].links] == [1, 2]


def test_records_of_a_request_that_is_not_sampled_say_so(recorded: Recorded) -> None:
    with recorded.tracing(sampler=ALWAYS_OFF).sending(["applications"], 1) as span:
        [(_, traceparent)] = span.headers
    assert not sampled(traceparent)
    assert recorded.names == []


def test_a_sampler_that_asks_no_parent_follows_no_link(recorded: Recorded) -> None:
    with recorded.tracing(sampler=ALWAYS_OFF).processing([Received("applications", 0, records(sender(1)))]):
        pass
    assert recorded.names == []

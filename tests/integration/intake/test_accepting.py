"""Events come in each way that CloudEvents may come, and stand in Kafka when the answer says so."""

import json
from datetime import UTC, datetime

import pytest
from aiokafka.errors import OutOfOrderSequenceNumber
from cloudevents.core.bindings.http import to_binary_event, to_structured_event
from cloudevents.core.v1.event import CloudEvent

from qos_domain.events import FeedbackSubmitted
from support.builders import tokyo
from support.eventually import eventually
from support.intake import BATCHED, NDJSON, STRUCTURED, RunningIntake, submitted

pytestmark = pytest.mark.real


async def test_one_event_is_answered_with_its_place_in_the_log(intake: RunningIntake) -> None:
    response = await intake.post(submitted("e-1"))

    [record] = await intake.records("applications")
    assert response.status_code == 202
    assert response.json() == {
        "status": "accepted",
        "id": "e-1",
        "topic": "applications",
        "partition": record.partition,
        "offset": record.offset,
    }
    assert record.key == b"water-supply"
    assert dict(record.headers) == {"content-type": b"application/cloudevents+json"}
    assert json.loads(record.value) == submitted("e-1") | {"subject": "A-1", "datacontenttype": "application/json"}


async def test_the_three_modes_and_lines_mean_the_same(intake: RunningIntake) -> None:
    attributes = {name: value for name, value in submitted().items() if name not in ("data", "id")}
    binary = {f"ce-{name}": value for name, value in attributes.items()} | {"ce-id": "e-binary"}
    headers = {"X-API-Key": intake.keys.e_application, "Content-Type": "application/json; charset=utf-8"}

    one = await intake.http.post("/v1/events", json=submitted()["data"], headers=headers | binary)
    two = await intake.post(submitted("e-structured"), content_type=f"{STRUCTURED}; charset=UTF-8")
    three = await intake.post([submitted("e-batch-1"), submitted("e-batch-2")], content_type=BATCHED)
    four = await intake.post([submitted("e-line-1"), submitted("e-line-2")], content_type=NDJSON)

    assert [each.status_code for each in (one, two, three, four)] == [202] * 4
    assert [each["index"] for each in three.json()["results"]] == [0, 1]
    assert [each["row"] for each in four.json()["results"]] == [1, 2]
    events = await intake.events("applications")
    assert {event.id for event in events} == {
        "e-binary",
        "e-structured",
        "e-batch-1",
        "e-batch-2",
        "e-line-1",
        "e-line-2",
    }
    assert len({(event.source, event.time, event.data) for event in events}) == 1


async def test_what_the_cloudevents_library_writes_is_taken(intake: RunningIntake) -> None:
    attributes = {name: value for name, value in submitted().items() if name != "data"}
    moment = datetime(2026, 11, 20, 0, 50, tzinfo=UTC)
    for event_id, write in (("e-1", to_binary_event), ("e-2", to_structured_event)):
        event = CloudEvent(
            {**attributes, "id": event_id, "time": moment, "datacontenttype": "application/json"}, submitted()["data"]
        )
        message = write(event)
        headers = {**message.headers, "X-API-Key": intake.keys.e_application}
        response = await intake.http.post("/v1/events", content=message.body, headers=headers)
        assert response.status_code == 202, response.text

    assert {event.time for event in await intake.events("applications")} == {tokyo("2026-11-20 09:50")}


async def test_the_good_ones_of_a_batch_are_taken(intake: RunningIntake) -> None:
    batch = [
        submitted("e-1"),
        submitted("e-2", data={"channel": "fax"}),
        submitted("e-3", type="jp.lg.tokyo.qos.review.started.v1", data={"procedure_id": "water-supply"}),
        {
            **submitted("e-4", type="jp.lg.tokyo.qos.review.started.v1"),
            "data": {"procedure_id": "water-supply", "application_id": "A-1"},
        },
        "not an event",
        submitted("e-5"),
    ]

    response = await intake.post(batch, content_type=BATCHED)

    assert response.status_code == 207
    answer = response.json()
    assert (answer["accepted"], answer["rejected"], answer["unavailable"]) == (3, 3, 0)
    assert [each["status"] for each in answer["results"]] == [
        "accepted",
        "rejected",
        "rejected",
        "accepted",
        "rejected",
        "accepted",
    ]
    told = [each["problem"] for each in answer["results"] if each["status"] == "rejected"]
    assert [(each["reason"], each["field"]) for each in told] == [
        ("invalid_field", "data.channel"),
        ("unknown_field", "data.channel"),
        ("invalid_field", "value"),
    ]
    assert "fax" not in response.text
    assert [event.id for event in await intake.events("applications")] == ["e-1", "e-5"]
    assert [event.id for event in await intake.events("reviews")] == ["e-4"]


async def test_a_broken_line_keeps_no_other_line_out(intake: RunningIntake) -> None:
    lines = [json.dumps(submitted("e-1")), "{nope", "", json.dumps(submitted("e-2")), ""]

    response = await intake.post("\r\n".join(lines), content_type=NDJSON)

    assert response.status_code == 207
    results = response.json()["results"]
    assert [(each["row"], each["status"]) for each in results] == [(1, "accepted"), (2, "rejected"), (4, "accepted")]
    assert results[1]["problem"]["reason"] == "malformed_json"


async def test_a_file_without_ids_sent_twice_is_the_same_events(intake: RunningIntake) -> None:
    rows = [
        {name: value for name, value in submitted(data={"application_id": f"A-{n}"}).items() if name != "id"}
        for n in (1, 2)
    ]

    first = await intake.post(rows, content_type=NDJSON)
    second = await intake.post(rows, content_type=NDJSON)

    ids = [[each["id"] for each in response.json()["results"]] for response in (first, second)]
    assert ids[0] == ids[1]
    assert len(set(ids[0])) == 2
    assert len({event.id for event in await intake.events("applications")}) == 2
    assert (await intake.post(rows[0])).json()["field"] == "id"


async def test_a_comment_is_masked_before_it_is_published(intake: RunningIntake) -> None:
    feedback = submitted(
        type="jp.lg.tokyo.qos.feedback.submitted.v1",
        data={"rating": 2, "comment": "遅い。電話は０３−１２３４−５６７８、taro@example.jp へ"},
    )
    response = await intake.post(feedback)

    assert response.status_code == 202
    [event] = await intake.events("feedback")
    assert isinstance(event.data, FeedbackSubmitted)
    assert event.data.comment == "遅い。電話は***、*** へ"


async def test_the_key_may_come_as_a_bearer_token(intake: RunningIntake) -> None:
    headers = {"Authorization": f"Bearer {intake.keys.e_application}", "Content-Type": STRUCTURED}
    response = await intake.http.post("/v1/events", json=submitted(), headers=headers)
    assert response.status_code == 202


async def test_what_is_counted_has_bounded_labels(intake: RunningIntake) -> None:
    await intake.post([submitted("e-1"), submitted("e-2", data={"channel": "fax"})], content_type=BATCHED)
    await intake.http.get("/taro@example.jp")

    metrics = (await intake.http.get("/metrics")).text
    assert (
        'qos_intake_events_total{outcome="accepted",source="e-application",type="application.submitted"} 1.0' in metrics
    )
    assert 'qos_intake_events_total{outcome="invalid_field",source="e-application",type="unread"} 1.0' in metrics
    assert 'qos_intake_requests_total{route="/v1/events",status="207"} 1.0' in metrics
    assert 'qos_intake_requests_total{route="other",status="404"} 1.0' in metrics
    assert "taro" not in metrics


async def test_a_producer_that_is_past_use_is_replaced(intake: RunningIntake) -> None:
    """After an error that says that its sequence is broken, every later record would fail as well."""
    await intake.post(submitted("e-0"))
    former = intake.service.publisher._producer
    assert former is not None
    former._message_accumulator.fail_all(OutOfOrderSequenceNumber())
    failed = await intake.post(submitted("e-1"))
    assert (failed.status_code, failed.json()["reason"]) == (503, "broker_unavailable")

    async def taken() -> bool:
        return (await intake.post(submitted("e-1"))).status_code == 202

    await eventually(taken)
    assert intake.service.publisher._producer is not former

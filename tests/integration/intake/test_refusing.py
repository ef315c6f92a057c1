"""Every bad input gets a clear answer that never repeats it, and nothing of it reaches Kafka."""

import json
from typing import Any

import pytest

from qos_intake.keys import new_key
from support.eventually import eventually
from support.intake import BATCHED, COUNTER, NDJSON, RunningIntake, registration, submitted

pytestmark = pytest.mark.real
PROBLEM = "application/problem+json"


def told(response: Any) -> tuple[int, str, str | None]:
    """Status, reason and field of a problem, which must be a whole one."""
    assert response.headers["content-type"] == PROBLEM
    problem = response.json()
    assert problem["type"] == f"urn:procedure-qos:problem:{problem['reason']}"
    assert problem["status"] == response.status_code
    assert problem["title"]
    assert problem["detail"]
    return response.status_code, problem["reason"], problem.get("field")


async def test_events_that_cannot_be_accepted(intake: RunningIntake) -> None:
    bad: list[tuple[Any, tuple[int, str, str]]] = [
        (b'{"specversion": "1.0", ', (400, "malformed_json", "value")),
        (submitted(type="jp.lg.tokyo.qos.application.teleported.v1"), (422, "unknown_type", "type")),
        (submitted(data={"applicant_name": "Taro"}), (422, "unknown_field", "data.applicant_name")),
        (submitted(applicant="Taro"), (422, "unknown_field", "applicant")),
        (submitted(time="2026-11-20T09:50:00"), (422, "time_without_offset", "time")),
        (submitted(time="2026-11-20T10:05:01+09:00"), (422, "time_in_future", "time")),
        (submitted(data={"received_at": "2026-11-21T00:00:00Z"}), (422, "time_in_future", "data.received_at")),
        (submitted(data={"application_id": "taro@example.jp"}), (422, "personal_data", "data.application_id")),
        (submitted(data={"application_id": "123456789012"}), (422, "personal_data", "data.application_id")),
        (submitted(time="2025-10-16T09:50:00+09:00"), (422, "too_old", "time")),
        (submitted(source="urn:tokyo:counter"), (403, "wrong_source", "source")),
        (submitted() | {"tracestate": "x" * 66_000}, (413, "too_large", "value")),
    ]
    for event, expected in bad:
        response = await intake.post(event)
        assert told(response) == expected
        for secret in ("taro", "Taro", "teleported", "123456789012", "xxx"):
            assert secret not in response.text

    edge = await intake.post(submitted("e-oldest", time="2025-10-16T10:00:00+09:00"))
    assert edge.status_code == 202
    assert [event.id for event in await intake.events("applications")] == ["e-oldest"]


async def test_binary_mode_data_that_is_no_json_document(intake: RunningIntake) -> None:
    attributes = {f"ce-{name}": value for name, value in submitted().items() if name != "data"}
    headers = {"X-API-Key": intake.keys.e_application, "Content-Type": "application/json", **attributes}

    # The second would smuggle an attribute in, were it spliced into the document as it is.
    for body in (b"{nope", json.dumps(submitted()["data"]).encode() + b', "corrects": "e-0"'):
        response = await intake.http.post("/v1/events", content=body, headers=headers)
        assert told(response) == (400, "malformed_json", "data")
    unknown = await intake.http.post("/v1/events", json=submitted()["data"], headers=headers | {"ce-applicant": "taro"})
    assert told(unknown) == (422, "unknown_field", "applicant")


async def test_a_key_that_is_wrong_or_missing(intake: RunningIntake) -> None:
    assert told(await intake.post(submitted(), key=new_key())) == (401, "unauthenticated", None)
    assert told(await intake.post(submitted(), key="x")) == (401, "unauthenticated", None)
    response = await intake.http.post("/v1/events", json=submitted())
    assert told(response) == (401, "unauthenticated", None)
    assert response.headers["www-authenticate"] == "Bearer"
    csv = await intake.put_csv("procedure_id\n", key=new_key())
    assert told(csv) == (401, "unauthenticated", None)


async def test_a_source_keeps_to_its_types_and_its_age(intake: RunningIntake) -> None:
    review = submitted(source=COUNTER, type="jp.lg.tokyo.qos.review.started.v1")
    review["data"].pop("channel")
    late = submitted(source=COUNTER, time="2026-10-20T09:50:00+09:00")

    assert told(await intake.post(review, key=intake.keys.counter)) == (403, "type_not_allowed", "type")
    assert told(await intake.post(late, key=intake.keys.counter)) == (422, "too_old", "time")
    assert (await intake.post(late | {"source": "urn:tokyo:e-application"})).status_code == 202


async def test_a_source_keeps_to_its_organisations(intake: RunningIntake) -> None:
    """The registry says whose a procedure is. What it doesn't know yet is taken: registering may come later."""
    registry = intake.keys.registry
    for procedure, organisation in (("car-tax", "taxation"), ("road-occupation", "construction")):
        registered = await intake.post(registration(procedure, organisation), key=registry)
        assert registered.status_code == 202
        await intake.learned(procedure)

    foreign = await intake.post(submitted(data={"procedure_id": "car-tax"}))
    own = await intake.post(submitted(data={"procedure_id": "road-occupation"}))
    unknown = await intake.post(submitted(data={"procedure_id": "not-registered-yet"}))
    counter = submitted(source=COUNTER, data={"procedure_id": "road-occupation"})

    assert told(foreign) == (403, "source_not_allowed", "data.procedure_id")
    assert own.status_code == unknown.status_code == 202
    assert told(await intake.post(counter, key=intake.keys.counter))[1] == "source_not_allowed"
    batch = [submitted("e-1", data={"procedure_id": "car-tax"}), submitted("e-2")]
    mixed = await intake.post(batch, content_type=BATCHED)
    assert [each["status"] for each in mixed.json()["results"]] == ["rejected", "accepted"]
    assert mixed.json()["results"][0]["id"] == "e-1"


async def test_nobody_registers_a_procedure_for_others(intake: RunningIntake) -> None:
    await intake.post(registration("car-tax", "taxation"), key=intake.keys.registry)
    await intake.learned("car-tax")
    own = {"source": "urn:tokyo:e-application", "id": "r-2"}

    for_others = await intake.post(registration("housing", "housing-bureau", **own))
    taken_over = await intake.post(registration("car-tax", "waterworks", **own))
    new = await intake.post(registration("water-supply", "waterworks", **own))

    assert told(for_others) == (403, "source_not_allowed", "data.organisation.id")
    assert told(taken_over) == (403, "source_not_allowed", "data.procedure_id")
    assert new.status_code == 202


async def test_a_procedure_that_moved_is_still_finished_by_the_office_that_took_its_cases(
    intake: RunningIntake,
) -> None:
    """In April 2026 a procedure goes from construction to taxation; a version for housing had been a mistake."""
    registry = intake.keys.registry
    mistaken = registration("road-occupation", "housing")
    right = registration("road-occupation", "construction", corrects=mistaken["id"])
    moved = registration(
        "road-occupation",
        "taxation",
        type="jp.lg.tokyo.qos.procedure.updated.v1",
        data={"effective_from": "2026-04-01"},
    )
    for event in (mistaken, right, moved):
        assert (await intake.post(event, key=registry)).status_code == 202
    await eventually(lambda: intake.service.owners.of("road-occupation") == {"construction", "taxation"})
    assert (await intake.post(submitted(data={"procedure_id": "road-occupation"}))).status_code == 202


async def test_a_request_that_is_no_request(intake: RunningIntake) -> None:
    key = {"X-API-Key": intake.keys.e_application}
    post = intake.http.post

    assert told(await intake.post(b"[{}, ", content_type=BATCHED)) == (400, "malformed_json", "body")
    assert told(await intake.post("<event/>", content_type="application/xml"))[:2] == (415, "unsupported_media_type")
    plain = await post("/v1/events", json=submitted(), headers=key)
    assert told(plain) == (415, "unsupported_media_type", "Content-Type")
    latin = await intake.post(submitted(), content_type="application/cloudevents+json; charset=iso-8859-1")
    assert told(latin)[0] == 415
    zipped = {**key, "Content-Type": "application/cloudevents+json", "Content-Encoding": "gzip"}
    assert told(await post("/v1/events", content=b"", headers=zipped)) == (
        415,
        "unsupported_media_type",
        "Content-Encoding",
    )
    assert told(await intake.http.get("/v1/nothing")) == (404, "not_found", None)
    assert told(await intake.http.get("/v1/events")) == (405, "method_not_allowed", None)
    assert (await intake.post([], content_type=BATCHED)).json()["results"] == []
    assert (await intake.post("", content_type=NDJSON)).json()["results"] == []


async def test_schemas_are_served(intake: RunningIntake) -> None:
    types = (await intake.http.get("/v1/schemas")).json()["types"]
    assert len(types) == 17
    for each in types:
        schema = (await intake.http.get(each["schema"])).json()
        assert schema["$id"] == each["dataschema"]
        assert (await intake.http.get(f"/v1/schemas/{each['wire_type']}")).json() == schema
    assert told(await intake.http.get("/v1/schemas/taro")) == (404, "not_found", "type")

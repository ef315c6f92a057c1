"""An operator looks at what could not be used, mends it, drives it in again or leaves it. No payload unasked."""

import json
from base64 import b64encode
from collections.abc import AsyncIterator
from datetime import datetime
from typing import Any

import httpx
import pytest

from qos_domain.errors import RejectedEvent
from qos_intake.settings import IntakeSettings
from qos_runtime.dead_letters import decode_decision, encode_dead_letter
from qos_runtime.kafka import producer
from support.builders import tokyo
from support.eventually import eventually
from support.intake import Keys, RunningIntake, create, records_of, running_intake, submitted

pytestmark = pytest.mark.real

DIED = tokyo("2025-05-02 09:55")
INBOX = "inbox.e-application"
LETTERS = "/v1/dead-letters"


class Desk:
    """An operator's way to intake."""

    def __init__(self, intake: RunningIntake, key: str) -> None:
        self._http = intake.http
        self._headers = {"X-API-Key": key}

    async def get(self, path: str = "", **parameters: Any) -> httpx.Response:
        return await self._http.get(f"{LETTERS}{path}", params=parameters, headers=self._headers)

    async def listed(self, **parameters: Any) -> list[str]:
        answer = await self.get(**parameters)
        assert answer.status_code == 200, answer.text
        return [letter["id"] for letter in answer.json()["letters"]]

    async def letter(self, letter_id: str) -> dict[str, Any]:
        answer = await self.get(f"/{letter_id}")
        assert answer.status_code == 200, answer.text
        found: dict[str, Any] = answer.json()
        return found

    async def post(self, path: str, body: Any) -> httpx.Response:
        return await self._http.post(f"{LETTERS}{path}", content=json.dumps(body), headers=self._headers)

    async def redrive(self, *ids: str, **events: dict[str, Any]) -> list[dict[str, Any]]:
        orders: list[dict[str, Any]] = [{"id": each} for each in ids]
        if events:
            orders[0]["event"] = events["event"]
        answer = await self.post("/redrive", {"letters": orders})
        assert answer.status_code in {200, 207}, answer.text
        results: list[dict[str, Any]] = answer.json()["results"]
        return results


@pytest.fixture
async def desk(intake: RunningIntake) -> Desk:
    return Desk(intake, intake.keys.operator)


async def died(
    settings: IntakeSettings,
    value: bytes | dict[str, Any] | None,
    reason: str,
    *,
    field: str = "value",
    topic: str = "applications",
    partition: int = 0,
    offset: int = 0,
    at: datetime = DIED,
    key: bytes | None = b"water-supply",
) -> str:
    """A letter as it is sent: by processing to the original's partition number, by intake to that of its own key."""
    if isinstance(value, dict):
        value = json.dumps(value).encode()
    rejection = RejectedEvent(reason=reason, field=field, rule="the rule")
    body = encode_dead_letter(
        topic=topic,
        partition=partition,
        offset=offset,
        appended_at=at,
        rejection=rejection,
        key=key,
        value=value,
        headers=[("via", b"03-1234-5678")],
    )
    letter_id = f"{topic}-{partition}-{offset}"
    place = {} if topic.startswith("inbox.") else {"partition": partition}
    async with producer(settings, client_id="test") as sender:
        await sender.send_and_wait(settings.topic("dead-letters"), body, letter_id.encode(), **place)
    return letter_id


async def test_letters_are_listed_without_payload_and_shown_with_it_only_when_asked(
    intake: RunningIntake, desk: Desk
) -> None:
    settings = intake.settings
    noon = tokyo("2025-05-02 12:00")
    secret = submitted("e-1", data={"applicant": "03-1234-5678"})
    unknown = await died(settings, secret, "unknown_field", field="data.applicant")
    poison = await died(settings, b"\xff{03-1234-5678", "malformed_json", topic="reviews", partition=1, at=noon)
    await died(settings, b"\xff{03-1234-5678", "malformed_json", topic="reviews", partition=1, at=noon)  # sent again

    async with producer(settings, client_id="test") as sender:  # nobody should; it is passed over
        for topic in ("dead-letters", "dead-letter-decisions"):
            await sender.send_and_wait(settings.topic(topic), b"{", b"poison")

    everything = await desk.get()
    assert "03-1234-5678" not in everything.text
    assert b64encode(b"03-1234-5678").decode() not in everything.text
    first, second = everything.json()["letters"]
    assert first == {
        "id": unknown,
        "topic": "applications",
        "partition": 0,
        "offset": 0,
        "appended_at": "2025-05-02T09:55:00+09:00",
        "state": "open",
        "reason": "unknown_field",
        "field": "data.applicant",
        "rule": "the rule",
        "source": "urn:tokyo:e-application",
        "type": "jp.lg.tokyo.qos.application.submitted.v1",
        "value_bytes": len(json.dumps(secret)),
    }
    assert (second["id"], second["source"], second["type"]) == (poison, None, None)

    assert await desk.listed(reason="malformed_json") == [poison]
    assert await desk.listed(topic="applications") == [unknown]
    assert await desk.listed(source="urn:tokyo:e-application") == [unknown]
    assert await desk.listed(position="reviews-1") == await desk.listed(position=poison) == [poison]
    assert await desk.listed(since=noon.isoformat()) == [poison]
    assert await desk.listed(until=noon.isoformat()) == [unknown]
    assert await desk.listed(state="discarded") == []
    page = (await desk.get(limit=1)).json()
    assert [letter["id"] for letter in page["letters"]] == [unknown]
    assert await desk.listed(limit=1, cursor=page["cursor"]) == [poison]

    assert "bytes" not in await desk.letter(unknown)
    shown = (await desk.get(f"/{unknown}", bytes=True)).json()["bytes"]
    assert "personal data" in shown["restricted"]
    assert json.loads(shown["text"]) == secret
    assert (await desk.get(f"/{poison}", bytes=True)).json()["bytes"]["text"] is None


async def test_only_operators_may_look_and_bad_questions_are_answered(intake: RunningIntake, desk: Desk) -> None:
    refused = [
        (await intake.http.get(LETTERS), 401, "unauthenticated", None),
        (await Desk(intake, "qos_wrong").get(), 401, "unauthenticated", None),
        (await Desk(intake, intake.keys.e_application).get(), 403, "operators_only", None),
        (await Desk(intake, intake.keys.e_application).post("/redrive", {}), 403, "operators_only", None),
        (await intake.post(submitted(), key=intake.keys.operator), 401, "unauthenticated", None),
        (await desk.get(state="dead"), 400, "malformed_request", "state"),
        (await desk.get(since="2026-11-20"), 400, "malformed_request", "since"),
        (await desk.get(cursor="9"), 400, "malformed_request", "cursor"),
        (await desk.get("/applications-0-7"), 404, "not_found", "id"),
        (await desk.get("/nonsense"), 404, "not_found", "id"),
        (await desk.post("/redrive", {"letters": []}), 400, "malformed_request", "body"),
        (await desk.post("/discard", {"letters": ["x"]}), 400, "malformed_request", "body"),
    ]
    for answer, status, reason, field in refused:
        assert answer.headers["content-type"] == "application/problem+json"
        problem = answer.json()
        assert (answer.status_code, problem["reason"], problem.get("field")) == (status, reason, field), answer.text
        assert problem["rule"]
    answer = await desk.post("/redrive", {"letters": [{"id": "applications-0-7"}]})
    assert (answer.status_code, answer.json()["results"]) == (207, [{"id": "applications-0-7", "status": "unknown"}])


async def test_a_letter_driven_in_again_is_an_event_like_any_other(intake: RunningIntake, desk: Desk) -> None:
    """What processing could not read, though it is good; one that was in the future then; one under a wrong key."""
    settings = intake.settings
    feedback = submitted(
        "e-2",
        type="jp.lg.tokyo.qos.feedback.submitted.v1",
        data={"rating": 1, "comment": "call 03-1234-5678"},
    )
    good = await died(settings, submitted("e-1"), "unknown_type", field="type")
    masked = await died(settings, feedback, "wrong_topic", field="type", offset=1, key=b"another")
    early = submitted("e-3", time="2026-11-20T10:03:00+09:00")
    early_then = await died(settings, early, "time_in_future", field="time", offset=2, at=tokyo("2026-11-20 09:50"))
    old = submitted("e-4", time="2025-10-20T10:00:00+09:00")
    old_then = await died(settings, old, "unknown_type", offset=3, at=tokyo("2025-10-20 10:01"))

    results = await desk.redrive(good, masked, early_then, old_then)
    assert [each["status"] for each in results] == ["redriven"] * 4
    events = await intake.events("applications")
    assert sorted(event.id for event in events) == ["e-1", "e-3", "e-4"]
    [record] = await intake.records("feedback")
    assert json.loads(record.value)["data"]["comment"] == "call ***"
    assert record.key == b"water-supply"

    assert await desk.listed(state="open") == []
    letter = await desk.letter(good)
    assert (letter["state"], letter["decided_by"], letter["reason"]) == ("redriven", "saito", "unknown_type")
    assert letter["written"] == results[0]["written"]
    assert letter["written"].startswith("applications-")
    # Again it is the same event, with the same id: whoever folds it counts it once.
    await desk.redrive(good)
    assert sorted(event.id for event in await intake.events("applications")) == ["e-1", "e-1", "e-3", "e-4"]


async def test_what_is_still_refused_stays_with_its_new_reason_until_it_is_repaired(
    intake: RunningIntake, desk: Desk
) -> None:
    settings = intake.settings
    letter_id = await died(settings, submitted("e-1", data={"channel": "fax"}), "malformed_json")
    [result] = await desk.redrive(letter_id)
    assert (result["status"], result["problem"]["reason"]) == ("refused", "invalid_field")
    letter = await desk.letter(letter_id)
    assert (letter["state"], letter["reason"], letter["field"]) == ("open", "invalid_field", "data.channel")
    assert letter["rule"].startswith("one of counter")
    assert letter["decided_by"] == "saito"
    assert await desk.listed(state="open", reason="malformed_json") == []

    [result] = await desk.redrive(letter_id, event=submitted("another", data={"channel": "phone"}))
    assert (result["status"], result["problem"]["field"]) == ("refused", "id")
    [result] = await desk.redrive(letter_id, event=submitted("e-1", data={"channel": "phone"}))
    assert result["status"] == "redriven"
    assert (await desk.letter(letter_id))["edited"] is True
    # The original is refused for ever, and opens nothing: what was meant by it is in the log.
    [result] = await desk.redrive(letter_id)
    assert result["status"] == "refused"
    assert (await desk.letter(letter_id))["state"] == "redriven"
    [event] = await intake.events("applications")
    assert event.id == "e-1"


async def test_nobody_gets_in_who_could_not_before(intake: RunningIntake, desk: Desk) -> None:
    """A letter has the rights of its own source and no others, whoever drives it in."""
    settings = intake.settings
    letters = {
        await died(settings, submitted(source="urn:nobody"), "unknown_type"): "wrong_source",
        await died(settings, submitted(source="urn:tokyo:registry"), "unknown_type", offset=1): "type_not_allowed",
        await died(settings, None, "tombstone", offset=2): "tombstone",
        await died(settings, b"\xff", "malformed_json", offset=3): "malformed_json",
        await died(settings, submitted("e-1"), "wrong_source", topic="inbox.counter", offset=4): "wrong_source",
        await died(
            settings, json.dumps(submitted("e-1")).encode().ljust(2_000_000), "too_large", offset=5
        ): "too_large",
    }
    results = await desk.redrive(*letters)
    assert {each["id"]: each["problem"]["reason"] for each in results} == letters
    assert {each["status"] for each in results} == {"refused"}
    assert await intake.events("applications") == []


async def test_discarded_letters_are_kept_and_can_still_be_driven_in(intake: RunningIntake, desk: Desk) -> None:
    settings = intake.settings
    letter_id = await died(settings, submitted("e-1"), "unknown_type")
    answer = await desk.post("/discard", {"ids": [letter_id, "applications-0-9"], "since": DIED.isoformat()})
    assert answer.status_code == 207
    assert [each["status"] for each in answer.json()["results"]] == ["discarded", "unknown"]
    assert await desk.listed(state="discarded") == [letter_id]
    [result] = await desk.redrive(letter_id)
    assert result["status"] == "redriven"
    [result] = (await desk.post("/discard", {"ids": [letter_id]})).json()["results"]
    assert result["status"] == "redriven", "what is in the log isn't left out any more"
    states = [decode_decision(record.value).state for record in await intake.records("dead-letter-decisions")]
    assert states == ["discarded", "redriven"]


@pytest.fixture
async def relaying(intake_settings: IntakeSettings, keys: Keys) -> AsyncIterator[RunningIntake]:
    """An intake that was told a wrong prefix: it can read nothing of what the inbox brings."""
    await create(intake_settings)
    wrong = intake_settings.model_copy(update={"event_type_prefix": "gov.example."})
    async with running_intake(wrong, keys) as intake:
        yield intake


async def test_an_inbox_is_driven_in_again_by_the_code_that_relays_it(
    relaying: RunningIntake, intake_settings: IntakeSettings, keys: Keys
) -> None:
    """In both modes; after the setting is put right."""
    settings = relaying.settings
    structured = submitted("e-1")
    attributes = {name: value for name, value in submitted("e-2").items() if name != "data"}
    headers = [(f"ce_{name}", value.encode()) for name, value in attributes.items()]
    headers.append(("content-type", b"application/json"))
    topic = settings.topic(INBOX)
    async with producer(settings, client_id="test") as sender:
        await eventually(lambda: sender.partitions_for(topic), within=60)
        await sender.send_and_wait(topic, json.dumps(structured).encode(), b"k")
        await sender.send_and_wait(topic, json.dumps(structured["data"]).encode(), b"k", headers=headers)

    async def buried() -> bool:
        return len(await records_of(settings, "dead-letters")) == 2

    await eventually(buried, within=60)
    async with running_intake(intake_settings, keys) as intake:
        desk = Desk(intake, keys.operator)
        ids = await desk.listed(topic=INBOX, reason="unknown_type", source="urn:tokyo:e-application")
        assert len(ids) == 2
        assert [each["status"] for each in await desk.redrive(*ids)] == ["redriven"] * 2
        assert sorted(event.id for event in await intake.events("applications")) == ["e-1", "e-2"]

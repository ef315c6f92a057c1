"""Intake answers event by event; sometimes it is away, sometimes Kafka is, sometimes a batch is too large."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable

import httpx
import pytest

from qos_local.importing.binding import Remark
from qos_local.importing.sending import IntakeAway, IntakeClient, IntakeRefused, Patience

Answer = Callable[[list[str], int], httpx.Response]
EVENTS = [f'{{"n":{number}}}'.encode() for number in range(4)]


def results(*statuses: str, status_code: int = 200) -> httpx.Response:
    problem = {"reason": "invalid_field", "field": "data.channel", "rule": "one of online, counter"}
    made = [
        {"status": status, "row": row, **({"problem": problem} if status == "rejected" else {})}
        for row, status in enumerate(statuses, 1)
    ]
    return httpx.Response(status_code, json={"results": made}, headers={"Retry-After": "0"})


class Intake:
    """What stands at the other end: it answers each request as it is told, and keeps what it was sent."""

    def __init__(self, answer: Answer) -> None:
        self.requests: list[list[str]] = []
        self._answer = answer

    def __call__(self, request: httpx.Request) -> httpx.Response:
        assert request.url.path == "/v1/events"
        assert request.headers["X-API-Key"] == "key"
        assert request.headers["Content-Type"] == "application/x-ndjson"
        lines = request.content.decode().split("\n")
        self.requests.append(lines)
        return self._answer(lines, len(self.requests))


@pytest.fixture
async def client() -> AsyncIterator[Callable[[Intake], IntakeClient]]:
    opened: list[httpx.AsyncClient] = []

    def make(intake: Intake) -> IntakeClient:
        http = httpx.AsyncClient(transport=httpx.MockTransport(intake))
        opened.append(http)
        return IntakeClient(http, url="http://intake/", api_key="key", patience=Patience(seconds=5))

    yield make
    for http in opened:
        await http.aclose()


Make = Callable[[Intake], IntakeClient]


async def test_every_event_has_its_answer(client: Make) -> None:
    intake = Intake(lambda _, __: results("accepted", "rejected", "accepted", "accepted"))
    refusal = Remark("data.channel", "invalid_field", "one of online, counter")
    assert await client(intake).send(EVENTS) == [None, refusal, None, None]
    assert [json.loads(line)["n"] for line in intake.requests[0]] == [0, 1, 2, 3]


async def test_only_what_kafka_did_not_acknowledge_is_sent_again(client: Make) -> None:
    def answer(lines: list[str], attempt: int) -> httpx.Response:
        if attempt == 1:
            return results("accepted", "unavailable", "rejected", "unavailable", status_code=503)
        return results(*("accepted" for _ in lines))

    intake = Intake(answer)
    answers = await client(intake).send(EVENTS)
    assert [answer is None for answer in answers] == [True, True, False, True]
    assert intake.requests[1] == ['{"n":1}', '{"n":3}']


async def test_a_busy_intake_is_asked_again_after_the_time_it_names(client: Make) -> None:
    def answer(lines: list[str], attempt: int) -> httpx.Response:
        if attempt == 1:
            return httpx.Response(503, json={"detail": "starting"}, headers={"Retry-After": "1"})
        if attempt == 2:
            raise httpx.ConnectError("refused")
        return results(*("accepted" for _ in lines))

    loop = asyncio.get_running_loop()
    before = loop.time()
    assert await client(Intake(answer)).send(EVENTS) == [None] * 4
    assert loop.time() - before >= 1


async def test_an_intake_that_stays_away_ends_the_wait(client: Make) -> None:
    intake = Intake(lambda _, __: httpx.Response(503, json={"detail": "overloaded"}, headers={"Retry-After": "60"}))
    with pytest.raises(IntakeAway, match="overloaded"):
        await client(intake).send(EVENTS)


async def test_a_batch_that_is_too_large_is_halved(client: Make) -> None:
    def answer(lines: list[str], _: int) -> httpx.Response:
        if len(lines) > 1:
            return httpx.Response(413, json={"detail": "at most 1 event"})
        return results("rejected" if lines == ['{"n":2}'] else "accepted")

    answers = await client(Intake(answer)).send(EVENTS)
    assert [answer is None for answer in answers] == [True, True, False, True]


async def test_a_wrong_key_is_told_at_once(client: Make) -> None:
    intake = Intake(lambda _, __: httpx.Response(401, json={"detail": "a key of a known source"}))
    with pytest.raises(IntakeRefused, match="401: a key of a known source"):
        await client(intake).send(EVENTS)
    assert len(intake.requests) == 1

"""Who has an answer already doesn't get it again; what nobody may keep has no tag."""

from collections.abc import AsyncIterator

import httpx
from prometheus_client import CollectorRegistry, Histogram
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response, StreamingResponse
from starlette.routing import Route

from qos_metrics.middleware import ConditionalAnswers, RequestMetrics


async def kept(_request: Request) -> Response:
    return PlainTextResponse("figures", headers={"Cache-Control": "public, no-cache"})


async def secret(_request: Request) -> Response:
    return PlainTextResponse("exact figures", headers={"Cache-Control": "private, no-store"})


async def lines(_request: Request) -> Response:
    async def portions() -> AsyncIterator[bytes]:
        yield b"one\n"
        yield b"two\n"

    return StreamingResponse(portions(), headers={"Cache-Control": "public, max-age=5"})


def client() -> httpx.AsyncClient:
    app = Starlette(routes=[Route("/kept", kept), Route("/secret", secret), Route("/lines/{id}", lines)])
    return httpx.AsyncClient(transport=httpx.ASGITransport(ConditionalAnswers(app)), base_url="http://test")


async def test_the_same_answer_is_not_sent_twice() -> None:
    async with client() as http:
        first = await http.get("/kept")
        tag = first.headers["ETag"]
        assert (first.status_code, first.text, tag[:3]) == (200, "figures", 'W/"')
        again = await http.get("/kept", headers={"If-None-Match": f'"other", {tag}'})
        assert (again.status_code, again.content) == (304, b"")
        assert again.headers["ETag"] == tag
        assert again.headers["Cache-Control"] == "public, no-cache"
        changed = await http.get("/kept", headers={"If-None-Match": 'W/"other"'})
        assert changed.status_code == 200


async def test_what_nobody_may_keep_and_streams_have_no_tag() -> None:
    async with client() as http:
        assert "ETag" not in (await http.get("/secret")).headers
        streamed = await http.get("/lines/7")
        assert streamed.text == "one\ntwo\n"
        assert "ETag" not in streamed.headers


async def test_time_is_observed_by_route_template() -> None:
    registry = CollectorRegistry()
    seconds = Histogram("seconds", "Time.", ("route", "status"), registry=registry)
    app = Starlette(routes=[Route("/lines/{id}", lines)])
    transport = httpx.ASGITransport(RequestMetrics(app, seconds))
    async with httpx.AsyncClient(transport=transport, base_url="http://test") as http:
        await http.get("/nothing/here")
        await http.get("/lines/7")
    labels = {
        (sample.labels["route"], sample.labels["status"])
        for family in registry.collect()
        for sample in family.samples
        if sample.name == "seconds_count"
    }
    assert ("other", "404") in labels
    assert len(labels) == 2
    assert not any("7" in route for route, _ in labels)

"""The metrics service over results in a real PostgreSQL, at a moment that stands still."""

from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256
from typing import Any, TypeAlias

import httpx
from prometheus_client.parser import text_string_to_metric_families

from qos_domain.calendar import Calendar
from qos_domain.events import Event
from qos_domain.replay import Replay
from qos_metrics.bootstrap import Service, build, connected
from qos_metrics.settings import MetricsSettings
from support.builders import tokyo
from support.results import folded, store

TOKEN = "only staff know this"
CALENDAR = Calendar.load()


@dataclass(frozen=True, slots=True)
class Clock:
    at: datetime

    def now(self) -> datetime:
        return self.at


@dataclass(frozen=True, slots=True)
class Api:
    """The API as a client sees it, and what its figures were made of."""

    http: httpx.AsyncClient
    service: Service
    replay: Replay

    async def ask(self, path: str, **parameters: Any) -> Any:
        """The answer to staff. Raises AssertionError where it isn't 200."""
        answer = await self.http.get(
            path, params={"audience": "staff", **parameters}, headers={"Authorization": f"Bearer {TOKEN}"}
        )
        assert answer.status_code == 200, answer.text
        return answer.json()

    async def public(self, path: str, **parameters: Any) -> Any:
        """The answer to everybody. Raises AssertionError where it isn't 200."""
        answer = await self.http.get(path, params=parameters)
        assert answer.status_code == 200, answer.text
        return answer.json()


Serve: TypeAlias = Callable[..., AbstractAsyncContextManager[Api]]


def settings_of(database_url: str, **more: Any) -> MetricsSettings:
    return MetricsSettings(
        kafka_bootstrap_servers="127.0.0.1:1",
        database_url=database_url,
        staff_token_sha256=sha256(TOKEN.encode()).hexdigest(),
        **{"cache_seconds": 0, **more},
    )


@asynccontextmanager
async def serving(database_url: str, events: Iterable[Event], *, now: str, **more: Any) -> AsyncIterator[Api]:
    """The API over the results of these events, in a migrated database; `more` are settings."""
    replay = folded(events, CALENDAR)
    clock = Clock(tokyo(now))
    await store(database_url, replay, now=clock.at)
    settings = settings_of(database_url, **more)
    async with connected(settings) as pool:
        service = build(settings, pool, clock=clock)
        transport = httpx.ASGITransport(service.app, raise_app_exceptions=False)
        async with httpx.AsyncClient(transport=transport, base_url="http://metrics") as http:
            yield Api(http, service, replay)


class Scrape:
    """What a scrape of /metrics found: `scrape("qos_cases", scope="all", id="", state="open")`."""

    def __init__(self, exposition: str) -> None:
        self.samples = {
            (sample.name, frozenset(sample.labels.items())): sample.value
            for family in text_string_to_metric_families(exposition)
            for sample in family.samples
        }

    def __call__(self, name: str, **labels: str) -> float | None:
        """The value of the sample with exactly these labels; None where there is none."""
        return self.samples.get((name, frozenset(labels.items())))

    def ids(self, name: str, scope: str) -> set[str]:
        """The ids of a scope that a metric has samples of."""
        found = (dict(labels) for sample, labels in self.samples if sample == name)
        return {labels["id"] for labels in found if labels["scope"] == scope}


async def scraped(api: Api) -> Scrape:
    """Let the figures be read once, and scrape them."""
    await api.service.gauges.read()
    return Scrape((await api.http.get("/metrics")).text)

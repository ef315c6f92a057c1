"""Every query of every dashboard, on a real Prometheus and a real PostgreSQL that watched a small demonstration."""

import asyncio
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any
from urllib.parse import urlsplit, urlunsplit
from uuid import uuid4

import asyncpg
import httpx
import pytest

from qos_domain.events import Event
from qos_local.demo.feeding import Feeder
from qos_local.simulation.simulate import simulate
from qos_local.simulation.sources import SOURCES
from qos_runtime.kafka import producer
from qos_runtime.settings import RuntimeSettings
from support.builders import happened
from support.dashboards import SQL, dashboards, substituted
from support.eventually import eventually, eventually_sync
from support.metrics import CALENDAR
from support.prometheus import Prometheus, running_prometheus
from support.system import System, running_system

pytestmark = [pytest.mark.real, pytest.mark.timeout(300)]

ALL = dashboards()
BY_PATH = {dashboard.path.relative_to(dashboard.path.parents[1]).as_posix(): dashboard for dashboard in ALL}
# A priority procedure with fees, and its bureau.
CHOSEN = {"organisation": "taxation", "procedure": "automobile-tax-environmental"}


@dataclass(frozen=True, slots=True)
class Watched:
    system: System
    prometheus: Prometheus
    database_url: str


@pytest.fixture(scope="module")
def watched(kafka: str, postgres: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Watched]:
    """The system with a simulated year, one record that can't be accepted, and a Prometheus that saw both come."""
    name = f"watched_{uuid4().hex[:12]}"
    settings = RuntimeSettings(
        kafka_bootstrap_servers=kafka,
        database_url=urlunsplit(urlsplit(postgres)._replace(path=f"/{name}")),
        topic_prefix=f"{name}.",
        consumer_group=name,
    )
    directory = tmp_path_factory.mktemp("watched")
    asyncio.run(execute(postgres, f'CREATE DATABASE "{name}"'))
    try:
        figures_at_once = {"QOS_METRICS_GAUGES_EVERY_SECONDS": "1"}
        with running_system(settings, directory, sources=SOURCES, environment=figures_at_once) as system:
            jobs = {
                "qos-intake": [system.intake_url],
                "qos-processing": system.worker_urls,
                "qos-metrics": [system.metrics_url],
            }
            targets = {job: [url.removeprefix("http://") for url in urls] for job, urls in jobs.items()}
            with running_prometheus(directory, targets) as prometheus:
                sent = asyncio.run(feed(system, settings))
                system.wait_until_processed(sent)
                yield Watched(system, prometheus, settings.database_url)
    finally:
        asyncio.run(execute(postgres, f'DROP DATABASE "{name}" WITH (FORCE)'))


async def execute(url: str, statement: str) -> None:
    connection = await asyncpg.connect(url)
    try:
        await connection.execute(statement)
    finally:
        await connection.close()


async def feed(system: System, settings: RuntimeSettings) -> int:
    """How many records were sent."""
    today = CALENDAR.local_date(datetime.now(UTC))
    simulated = simulate(seed=9, today=today, cases=2_000, calendar=CALENDAR)
    async with httpx.AsyncClient(timeout=60.0) as http:
        feeder = Feeder(http, url=system.intake_url, keys=system.keys)
        sent = await feeder.send(simulated.procedures)
        sent += await feeder.send([*simulated.events, *ratings(today - timedelta(1))])
    sender = producer(settings, client_id="test")
    await sender.start()
    try:
        await sender.send_and_wait(settings.topic("reviews"), b"not an event", key=b"road-occupation-permit")
    finally:
        await sender.stop()
    return sent + 1


def ratings(day: date) -> list[Event]:
    """So few give one that the simulated may be none of late."""
    said = {"procedure": CHOSEN["procedure"], "source": SOURCES[0], "application": None, "channel": "online"}
    return [happened("feedback.submitted", day.isoformat(), rating=rating, **said) for rating in (3, 5)]


def answers(samples: list[dict[str, Any]], legend: str) -> bool:
    """Whether there is a number, with the labels that the legend is made of."""
    labels = set(re.findall(r"{{\s*(\w+)\s*}}", legend))
    return any(sample["value"][1] != "NaN" and labels <= sample["metric"].keys() for sample in samples)


@pytest.mark.parametrize("path", BY_PATH)
def test_every_expression_finds_data(watched: Watched, path: str) -> None:
    dashboard = BY_PATH[path]

    def unanswered() -> list[str]:
        now = datetime.now(UTC)
        asked = (
            (panel["title"], substituted(target["expr"], dashboard, now, CHOSEN), target["legendFormat"])
            for panel, target in dashboard.queries("prometheus")
        )
        return [
            f"{title}: {query}"
            for title, query, legend in asked
            if not answers(watched.prometheus.query(query), legend)
        ]

    def all_answered() -> bool:
        assert unanswered() == []
        return True

    eventually_sync(all_answered, within=60.0)


@pytest.mark.parametrize("path", BY_PATH)
async def test_every_statement_finds_data_as_the_reader(watched: Watched, path: str) -> None:
    dashboard = BY_PATH[path]
    connection = await asyncpg.connect(watched.database_url)
    try:
        await connection.execute("SET ROLE qos_reader")
        for variable in dashboard.variables:
            rows = await connection.fetch(substituted(variable["query"], dashboard, datetime.now(UTC), CHOSEN))
            assert CHOSEN[variable["name"]] in [row["__value"] for row in rows]
            assert all(row["__text"] for row in rows)
        for panel, target in dashboard.queries(SQL):
            query = substituted(target["rawSql"], dashboard, datetime.now(UTC), CHOSEN)
            statement = await connection.prepare(query)
            check_columns(panel, target, [column.name for column in statement.get_attributes()])

            async def has_data(statement: Any = statement, query: str = query) -> bool:
                rows = [dict(row) for row in await statement.fetch()]
                assert any(value is not None for row in rows for name, value in row.items() if name != "time"), query
                times = [row["time"] for row in rows if "time" in row]
                assert times == sorted(times)
                return True

            await eventually(has_data)
    finally:
        await connection.close()


def check_columns(panel: dict[str, Any], target: dict[str, Any], columns: list[str]) -> None:
    """A panel only speaks of columns that its query has; a time series has its time first."""
    named = {override["matcher"]["options"] for override in panel["fieldConfig"]["overrides"]}
    named |= set(re.findall(r"__data\.fields\.(\w+)", json.dumps(panel["fieldConfig"])))
    named |= {panel["options"]["xField"]} if panel["type"] == "barchart" else set()
    assert named <= set(columns), panel["title"]
    assert (target["format"] == "time_series") == (columns[0] == "time"), panel["title"]


def test_what_is_shown_is_what_the_api_says(watched: Watched) -> None:
    def shown(page: str, title: str) -> float:
        dashboard = BY_PATH[f"en/{page}.json"]
        (expression,) = (expression for name, expression in dashboard.promql() if name == title)
        query = substituted(expression, dashboard, datetime.now(UTC), CHOSEN)
        (sample,) = watched.prometheus.query(query)
        return float(sample["value"][1])

    for page, path in (("overview", "/v1/indicators"), ("bureau", "/v1/organisations/taxation/indicators")):
        said = watched.system.ask(path, window="28d")["indicators"]
        expected = {
            "Applications, 28 days": said["volume"]["applications"],
            "Online, 28 days": said["online"]["applications"]["share"],
            "Within the period, 28 days": said["compliance"]["within_period"]["share"],
            "Cashless, 28 days": said["cashless"]["payments"]["share"],
            "Satisfaction, 28 days": said["satisfaction"]["rating"]["mean"],
            "Open": said["standing"]["open"],
            "Overdue": said["standing"]["overdue"],
        }
        eventually_sync(
            lambda page=page, expected=expected: (
                {title: shown(page, title) for title in expected} == pytest.approx(expected)
            )
        )

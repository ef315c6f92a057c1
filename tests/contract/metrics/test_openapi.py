"""The API answers as its OpenAPI document says, whatever is asked: made by schemathesis from the document itself."""

import asyncio
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest
import schemathesis
from hypothesis import HealthCheck, given, settings
from schemathesis.core.result import Ok
from schemathesis.specs.openapi.checks import positive_data_acceptance

from qos_domain.periods import Month, last_complete_month
from qos_local.simulation.simulate import simulate
from support.metrics import CALENDAR
from support.published import publish
from support.results import folded, migrate, store
from support.services import running_service

# Whether a procedure is known, a cursor was given before, or a day has come, a schema can't say.
BEYOND_THE_SCHEMA = positive_data_acceptance
ENDLESS = "GET /v1/stream"


@pytest.fixture
def url(database_url: str, kafka: str, topic_prefix: str, free_port: int) -> Iterator[str]:
    migrate(database_url)
    asyncio.run(_fill(database_url))
    environment = {
        "KAFKA_BOOTSTRAP_SERVERS": kafka,
        "DATABASE_URL": database_url,
        "QOS_TOPIC_PREFIX": topic_prefix,
        "QOS_METRICS_PORT": str(free_port),
        "QOS_METRICS_STAFF_OPEN": "true",
    }
    address = f"http://127.0.0.1:{free_port}"
    with running_service("qos_metrics", environment, ready=f"{address}/health/ready", ready_within=120.0):
        yield address


async def _fill(database_url: str) -> None:
    now = datetime.now(UTC)
    simulated = simulate(seed=5, today=CALENDAR.local_date(now), cases=200, calendar=CALENDAR)
    replay = folded([*simulated.procedures, *simulated.events], CALENDAR)
    await store(database_url, replay, now=now)
    known = [*simulated.procedures, *simulated.events[::2]]
    await publish(database_url, known, simulated.events[1::2], last_month(), replay)


def last_month() -> Month:
    return last_complete_month(CALENDAR.local_date(datetime.now(UTC)) - timedelta(1))


def test_every_answer_is_one_that_is_documented(url: str) -> None:
    tried = set()
    for result in schemathesis.openapi.from_url(f"{url}/openapi.json").get_all_operations():
        assert isinstance(result, Ok)
        operation = result.ok()
        if operation.label == ENDLESS:
            continue

        @settings(
            max_examples=25, deadline=None, derandomize=True, database=None, suppress_health_check=list(HealthCheck)
        )
        @given(case=operation.as_strategy())
        def answers_as_documented(case: schemathesis.Case[Any]) -> None:
            case.call_and_validate(excluded_checks=[BEYOND_THE_SCHEMA])

        answers_as_documented()
        tried.add(operation.label)
    assert {
        "GET /v1/procedures/{procedure_id}/indicators",
        "GET /v1/procedures/{procedure_id}/levels",
        "GET /v1/organisations/{organisation_id}/indicators",
        "GET /v1/indicators",
        "GET /v1/digitalisation",
        "GET /v1/organisations/{organisation_id}/digitalisation",
        "GET /v1/quality-map",
        "GET /v1/publications",
        "GET /v1/publications/{period}",
        "GET /v1/publications/{period}/procedures/{procedure_id}",
        "GET /v1/publications/{period}/organisations/{organisation_id}",
        "GET /v1/publications/{period}/procedures.csv",
        "GET /v1/cases/overdue",
        "GET /v1/cases/explanation",
    } <= tried


@pytest.mark.parametrize("audience", ["public", "staff"])
def test_real_answers_are_what_their_schema_says(url: str, audience: str) -> None:
    """For every procedure, organisation and open case that there is."""
    schema = schemathesis.openapi.from_url(f"{url}/openapi.json")
    with httpx.Client(base_url=url, params={"audience": audience}) as http:
        procedures = [row["procedure_id"] for row in http.get("/v1/procedures").json()["procedures"]]
        organisations = [row["organisation_id"] for row in http.get("/v1/organisations").json()["organisations"]]
        month = last_month().name
        lines = http.get(f"/v1/publications/{month}/organisations.csv").text.splitlines()[1:]
        published = [line.split(",")[1] for line in lines]
        assert published
        asked = [
            *(("/v1/procedures/{procedure_id}", {"procedure_id": name}, {}) for name in procedures),
            *(("/v1/procedures/{procedure_id}/levels", {"procedure_id": name}, {}) for name in procedures),
            *(
                ("/v1/procedures/{procedure_id}/indicators", {"procedure_id": name}, {"by_channel": "true"})
                for name in procedures
            ),
            *(("/v1/organisations/{organisation_id}/indicators", {"organisation_id": n}, {}) for n in organisations),
            *(
                ("/v1/organisations/{organisation_id}/digitalisation", {"organisation_id": n}, {})
                for n in organisations
            ),
            *(
                (f"/v1/publications/{{period}}/{scope}s/{{{scope}_id}}", {"period": month, f"{scope}_id": name}, {})
                for scope, names in (("procedure", procedures), ("organisation", published))
                for name in names
            ),
            ("/v1/publications", {}, {}),
            ("/v1/publications/{period}", {"period": month}, {}),
            ("/v1/digitalisation", {}, {}),
            ("/v1/indicators", {}, {"window": "365d", "by_channel": "true"}),
            ("/v1/quality-map", {}, {}),
            ("/v1/organisations", {}, {}),
        ]
        for template, names, more in asked:
            answer = http.get(template.format(**names), params={**more, "audience": audience})
            assert answer.status_code == 200, answer.text
            schema[template]["GET"].validate_response(answer)
        for name in procedures if audience == "staff" else ():
            answer = http.get("/v1/cases/overdue", params={"procedure": name})
            schema["/v1/cases/overdue"]["GET"].validate_response(answer)
            for case in answer.json()["cases"][:3]:
                wanted = {"procedure": name, "application": case["application_id"]}
                explained = http.get("/v1/cases/explanation", params=wanted)
                assert explained.status_code == 200
                schema["/v1/cases/explanation"]["GET"].validate_response(explained)
                assert explained.json()["judgement"]["due_date"] == case["due_date"]

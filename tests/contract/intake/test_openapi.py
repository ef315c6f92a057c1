"""Intake answers as its OpenAPI document says, whatever is sent: made by schemathesis from the document itself."""

import asyncio
from collections.abc import Iterator
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, given, settings
from schemathesis.core.result import Ok
from schemathesis.specs.openapi.checks import positive_data_acceptance

from qos_intake.settings import IntakeSettings
from support.intake import Keys, create
from support.services import running_service

pytestmark = pytest.mark.real


# Whether an event is accepted depends on its type's own schema, its time and its source too.
BEYOND_THE_SCHEMA = positive_data_acceptance


@schemathesis.serializer("text/csv", "application/x-ndjson")
def _as_text(_context: schemathesis.SerializationContext, value: Any) -> bytes:
    return value.encode() if isinstance(value, str) else str(value).encode()


@pytest.fixture
def api(intake_settings: IntakeSettings, free_port: int) -> Iterator[schemathesis.BaseSchema]:
    asyncio.run(create(intake_settings))
    environment = {
        "KAFKA_BOOTSTRAP_SERVERS": intake_settings.kafka_bootstrap_servers,
        "DATABASE_URL": "",
        "QOS_TOPIC_PREFIX": intake_settings.topic_prefix,
        "QOS_INTAKE_SOURCES_FILE": str(intake_settings.sources_file),
        "QOS_INTAKE_PORT": str(free_port),
        "QOS_INTAKE_GROUP": intake_settings.group,
    }
    address = f"http://127.0.0.1:{free_port}"
    with running_service("qos_intake", environment, ready=f"{address}/health/ready"):
        yield schemathesis.openapi.from_url(f"{address}/openapi.json")


def test_every_answer_is_one_that_is_documented(api: schemathesis.BaseSchema, keys: Keys) -> None:
    tried = set()
    for result in api.get_all_operations():
        assert isinstance(result, Ok)
        operation = result.ok()

        @settings(
            max_examples=30, deadline=None, derandomize=True, database=None, suppress_health_check=list(HealthCheck)
        )
        @given(case=operation.as_strategy())
        def answers_as_documented(case: schemathesis.Case[Any]) -> None:
            key = keys.operator if "/dead-letters" in case.path else keys.e_application
            case.call_and_validate(headers={"X-API-Key": key}, excluded_checks=[BEYOND_THE_SCHEMA])

        answers_as_documented()
        tried.add(operation.label)
    assert {"POST /v1/events", "PUT /v1/procedures", "GET /v1/schemas/{type}", "POST /v1/dead-letters/redrive"} <= tried

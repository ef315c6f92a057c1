"""Capacity, owners, problems, schemas: each in a few lines."""

import re
from pathlib import Path

import jsonschema
import pytest

import qos_domain
import qos_intake
from qos_domain.events import EVENT_TYPES
from qos_intake.capacity import Capacity, Overloaded
from qos_intake.owners import OwnersInMemory
from qos_intake.problems import REASONS, problem
from qos_intake.schemas import data_schema, schema_list
from support.builders import happened, registered
from support.intake import RULES, submitted


def test_capacity_is_given_back_however_the_block_ends() -> None:
    capacity = Capacity(100)
    with capacity.reserve(60):
        with pytest.raises(Overloaded), capacity.reserve(41):
            pass
        with capacity.reserve(40):
            assert capacity.held_bytes == 100
    with pytest.raises(ValueError, match="boom"), capacity.reserve(60):
        raise ValueError("boom")
    assert capacity.held_bytes == 0


def test_a_request_larger_than_all_capacity_is_let_in_alone() -> None:
    capacity = Capacity(100)
    with capacity.reserve(500), pytest.raises(Overloaded), capacity.reserve(1):
        pass
    assert capacity.held_bytes == 0


def test_owners_in_any_order_and_repeated() -> None:
    first = registered(organisation="construction")
    second = registered(organisation="taxation", effective_from="2026-04-01")
    events = [first, second, second, first, happened("review.started", "2025-05-02")]
    for order in (events, events[::-1]):
        owners = OwnersInMemory()
        for event in order:
            owners.learn(event)
        assert owners.of("road-occupation") == {"construction", "taxation"}
        assert owners.of("housing") == frozenset()
        assert len(owners) == 1


def test_every_reason_in_the_code_has_a_status_and_a_title() -> None:
    used = set()
    for package in (qos_domain, qos_intake):
        for file in Path(next(iter(package.__path__))).glob("*.py"):
            text = file.read_text(encoding="utf-8")
            used |= set(re.findall(r'(?:reason=|[Rr]efused\(|problem\()"([a-z_]+)"', text))
    of_records_only = {"wrong_topic", "key_mismatch"}
    assert used - of_records_only <= set(REASONS)
    assert set(REASONS) - used == {"internal", "not_found", "method_not_allowed"} - used


def test_a_problem_is_whole() -> None:
    told = problem("time_in_future", field="time", rule="at most 300 seconds after it is recorded")
    assert (told.status, told.detail) == (422, "time: at most 300 seconds after it is recorded")
    assert problem("not_found").detail == problem("not_found").title


def test_every_schema_is_a_schema_and_takes_its_example() -> None:
    for each in schema_list(RULES)["types"]:
        schema = data_schema(each["type"], RULES)
        assert schema is not None
        jsonschema.Draft202012Validator.check_schema(schema)
    jsonschema.validate(submitted()["data"], data_schema("application.submitted", RULES) or {})
    assert data_schema("application.submitted.v2", RULES) is None
    assert {each["type"] for each in schema_list(RULES)["types"]} == set(EVENT_TYPES)

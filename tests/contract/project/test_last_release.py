"""What the release before and this one tell each other while they run side by side: payloads in log and cases."""

import json
import subprocess
import sys
from typing import Any

import pytest

from qos_domain.contributions import LOGIC_VERSION
from qos_domain.events import EVENT_TYPES, payload_schema
from qos_domain.upcasting import current_version, lifts
from support.releases import last_release

TELL = """
import json
from qos_domain.contributions import LOGIC_VERSION
from qos_domain.events import EVENT_TYPES, payload_schema
from qos_domain.upcasting import current_version
types = {name: {"version": current_version(name), "schema": payload_schema(name)} for name in EVENT_TYPES}
print(json.dumps({"logic_version": LOGIC_VERSION, "types": types}))
"""


@pytest.fixture(scope="module")
def last(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    program = last_release(tmp_path_factory.mktemp("last"))
    told = subprocess.run(
        [sys.executable, "-c", TELL], env=program.environment, capture_output=True, check=True, timeout=60
    ).stdout
    return dict(json.loads(told))


def test_every_type_and_version_of_the_last_release_is_still_read(last: dict[str, Any]) -> None:
    assert last["types"].keys() <= EVENT_TYPES.keys()
    for name, told in last["types"].items():
        assert current_version(name) >= told["version"]
        for version in range(1, told["version"] + 1):
            assert len(lifts(name, version)) == current_version(name) - version


def test_while_the_logic_is_the_same_payloads_only_get_optional_fields(last: dict[str, Any]) -> None:
    """Both write the same cases, and each reads what the other stored. Anything else needs a rebuild, so that neither
    adds to the other's results: raise LOGIC_VERSION (CONTRIBUTING.md, To change an event type).
    """
    assert last["logic_version"] <= LOGIC_VERSION
    if last["logic_version"] < LOGIC_VERSION:
        return
    assert last["types"].keys() == EVENT_TYPES.keys()
    for name, told in last["types"].items():
        assert current_version(name) == told["version"]
        present = json.loads(json.dumps(payload_schema(name)))
        assert without_additions(present, told["schema"]) == told["schema"], name


def test_what_is_an_addition() -> None:
    before = {"properties": {"a": {"type": "object", "properties": {}, "required": []}}, "required": ["a"]}
    inner = {"type": "object", "properties": {"b": {"type": "null"}}, "required": []}
    assert without_additions({"properties": {"a": inner, "c": {}}, "required": ["a"]}, before) == before
    for changed in (
        {"properties": {"a": inner, "c": {}}, "required": ["a", "c"]},
        {"properties": {"a": {**inner, "required": ["b"]}}, "required": ["a"]},
        {"properties": {"a": {**inner, "type": "array"}}, "required": ["a"]},
        {"properties": {"c": {}}, "required": []},
    ):
        assert without_additions(changed, before) != before


def without_additions(schema: Any, before: Any) -> Any:
    """The schema without the properties that `before` doesn't have. (Those that are required stay in `required`.)"""
    if not isinstance(schema, dict) or not isinstance(before, dict):
        return schema
    found = {}
    for key, value in schema.items():
        if key in {"properties", "$defs"}:
            known = before.get(key, {})
            found[key] = {name: without_additions(each, known[name]) for name, each in value.items() if name in known}
        else:
            found[key] = without_additions(value, before.get(key))
    return found

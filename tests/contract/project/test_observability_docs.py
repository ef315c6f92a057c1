"""What docs/observability.md names is there: variables of the services and the SDK, events of the log, attributes."""

import re
from pathlib import Path

from opentelemetry.sdk import environment_variables

from support.environment import SETTINGS, variables

ROOT = Path(__file__).parents[3]
DOCUMENT = (ROOT / "docs" / "observability.md").read_text(encoding="utf-8")
CODE = "\n".join(
    path.read_text(encoding="utf-8") for part in ("shared", "services") for path in (ROOT / part).rglob("*.py")
)


def test_variables_are_read_by_every_service_or_by_the_sdk() -> None:
    ours = set(re.findall(r"\bQOS_[A-Z_]+\b", DOCUMENT))
    assert {"QOS_TRACING", "QOS_LOG_LEVEL", "QOS_LOG_DEBUG_SECONDS"} <= ours
    for service in SETTINGS:
        assert ours <= variables(service)
    of_the_sdk = set(re.findall(r"\bOTEL_[A-Z_]+\b", DOCUMENT))
    assert of_the_sdk
    assert of_the_sdk <= set(vars(environment_variables))


def test_names_of_events_and_attributes_are_those_of_the_code() -> None:
    attributes = set(re.findall(r"`(qos\.[a-z_.]+)`", DOCUMENT))
    events = set(re.findall(r"`([a-z_]+_(?:answered|committed|changed))`", DOCUMENT))
    assert attributes == set(re.findall(r'"(qos\.[a-z]+(?:\.[a-z_]+)?)"', CODE))
    assert {"request_answered", "events_answered", "batches_committed", "log_level_changed"} <= events
    for event in events:
        assert f'"{event}"' in CODE

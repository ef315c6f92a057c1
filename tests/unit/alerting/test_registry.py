"""Which procedures get alerts of their own, and who is told, by what stands in the registry on a day."""

from datetime import date
from pathlib import Path

import pytest

from qos_domain.acceptance import AcceptanceRules, encode_cloudevent
from qos_domain.calendar import Calendar
from qos_local.alerting.registry import UnreadableRegistry, demonstration, read_registry, registered
from support import builders

CALENDAR = Calendar.load()
DAY = date(2026, 4, 1)


def test_declared_priority_procedures_have_objectives_and_every_owner_is_told() -> None:
    events = [
        builders.registered(procedure="road", organisation="construction", priority=True, objective=0.9),
        builders.registered(procedure="bridge", organisation="construction"),
        builders.registered(procedure="well", organisation="environment", priority=False),
    ]
    found = registered(events, as_of=DAY, calendar=CALENDAR)
    assert [(each.procedure_id, each.bureau, each.share) for each in found.objectives] == [
        ("road", "construction", 0.9)
    ]
    assert [bureau.id for bureau in found.bureaus] == ["construction", "environment"]


def test_the_version_in_force_counts() -> None:
    events = [
        builders.registered("2024-04-01", procedure="road", organisation="roads", priority=True),
        builders.registered("2026-04-01", procedure="road", organisation="construction", priority=True, objective=0.8),
        builders.registered("2026-10-01", procedure="road", organisation="other", priority=True),
    ]
    (objective,) = registered(events, as_of=DAY, calendar=CALENDAR).objectives
    assert (objective.bureau, objective.share) == ("construction", 0.8)


def test_nobody_is_told_of_what_is_retired_or_to_come() -> None:
    events = [
        builders.registered("2024-04-01", procedure="road", priority=True),
        builders.registered("2026-01-01", procedure="road", priority=True, type="procedure.retired"),
        builders.registered("2026-10-01", procedure="well", priority=True),
        builders.happened("application.submitted", "2026-01-05", channel="online"),
    ]
    found = registered(events, as_of=DAY, calendar=CALENDAR)
    assert not found.objectives
    assert not found.bureaus


def test_the_demonstration_has_ten() -> None:
    found = demonstration(as_of=DAY, calendar=CALENDAR)
    assert len(found.objectives) == 10
    assert len(found.bureaus) == 9


def test_a_line_that_no_service_would_accept_is_named(tmp_path: Path) -> None:
    rules = AcceptanceRules()
    good = encode_cloudevent(builders.registered(procedure="road", priority=True), rules)
    file = tmp_path / "procedures.ndjson"
    file.write_bytes(good + b"\n" + good.replace(b'"priority":true', b'"priority":"yes"') + b"\n")
    with pytest.raises(UnreadableRegistry, match=r"procedures\.ndjson:2: data\.priority: "):
        read_registry([file], as_of=DAY, calendar=CALENDAR, rules=rules)

    file.write_bytes(good + b"\n")
    assert len(read_registry([file], as_of=DAY, calendar=CALENDAR, rules=rules).objectives) == 1

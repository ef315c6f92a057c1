"""docs/events.md is true: its tables are the schemas', its examples are accepted, its problems are the ones given."""

import json
import re
from pathlib import Path
from typing import Any

import msgspec
import pytest
from prometheus_client import CollectorRegistry

from qos_domain.acceptance import decode_cloudevent
from qos_domain.events import EVENT_TYPES
from qos_intake import event_docs, openapi
from qos_intake.owners import OwnersInMemory
from qos_intake.problems import REASONS, problem_of
from qos_intake.procedure_rows import COLUMNS, RowReader, read_header
from qos_intake.service import Intake, Refusal
from qos_intake.settings import IntakeSettings
from qos_intake.sources import Source, load_sources
from qos_intake.telemetry import Telemetry
from support.builders import tokyo
from support.intake import E_APPLICATION, RULES, StandingClock

DOC = (Path(__file__).parents[3] / "docs" / "events.md").read_text(encoding="utf-8")
SOURCE = Source(E_APPLICATION, "joint", (), None, frozenset(EVENT_TYPES), None)
NOW = tokyo("2026-11-22 10:00")


def blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", DOC, flags=re.MULTILINE | re.DOTALL)


def judged(event: dict[str, Any]) -> Any:
    class Nowhere:
        async def publish(self, records: Any) -> Any:
            raise AssertionError(records)

    intake = Intake(
        publisher=Nowhere(),
        owners=OwnersInMemory(),
        rules=RULES,
        clock=StandingClock(NOW),
        telemetry=Telemetry(CollectorRegistry()),
    )
    return intake.judge(json.dumps(event).encode(), source=SOURCE, decode=decode_cloudevent, at=NOW)


def test_the_list_of_types_is_made_of_the_schemas() -> None:
    start, end = DOC.index(event_docs.BEGIN), DOC.index(event_docs.END)
    assert DOC[start : end + len(event_docs.END)] + "\n" == event_docs.document(), "python -m qos_intake.event_docs"


@pytest.mark.parametrize("event", [block for block in blocks("json") if '"specversion"' in block])
def test_every_event_is_accepted(event: str) -> None:
    verdict = judged(json.loads(event))
    assert not isinstance(verdict, Refusal), verdict


@pytest.mark.parametrize("event", [openapi.SUBMITTED, openapi.NOTIFIED])
def test_every_example_of_the_openapi_document_is_accepted(event: dict[str, Any]) -> None:
    assert not isinstance(judged(event), Refusal)


def test_the_problem_shown_is_the_one_given() -> None:
    [answer] = [json.loads(block) for block in blocks("json") if '"results"' in block]
    ids = {"procedure_id": "p", "application_id": "A-1"}
    event = {
        "specversion": "1.0",
        "id": "e",
        "source": E_APPLICATION,
        "type": "jp.lg.tokyo.qos.review.decided.v1",
        "time": "2026-11-20T09:30:00+09:00",
        "data": {**ids, "outcome": "maybe"},
    }
    refusal = judged(event)
    assert isinstance(refusal, Refusal)
    assert answer["results"][1]["problem"] == msgspec.to_builtins(problem_of(refusal.error))


def test_every_reason_is_listed_with_its_status() -> None:
    rows = re.findall(r"^\| ((?:`[a-z_]+`,? ?)+)\| (\d{3}) \|", DOC, flags=re.MULTILINE)
    listed = {reason: int(status) for reasons, status in rows for reason in re.findall(r"`([a-z_]+)`", reasons)}
    unlisted = {
        "tombstone",
        "malformed_request",
        "unknown_column",
        "missing_column",
        "malformed_row",
        "not_found",
        "operators_only",
        "method_not_allowed",
        "internal",
    }
    assert listed == {reason: int(status) for reason, (status, _) in REASONS.items() if reason not in unlisted}


@pytest.mark.parametrize("file", [*blocks("csv"), openapi.PROCEDURES_CSV])
def test_the_csv_is_accepted(file: str) -> None:
    header, *rows = [line.split(",") for line in file.splitlines()]
    reader = RowReader(read_header(header), source=E_APPLICATION, rules=RULES, zone=NOW.tzinfo, listed_at=None)  # type: ignore[arg-type]
    for row in rows:
        document = reader.document(row, NOW)
        assert isinstance(document, bytes)
        verdict = judged(json.loads(document) | {"id": "e"})
        assert not isinstance(verdict, Refusal), verdict


def test_the_columns_are_the_fields_of_the_table() -> None:
    table = DOC[DOC.index("### procedure.registered") : DOC.index(event_docs.END)]
    assert re.findall(r"^\| `([a-z_.]+)` \|", table, flags=re.MULTILINE) == list(COLUMNS)


def test_the_sources_file_is_one(tmp_path: Path) -> None:
    [text] = blocks("toml")
    (tmp_path / "sources.toml").write_text(text, encoding="utf-8")
    [source] = load_sources(tmp_path / "sources.toml", max_age_days=400).all
    assert source.name == "e-application"


def test_the_limits_are_the_settings() -> None:
    fields = IntakeSettings.model_fields
    for name, default in re.findall(r"^\| `QOS_INTAKE_([A-Z_]+)` \| ([\d,]+) \|", DOC, flags=re.MULTILINE):
        assert fields[name.lower()].default == int(default.replace(",", "")), name

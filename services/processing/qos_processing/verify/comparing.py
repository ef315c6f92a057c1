"""A stored case against a fresh fold of its facts, and buckets against what cases contribute to them: pure."""

from collections.abc import Iterator, Mapping
from datetime import date
from typing import Any, NamedTuple

import msgspec

from qos_domain.calendar import Calendar
from qos_domain.case import CaseKey, view
from qos_domain.contributions import project
from qos_domain.facts import decode_facts
from qos_domain.registry import History
from qos_domain.rows import CaseRow, Contributions, Row, decode_contributions
from qos_processing.verify.findings import Mismatch, What

_VOID = CaseRow(status="open", reference_date=date.min)
"""Only its empty columns are compared: a case of which no fact stands has none of them."""


class CheckedCase(NamedTuple):
    """What is stored of a case. `columns` by name, `suspended` as pairs [from, to)."""

    key: CaseKey
    facts: str
    contributions: str
    columns: Mapping[str, Any]


def compare_case(case: CheckedCase, history: History, calendar: Calendar) -> Iterator[Mismatch]:
    """Where the row and the contributions differ from those of its facts."""
    place = {"procedure_id": case.key[0], "application_id": case.key[1]}
    try:
        facts = decode_facts(case.facts)
        stored = decode_contributions(case.contributions)
    except msgspec.DecodeError as error:
        yield Mismatch("cases", place, "facts, contributions", str(error), "JSON of their form")
        return
    projection = project(case.key, view(facts), history, calendar)
    if projection is None:
        expected = {**msgspec.structs.asdict(_VOID), "status": "void", "reference_date": None}
        contributions: Contributions = {}
    else:
        expected, contributions = msgspec.structs.asdict(projection.case), projection.contributions
    for name, value in expected.items():
        if case.columns[name] != value:
            yield Mismatch("cases", place, name, _shown(case.columns[name]), _shown(value))
    yield from compare_rows("cases", place, stored, contributions)


def compare_rows(
    what: What, place: Mapping[str, str], stored: Mapping[Row, int], expected: Mapping[Row, int]
) -> Iterator[Mismatch]:
    """Where two sets of buckets differ; 0 is the same as none."""
    for row in sorted(stored.keys() | expected.keys()):
        if stored.get(row, 0) != expected.get(row, 0):
            yield Mismatch(what, {**place, **bucket_place(row)}, "value", stored.get(row), expected.get(row))


def bucket_place(row: Row) -> dict[str, str]:
    """What names a bucket within its procedure, or within its scope."""
    return {
        "organisation_id": row.organisation_id,
        "date": date.fromordinal(row.day).isoformat(),
        "measure": row.measure,
        "bin": str(row.bin),
        "channel": row.channel,
        "online": str(row.online).lower(),
    }


def _shown(value: object) -> str | None:
    return None if value is None else str(value)

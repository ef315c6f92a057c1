"""Publications as events: digests, and that what was written is read back."""

from dataclasses import replace
from datetime import UTC, date, datetime
from typing import Any

import msgspec
import pytest
from hypothesis import given

from qos_domain.measures import Sums
from qos_domain.periods import Month
from qos_domain.publication import ProcedureInputs, procedure_statement
from qos_domain.publication_events import (
    TYPE_OF_DATA,
    LogPosition,
    PublicationCompleted,
    PublicationEvent,
    PublicationIssued,
    PublicationLineage,
    PublicationRestated,
    UnreadablePublication,
    canonical,
    digest_of,
    read_event,
)
from qos_domain.restatement import Step
from support.evidence import ASSESSOR, a_perfect_procedure, throughout, version
from support.sums import buckets, online, sums_strategy

PREFIX = "jp.lg.tokyo.qos."
AT = datetime(2025, 7, 5, 2, 0, tzinfo=UTC)


def issued(sums: Sums) -> PublicationIssued:
    of = version(a_perfect_procedure())
    return PublicationIssued(
        publication_id="2025-06.1",
        period="2025-06",
        scope="procedure",
        id="water-supply",
        organisation_id="waterworks",
        statement=procedure_statement(
            ProcedureInputs(version=of, buckets=buckets(sums), evidence=throughout(sums)),
            assessor=ASSESSOR,
            month=Month(2025, 6),
        ),
        lineage=PublicationLineage(
            criteria="tokyo-1",
            calendar="jp-tokyo-1",
            registry=of.name,
            logic_version=1,
            positions={"applications": 7, "procedures": 1},
            processed_until=AT,
        ),
    )


def completed() -> PublicationCompleted:
    return PublicationCompleted(
        publication_id="2025-06.1",
        period="2025-06",
        as_of=date(2025, 6, 30),
        issued_at=AT,
        procedures=1,
        organisations=1,
        digest="0" * 64,
        criteria="tokyo-1",
        calendar="jp-tokyo-1",
        logic_version=1,
        positions=(LogPosition(topic="applications", partition=0, next_offset=7, topic_id=None),),
        processed_until=AT,
    )


def restatement(before: PublicationIssued, after: PublicationIssued) -> PublicationRestated:
    return PublicationRestated(
        publication_id=before.publication_id,
        period=before.period,
        scope=before.scope,
        id=before.id,
        published=before.digest,
        restated_at=AT,
        steps=(Step(cause="late_events", statement=after.statement),),
        lineage=after.lineage,
        late_events=3,
    )


def on_the_wire(event: PublicationEvent) -> bytes:
    envelope: dict[str, Any] = {
        "specversion": "1.0",
        "id": "x",
        "source": "urn:procedure-qos:processing",
        "type": f"{PREFIX}{TYPE_OF_DATA[type(event)]}.v1",
        "time": AT,
        "data": event,
    }
    return msgspec.json.encode(envelope)


@given(sums_strategy(), sums_strategy())
def test_what_is_written_is_read_back_to_the_last_figure(one: Sums, other: Sums) -> None:
    before, after = issued(one), issued(other)
    for event in (before, completed(), restatement(before, after)):
        found = read_event(on_the_wire(event), type_prefix=PREFIX)
        assert found == event
        assert canonical(found) == canonical(event)


@given(sums_strategy())
def test_a_digest_survives_the_wire_and_tells_any_change(sums: Sums) -> None:
    event = issued(sums)
    found = read_event(on_the_wire(event), type_prefix=PREFIX)
    assert isinstance(found, PublicationIssued)
    assert found.digest == event.digest
    more = dict(sums)
    more["online", True, "arrived", 0] = more.get(("online", True, "arrived", 0), 0) + 1
    assert issued(more).digest != event.digest
    assert replace(event, period="2025-05").digest != event.digest


def test_the_digest_of_all_depends_on_no_order_and_misses_nothing() -> None:
    one, two = ("procedure", "a", "11"), ("procedure", "b", "22")
    assert digest_of([one, two]) == digest_of([two, one])
    assert len({digest_of([]), digest_of([one]), digest_of([two]), digest_of([one, two])}) == 4


def test_an_event_of_another_type_is_another_readers() -> None:
    other = {"type": f"{PREFIX}inventory.published.v1", "data": {"anything": 1}}
    assert read_event(msgspec.json.encode(other), type_prefix=PREFIX) is None
    newer = {"type": f"{PREFIX}publication.issued.v2", "data": {}}
    assert read_event(msgspec.json.encode(newer), type_prefix=PREFIX) is None


@pytest.mark.parametrize(
    "value",
    [
        b"",
        b"\xff\xfe",
        b"not json",
        b"[]",
        b'{"data": {}}',
        msgspec.json.encode({"type": f"{PREFIX}publication.issued.v1", "data": {"period": "2025-06"}}),
        msgspec.json.encode({"type": f"{PREFIX}publication.completed.v1", "data": []}),
    ],
)
def test_what_cannot_be_read_is_told_and_not_guessed(value: bytes) -> None:
    with pytest.raises(UnreadablePublication) as refused:
        read_event(value, type_prefix=PREFIX)
    assert refused.value.rule


def test_restated_causes_are_those_of_its_steps() -> None:
    assert restatement(issued({}), issued(online(met=1))).causes == ("late_events",)

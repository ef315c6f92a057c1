"""Judging and answering, without Kafka: the publisher here answers what the test tells it to."""

import json
from collections.abc import Collection, Sequence
from datetime import timedelta
from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from prometheus_client import CollectorRegistry

from qos_domain.acceptance import decode_cloudevent
from qos_domain.errors import TransientFailure
from qos_domain.events import EVENT_TYPES
from qos_intake.ports import Receipt, Record
from qos_intake.results import Accepted, Rejected, Result, Unavailable
from qos_intake.service import Intake
from qos_intake.sources import Source
from qos_intake.telemetry import Telemetry
from support.builders import tokyo
from support.intake import E_APPLICATION, RULES, StandingClock, submitted

SOURCE = Source(
    uri=E_APPLICATION,
    name="joint",
    key_hashes=(b"x",),
    organisations=frozenset({"waterworks"}),
    event_types=frozenset(EVENT_TYPES),
    max_age=timedelta(days=400),
)


class Told:
    """Publishes in memory, but for the keys that it was told to fail."""

    def __init__(self, failing: Collection[bytes] = ()) -> None:
        self.failing = failing
        self.records: list[Record] = []

    async def publish(self, records: Sequence[Record]) -> Sequence[Receipt | TransientFailure]:
        self.records += records
        return [
            TransientFailure("told to") if record.key in self.failing else Receipt(record.topic, 0, offset)
            for offset, record in enumerate(records)
        ]


class Owned:
    def __init__(self, **organisations: set[str]) -> None:
        self._organisations = organisations

    def of(self, procedure_id: str) -> Collection[str]:
        return self._organisations.get(procedure_id, ())


def intake(publisher: Told, owners: Owned | None = None) -> Intake:
    return Intake(
        publisher=publisher,
        owners=owners or Owned(),
        rules=RULES,
        clock=StandingClock(),
        telemetry=Telemetry(CollectorRegistry()),
    )


async def take(publisher: Told, *events: dict[str, Any], **how: Any) -> list[Result]:
    documents = [json.dumps(event).encode() for event in events]
    owners = how.pop("owners", None)
    return await intake(publisher, owners).take(documents, source=SOURCE, decode=decode_cloudevent, **how)


async def test_each_event_has_its_own_answer() -> None:
    publisher = Told(failing={b"p-down"})
    results = await take(
        publisher,
        submitted("e-1"),
        submitted("e-2", data={"procedure_id": "p-down"}),
        submitted("e-3", data={"x": 1}),
        submitted("e-4", data={"procedure_id": "p-foreign"}),
        owners=Owned(**{"p-foreign": {"taxation"}, "water-supply": {"waterworks", "taxation"}}),
    )

    assert [type(result) for result in results] == [Accepted, Unavailable, Rejected, Rejected]
    assert [result.index for result in results] == [0, 1, 2, 3]
    assert isinstance(results[2], Rejected)
    assert isinstance(results[3], Rejected)
    assert (results[2].id, results[2].problem.reason) == (None, "unknown_field")
    assert (results[3].id, results[3].problem.reason) == ("e-4", "source_not_allowed")
    assert [record.key for record in publisher.records] == [b"water-supply", b"p-down"]


@given(kinds=st.lists(st.sampled_from(("good", "bad", "down")), max_size=600))
async def test_answers_stand_in_the_order_of_the_events(kinds: list[str]) -> None:
    changes = {"good": {}, "bad": {"channel": "fax"}, "down": {"procedure_id": "p-down"}}
    events = [submitted(f"e-{number}", data=dict(changes[kind])) for number, kind in enumerate(kinds)]

    results = await take(Told(failing={b"p-down"}), *events)

    expected = {"good": Accepted, "bad": Rejected, "down": Unavailable}
    assert [type(result) for result in results] == [expected[kind] for kind in kinds]
    assert [result.index for result in results] == list(range(len(kinds)))


async def test_age_and_future_of_a_relayed_event_are_those_of_its_append_time() -> None:
    """An inbox that intake reads a year late says what it would have said then."""
    event = submitted(time="2026-11-20T09:50:00+09:00")
    early, right, late = (tokyo(day) for day in ("2026-11-19", "2026-11-20", "2028-01-01"))

    results = await take(Told(), event, event, event, recorded_at=[early, right, late])

    assert [result.problem.reason if isinstance(result, Rejected) else "" for result in results] == [
        "time_in_future",
        "",
        "too_old",
    ]


async def test_the_registry_may_speak_of_old_times() -> None:
    """A procedure in force since 2001 is registered with the time of that decision."""
    data = {
        "procedure_id": "p",
        "name": {"ja": "手続"},
        "organisation": {"id": "waterworks", "name": {"ja": "水道局"}, "kind": "bureau"},
        "effective_from": "2001-04-01",
    }
    event = submitted(type="jp.lg.tokyo.qos.procedure.registered.v1", time="2001-03-01T00:00:00+09:00")
    [result] = await take(Told(), event | {"data": data})
    assert isinstance(result, Accepted)


async def test_nothing_is_published_when_nothing_is_good() -> None:
    publisher = Told()
    assert await take(publisher) == []
    [result] = await take(publisher, submitted(data={"x": 1}), single=True)
    assert (result.index, result.row) == (None, None)
    assert publisher.records == []

"""The id of a row is its content: pinned, because a change would register every list a second time."""

from datetime import UTC

from hypothesis import given

from qos_domain.events import Event
from qos_domain.ids import row_id
from support.builders import happened
from support.events_strategies import events


def id_of(event: Event) -> str:
    return row_id(source=event.source, time=event.time, data=event.data)


def test_the_id_of_a_known_row() -> None:
    event = happened("application.submitted", "2025-05-02 23:50", source="urn:joint", channel="online")
    assert id_of(event) == "b7d3ea7430e65fd8b030de6dd8224be06f74a4d1b40da1f8e1178899e3fbe995"


@given(event=events())
def test_the_time_zone_of_the_sender_does_not_matter(event: Event) -> None:
    moved = Event(source=event.source, id="other", time=event.time.astimezone(UTC), data=event.data)
    assert id_of(moved) == id_of(event)


@given(one=events(), other=events())
def test_rows_of_other_content_have_other_ids(one: Event, other: Event) -> None:
    same = (one.source, one.time, one.data) == (other.source, other.time, other.data)
    assert (id_of(one) == id_of(other)) == same

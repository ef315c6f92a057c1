"""A newer program stored optional fields that this one doesn't know: the fact says the rest, and keeps them."""

from typing import Any

import msgspec
import pytest
from hypothesis import given
from msgspec import Raw

from qos_domain.events import Event
from qos_domain.facts import Fact, decode_facts, encode_facts, fact_of, join
from support.builders import happened, registered
from support.events_strategies import events


def with_unknown(fact: Fact, data: Any) -> Fact:
    return msgspec.structs.replace(fact, data=Raw(msgspec.json.encode(data)))


def scattered(value: Any) -> Any:
    """The same with a field of tomorrow in each of its objects."""
    if isinstance(value, dict):
        return {**{name: scattered(each) for name, each in value.items()}, "of_tomorrow": {"x": [1]}}
    return [scattered(each) for each in value] if isinstance(value, list) else value


@given(events())
def test_whatever_a_newer_program_added_the_payload_is_the_one_that_is_known(event: Event) -> None:
    fact = fact_of(event)
    newer = with_unknown(fact, scattered(msgspec.json.decode(fact.data)))
    assert newer.payload == fact.payload


def test_the_unknown_fields_stay_where_they_are() -> None:
    submitted = fact_of(happened("application.submitted", "2025-05-02", channel="online", id="1"))
    newer = with_unknown(submitted, {**msgspec.json.decode(submitted.data), "of_tomorrow": 1})
    decided = fact_of(happened("review.decided", "2025-05-07", outcome="approved", id="2"))
    stored = encode_facts(join({(newer.source, newer.id): newer}, [decided]))
    assert '"of_tomorrow":1' in stored
    assert decode_facts(stored)[newer.source, newer.id] == newer


def test_what_does_not_fit_otherwise_is_still_an_error() -> None:
    fact = fact_of(registered())
    data = msgspec.json.decode(fact.data)
    for wrong in ({**data, "objective": 3}, {**data, "standard_period": {"of_tomorrow": 1}}):
        with pytest.raises(msgspec.ValidationError):
            assert with_unknown(fact, wrong).payload

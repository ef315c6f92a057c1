"""Facts: what stays when the same name comes twice, and what a correction makes void."""

import msgspec

from qos_domain.events import Event
from qos_domain.facts import NO_FACTS, Facts, fact_of, join, standing
from support.builders import happened


def facts_of(*events: Event) -> Facts:
    return join(NO_FACTS, map(fact_of, events))


def test_a_repeated_event_changes_nothing() -> None:
    submitted = happened("application.submitted", "2025-05-02", channel="online", id="1")
    facts = facts_of(submitted)
    assert join(facts, [fact_of(submitted)]) is facts


def test_one_instant_written_with_two_offsets_is_no_conflict() -> None:
    submitted = happened("application.submitted", "2025-05-02 09:00", channel="online", id="1")
    in_utc = msgspec.structs.replace(submitted, time=submitted.time.astimezone(tz=None))
    assert facts_of(submitted, in_utc) == facts_of(submitted)


def test_the_earlier_content_of_one_name_stays_and_the_conflict_is_marked() -> None:
    late = happened("application.submitted", "2025-05-03", channel="counter", id="1")
    early = happened("application.submitted", "2025-05-02", channel="online", id="1")
    for order in ((late, early), (early, late), (early, late, early)):
        (fact,) = facts_of(*order).values()
        assert fact.time == early.time
        assert fact.conflict


def test_at_one_time_the_smaller_hash_of_the_data_stays_whatever_came_first() -> None:
    one = happened("application.submitted", "2025-05-02", channel="counter", id="1")
    other = happened("application.submitted", "2025-05-02", channel="online", id="1")
    assert facts_of(one, other) == facts_of(other, one)


def test_a_corrected_event_is_void_for_ever_even_when_it_comes_later() -> None:
    wrong = happened("application.submitted", "2025-05-02", channel="counter", id="1")
    right = happened("application.submitted", "2025-05-02", channel="online", id="2", corrects="1")
    for order in ((wrong, right), (right, wrong), (right, wrong, wrong)):
        assert [fact.id for fact in standing(facts_of(*order))] == ["2"]


def test_a_correction_of_a_correction_leaves_only_the_last() -> None:
    first = happened("application.withdrawn", "2025-05-02", id="1")
    second = happened("application.withdrawn", "2025-05-03", id="2", corrects="1")
    third = happened("application.withdrawn", "2025-05-04", id="3", corrects="2")
    assert [fact.id for fact in standing(facts_of(third, first, second))] == ["3"]


def test_a_correction_reaches_only_events_of_its_own_source() -> None:
    theirs = happened("application.withdrawn", "2025-05-02", id="1", source="urn:counter")
    ours = happened("application.withdrawn", "2025-05-03", id="2", corrects="1", source="urn:joint")
    assert len(standing(facts_of(theirs, ours))) == 2

"""Any order, any duplication and any split into batches gives the same facts, the same view and the same buckets."""

from collections import Counter
from datetime import datetime, time, timedelta

from hypothesis import given, settings
from hypothesis import strategies as st

from qos_domain.acceptance import AcceptanceRules, decode_cloudevent, encode_cloudevent
from qos_domain.calendar import Calendar
from qos_domain.case import case_key, view
from qos_domain.contributions import project
from qos_domain.events import Event
from qos_domain.facts import NO_FACTS, decode_facts, encode_facts, event_of, fact_of, join
from qos_domain.procedures import Procedure
from qos_domain.registry import History
from qos_domain.replay import Replay
from qos_domain.rows import Row, decode_contributions, encode_contributions
from qos_domain.workload import is_open, is_overdue
from support.events_strategies import FIRST_DAY, streams

CALENDAR = Calendar.load()


def replay_of(events: list[Event]) -> Replay:
    replay = Replay(CALENDAR)
    replay.add_all(events)
    return replay


def assert_equal_replays(one: Replay, other: Replay) -> None:
    assert {key: encode_facts(facts) for key, facts in one.cases.items()} == {
        key: encode_facts(facts) for key, facts in other.cases.items()
    }
    assert dict(one.projections()) == dict(other.projections())
    assert one.buckets() == other.buckets()


@given(streams)
def test_an_equal_event_can_be_made_of_a_fact(events: list[Event]) -> None:
    """Also of one that was read back, and it is accepted as it is written: what a log has lost can be put back."""
    for event in events:
        (fact,) = decode_facts(encode_facts(join(NO_FACTS, (fact_of(event),)))).values()
        again = event_of(fact)
        assert again == event
        assert decode_cloudevent(encode_cloudevent(again, AcceptanceRules()), AcceptanceRules()) == event


@given(streams, st.randoms(use_true_random=False))
def test_any_order_and_any_duplication(events: list[Event], random: object) -> None:
    shuffled = [*events, *events[::2]]
    random.shuffle(shuffled)  # type: ignore[attr-defined]
    assert_equal_replays(replay_of(events), replay_of(shuffled))


@given(streams, st.integers(1, 10))
def test_any_split_into_batches(events: list[Event], size: int) -> None:
    """Batches applied as differences, as the processing service does, sum to the buckets of the final states."""
    replay = Replay(CALENDAR)
    applied: dict[tuple[str, str], dict[Row, int]] = {}
    buckets: Counter[tuple[str, Row]] = Counter()
    for begin in range(0, len(events), size):
        batch = events[begin : begin + size]
        replay.add_all(batch)
        registry_changed = {event.data.procedure_id for event in batch if isinstance(event.data, Procedure)}
        touched = {case_key(event) for event in batch if not isinstance(event.data, Procedure)}
        touched |= {key for key in replay.cases if key[0] in registry_changed}
        for key in touched:
            projection = project(key, view(replay.cases[key]), replay.history(key[0]), CALENDAR)
            contributions = {} if projection is None else dict(projection.contributions)
            stored = decode_contributions(encode_contributions(applied.get(key, {})))
            buckets.subtract({(key[0], row): count for row, count in stored.items()})
            buckets.update({(key[0], row): count for row, count in contributions.items()})
            applied[key] = contributions
    expected = {
        (procedure_id, row): count
        for procedure_id, rows in replay_of(events).buckets().items()
        for row, count in rows.items()
    }
    assert {cell: count for cell, count in buckets.items() if count} == expected


@given(streams, streams, streams)
def test_joining_is_a_semilattice(one: list[Event], two: list[Event], three: list[Event]) -> None:
    a, b, c = (join(NO_FACTS, map(fact_of, events)) for events in (one, two, three))
    assert join(a, b.values()) == join(b, a.values())
    assert join(join(a, b.values()), c.values()) == join(a, join(b, c.values()).values())
    assert join(a, a.values()) is a
    assert decode_facts(encode_facts(a)) == a


@given(streams)
def test_bucket_rows_are_never_negative_and_results_are_given_once(events: list[Event]) -> None:
    for _, projection in replay_of(events).projections():
        assert all(count > 0 for count in projection.contributions.values())
        results = sum(n for row, n in projection.contributions.items() if row.measure in {"met", "breached"})
        assert results == (projection.case.result is not None)


@given(streams)
@settings(max_examples=50)
def test_on_every_day_buckets_and_single_cases_say_the_same_of_what_is_open_and_overdue(events: list[Event]) -> None:
    projections = [projection for _, projection in replay_of(events).projections()]
    for days in range(-1, 90):
        as_of = FIRST_DAY.date() + timedelta(days)
        last_moment = datetime.combine(as_of, time.max, CALENDAR.time_zone)
        for projection in projections:
            case, sums = projection.case, Counter[str]()
            for row, count in projection.contributions.items():
                sums[row.measure] += count * (row.day <= as_of.toordinal())
            opened = is_open(case, as_of)
            assert sums["arrived"] - sums["ended"] == opened
            overdue = sums["breached"] - sums["recovered"] - sums["withdrawn_overdue"]
            assert overdue == (opened and is_overdue(case, as_of, last_moment))


@given(streams)
@settings(max_examples=50)
def test_a_registry_change_affects_no_case_before_its_date(events: list[Event]) -> None:
    registry = [event for event in events if isinstance(event.data, Procedure)]
    if not registry:
        return
    former_facts = join(NO_FACTS, map(fact_of, registry[:-1]))
    former, present = History.of(former_facts), History.of(join(former_facts, [fact_of(registry[-1])]))
    affected_from = present.affected_from(former)
    for event in events:
        day = CALENDAR.local_date(event.time)
        if affected_from is None or day < affected_from:
            assert present.rule(day) == former.rule(day)

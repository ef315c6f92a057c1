"""Batches of several topics are cut at a common moment, and nothing of them is lost or doubled."""

import sys

from hypothesis import given
from hypothesis import strategies as st

from qos_processing import aligning
from qos_processing.aligning import align
from qos_processing.ports import Batch, Record

TOPICS = ("applications", "reviews", "notifications")


def batch(topic: str, appended: list[int], start: int = 0) -> Batch:
    records = [Record(b"k", b"v", (), start + number, at) for number, at in enumerate(appended)]
    return Batch(topic, 3, start, start + len(records), records)


def test_a_backlog_is_cut_where_the_first_batch_ends() -> None:
    applications = batch("applications", [10 * n for n in range(1_000)])
    reviews = batch("reviews", list(range(1_000)), start=50)
    later_today = batch("notifications", [5_000] * 10)
    now, later = align([applications, reviews, later_today], most=sys.maxsize)
    assert [(b.topic, b.fetched_from, b.next_offset, len(b.records)) for b in now] == [
        ("applications", 0, 100, 100),
        ("reviews", 50, 1_050, 1_000),
    ]
    assert [(b.topic, b.fetched_from, b.next_offset, len(b.records)) for b in later] == [
        ("applications", 100, 1_000, 900),
        ("notifications", 0, 10, 10),
    ]


def test_a_trickle_goes_whole() -> None:
    trickle = [batch("applications", [1, 2, 3]), batch("reviews", [1])]
    assert align(trickle, most=4) == (trickle, [])


def test_a_batch_of_holes_only_goes_at_once() -> None:
    holes = Batch("feedback", 3, 7, 9, ())
    backlog = batch("applications", list(range(2_000)))
    assert align([holes, backlog], most=sys.maxsize) == ([holes, backlog], [])


def test_no_more_than_may_go_even_if_all_have_one_time() -> None:
    now, later = align([batch("applications", [5] * 10), batch("reviews", [1, 5, 5])], most=4)
    assert [(b.topic, b.fetched_from, b.next_offset) for b in now] == [("applications", 0, 3), ("reviews", 0, 1)]
    assert [(b.topic, b.fetched_from, b.next_offset) for b in later] == [("applications", 3, 10), ("reviews", 1, 3)]


@given(
    st.lists(st.lists(st.integers(0, 9), max_size=12), min_size=1, max_size=3),
    st.integers(1, 20),
)
def test_with_a_limit_too_all_is_applied_once_in_order(times: list[list[int]], most: int) -> None:
    """Also where the broker's clock went back."""
    waiting = [batch(topic, appended) for topic, appended in zip(TOPICS, times, strict=False)]
    whole = {b.topic: b for b in waiting}
    applied: dict[str, list[Record]] = {b.topic: [] for b in waiting}
    while waiting:
        left = sum(len(b.records) for b in waiting)
        now, waiting = align(waiting, most=most)
        assert sum(len(part.records) for part in now) == min(most, left)
        for part in now:
            assert part.fetched_from == len(applied[part.topic])
            applied[part.topic] += part.records
            assert part.next_offset == len(applied[part.topic])
    assert applied == {topic: list(full.records) for topic, full in whole.items()}


@given(st.lists(st.lists(st.integers(0, 9), max_size=12).map(sorted), min_size=1, max_size=3))
def test_all_is_applied_once_in_order_and_every_round_ends_a_batch(times: list[list[int]]) -> None:
    waiting = [batch(topic, appended) for topic, appended in zip(TOPICS, times, strict=False)]
    whole = {b.topic: b for b in waiting}
    applied: dict[str, list[Record]] = {b.topic: [] for b in waiting}
    position = {b.topic: b.fetched_from for b in waiting}
    rounds = 0
    small, aligning.SMALL = aligning.SMALL, 0
    try:
        while waiting:
            now, waiting = align(waiting, most=sys.maxsize)
            for part in now:
                assert part.fetched_from == position[part.topic]
                position[part.topic] = part.next_offset
                applied[part.topic] += part.records
            rounds += 1
    finally:
        aligning.SMALL = small
    assert rounds <= len(whole)
    for topic, full in whole.items():
        assert applied[topic] == list(full.records)
        assert position[topic] == full.next_offset

"""Batches of several topics are cut at a common moment, and nothing of them is lost or doubled."""

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
    now, later = align([applications, reviews, later_today])
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
    assert align(trickle) == (trickle, [])


def test_a_batch_of_holes_only_goes_at_once() -> None:
    holes = Batch("feedback", 3, 7, 9, ())
    backlog = batch("applications", list(range(2_000)))
    assert align([holes, backlog]) == ([holes, backlog], [])


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
            now, waiting = align(waiting)
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

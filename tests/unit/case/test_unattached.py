"""Feedback and inquiries that name no application: each is a case of its own, with its corrections."""

from collections import Counter
from datetime import date

from qos_domain.calendar import Calendar
from qos_domain.events import Event
from qos_domain.replay import Replay
from support.builders import happened, registered


def rows_of(*events: Event) -> Counter[tuple[str, str, int]]:
    """The contributions of all cases as {(measure, date, bin): count}."""
    replay = Replay(Calendar.load())
    replay.add_all((registered(), *events))
    rows: Counter[tuple[str, str, int]] = Counter()
    for row, count in replay.buckets().get("road-occupation", {}).items():
        rows[row.measure, date.fromordinal(row.day).isoformat(), row.bin] += count
    return rows


def test_two_events_whose_source_and_id_read_alike_in_one_piece_are_two() -> None:
    by_the_desk = happened(
        "feedback.submitted",
        "2025-05-20",
        application=None,
        rating=1,
        channel="phone",
        source="urn:centre",
        id="desk#7",
    )
    by_the_centre = happened(
        "feedback.submitted",
        "2025-05-21",
        application=None,
        rating=5,
        channel="phone",
        source="urn:centre#desk",
        id="7",
    )
    assert rows_of(by_the_desk, by_the_centre) == {("rating", "2025-05-20", 1): 1, ("rating", "2025-05-21", 5): 1}


def test_an_inquiry_that_was_corrected_twice_counts_once_by_the_latest() -> None:
    asked = happened("inquiry.received", "2025-05-20", application=None, channel="phone", id="q1")
    on_the_19th = happened("inquiry.received", "2025-05-19", application=None, channel="phone", id="q2", corrects="q1")
    on_the_21st = happened("inquiry.received", "2025-05-21", application=None, channel="phone", id="q3", corrects="q1")
    for order in ((asked, on_the_19th, on_the_21st), (on_the_21st, on_the_19th, asked)):
        assert rows_of(*order) == {("inquiries", "2025-05-21", 0): 1}


def test_a_correction_of_unattached_feedback_joins_it() -> None:
    first = happened("feedback.submitted", "2025-05-20", application=None, rating=1, channel="online", id="f1")
    better = happened(
        "feedback.submitted", "2025-05-20", application=None, rating=4, channel="online", id="f2", corrects="f1"
    )
    assert rows_of(first, better) == {("rating", "2025-05-20", 4): 1}

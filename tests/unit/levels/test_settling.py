"""Settled levels: a week of equal assessments, no flapping."""

from datetime import date, timedelta
from itertools import pairwise

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from qos_domain.assessment import LevelChange, LevelChanged, Settled, SettledLevel, settle
from support.evidence import a_perfect_procedure, assessed, throughout
from support.sums import online

JUNE = date(2025, 6, 1)
PROCEDURE = a_perfect_procedure()
ON_TIME = throughout(online(met=60))  # Faster, evidenced: 2
LATE = throughout(online(met=30, breached=30))  # Faster, evidenced: 1


def run(on_time: list[bool | None], settling_days: int = 7) -> tuple[list[int], list[LevelChanged]]:
    """The settled evidenced level of Faster, day by day from 1 June; None is a day without an assessment."""
    settled: Settled | None = None
    course: list[int] = []
    events: list[LevelChanged] = []
    for index, good in enumerate(on_time):
        if good is None:
            continue
        today = assessed(PROCEDURE, ON_TIME if good else LATE, JUNE + timedelta(index))
        settled, changed = settle(settled, today, settling_days)
        course.append(settled.levels["faster"]["evidenced"].level)
        if changed is not None:
            events.append(changed)
    return course, events


def test_a_level_changes_after_seven_equal_days() -> None:
    course, events = run([True, *[False] * 8])
    assert course == [2, 2, 2, 2, 2, 2, 2, 1, 1]
    assert events == [
        LevelChanged(
            procedure_id="water-supply",
            as_of=date(2025, 6, 8),
            changes=(LevelChange(principle="faster", reading="evidenced", before=2, after=1),),
        )
    ]


def test_a_level_that_flaps_does_not_change() -> None:
    course, events = run([True, *[False] * 6, True, *[False] * 6, True])
    assert set(course) == {2}
    assert events == []


def test_a_missing_day_begins_the_row_anew() -> None:
    course, _ = run([True, *[False] * 3, None, *[False] * 7])
    assert course == [2, *[2] * 3, *[2] * 6, 1]


def test_the_first_assessment_settles_at_once_and_is_no_change() -> None:
    assert run([False]) == ([1], [])


def test_an_assessment_of_a_day_that_counted_changes_nothing() -> None:
    first, _ = settle(None, assessed(PROCEDURE, ON_TIME, JUNE))
    again, changed = settle(first, assessed(PROCEDURE, LATE, JUNE))
    earlier, _ = settle(first, assessed(PROCEDURE, LATE, JUNE - timedelta(1)))
    assert again is first
    assert earlier is first
    assert changed is None


def test_a_settling_time_of_one_day_follows_live() -> None:
    course, events = run([True, False, True, True, False], settling_days=1)
    assert course == [2, 1, 2, 2, 1]
    assert len(events) == 3


def test_the_state_says_what_it_waits_for_and_survives_json() -> None:
    settled: Settled | None = None
    for index, evidence in enumerate([ON_TIME, LATE, LATE]):
        settled, _ = settle(settled, assessed(PROCEDURE, evidence, JUNE + timedelta(index)))
    assert settled is not None
    assert settled.levels["faster"]["evidenced"] == SettledLevel(level=2, since=JUNE, candidate=1, candidate_days=2)
    assert settled.levels["faster"]["declared"] == SettledLevel(level=2, since=JUNE)
    assert msgspec.json.decode(msgspec.json.encode(settled), type=Settled) == settled


@given(st.lists(st.booleans(), min_size=1, max_size=40), st.integers(1, 9))
def test_a_settled_level_is_that_of_the_last_long_enough_run(days: list[bool], settling_days: int) -> None:
    course, events = run(list(days), settling_days)
    expected, settled = [], days[0]
    for index in range(len(days)):
        last = days[max(0, index - settling_days + 1) : index + 1]
        if len(last) == settling_days and len(set(last)) == 1:
            settled = last[0]
        expected.append(2 if settled else 1)
    assert course == expected
    assert len(events) == sum(before != after for before, after in pairwise(course))


@given(st.integers(0, 12))
def test_a_change_has_the_cause_of_the_day_on_which_its_row_began(restated_on: int) -> None:
    """A level falls on 4 June. Whether that was a restatement was known on that day, and on no other."""
    settled: Settled | None = None
    told: list[LevelChanged] = []
    for day in range(13):
        today = assessed(PROCEDURE, ON_TIME if day < 3 else LATE, JUNE + timedelta(day))
        settled, changed = settle(settled, today, cause="restatement" if day == restated_on else None)
        told += [] if changed is None else [changed]
    cause = "restatement" if restated_on == 3 else None
    assert [[change.cause for change in one.changes] for one in told] == [[cause]]
    assert settled is not None
    assert settled.levels["faster"]["evidenced"].cause == cause
    assert ("cause" in msgspec.json.decode(msgspec.json.encode(told[0]))["changes"][0]) == (cause is not None)


def test_a_row_that_is_broken_forgets_its_cause() -> None:
    settled: Settled | None = None
    changes: list[LevelChanged] = []
    for day, good in enumerate([True, False, True, *[False] * 7]):
        today = assessed(PROCEDURE, ON_TIME if good else LATE, JUNE + timedelta(day))
        settled, changed = settle(settled, today, cause="restatement" if day == 1 else None)
        changes += [] if changed is None else [changed]
    assert [one.changes[0].cause for one in changes] == [None]

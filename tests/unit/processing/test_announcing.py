"""What is said of a case's due date, as dated stories; and that the sweep looks exactly when there is something."""

from datetime import date, datetime, timedelta
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from qos_domain.calendar import Calendar
from qos_domain.rows import CaseRow
from qos_processing.announcing import NOTHING_YET, SAID, Announced, Announcement, announce, heard, next_look, presume
from support.builders import tokyo

CALENDAR = Calendar.load()
OPEN = CaseRow(
    status="open",
    reference_date=date(2025, 5, 2),
    arrival_date=date(2025, 5, 2),
    due_date=date(2025, 5, 13),
    breach_date=date(2025, 5, 14),
    due_soon_date=date(2025, 5, 12),
    result="breached",
)


def case(**changes: object) -> CaseRow:
    values = {name: getattr(OPEN, name) for name in OPEN.__struct_fields__} | changes
    return CaseRow(**values)  # type: ignore[arg-type]


STOPPED_LATE = case(status="stopped", stop_date=date(2025, 5, 16), end_date=date(2025, 5, 16))
STOPPED_IN_TIME = case(status="stopped", stop_date=date(2025, 5, 13), end_date=date(2025, 5, 13), result="met")


def told(row: CaseRow, at: str, before: Announced = NOTHING_YET) -> tuple[list[str], Announced]:
    announcements, after = announce(row, before, tokyo(at), CALENDAR)
    return [one.type.removeprefix("sla.") + (" (backfill)" if one.backfill else "") for one in announcements], after


def test_an_open_case_falls_due_and_breaches() -> None:
    assert told(OPEN, "2025-05-11 23:59") == ([], NOTHING_YET)
    said, after = told(OPEN, "2025-05-12 00:00")
    assert said == ["due_soon"]
    assert told(OPEN, "2025-05-13 23:59", after) == ([], after)
    said, after = told(OPEN, "2025-05-14 00:00", after)
    assert said == ["breached"]
    assert told(OPEN, "2025-05-30 00:00", after) == ([], after)


def test_a_late_result_recovers_it() -> None:
    _, breached = told(OPEN, "2025-05-14")
    said, after = told(STOPPED_LATE, "2025-05-16", breached)
    assert said == ["recovered"]
    assert told(STOPPED_LATE, "2025-05-17", after) == ([], after)


def test_a_breach_that_nobody_looked_at_is_said_before_its_recovery() -> None:
    assert told(STOPPED_LATE, "2025-05-16")[0] == ["breached", "recovered"]


def test_what_is_noticed_more_than_seven_days_late_is_backfill() -> None:
    assert told(OPEN, "2025-05-21")[0] == ["breached"]
    assert told(OPEN, "2025-05-22")[0] == ["breached (backfill)"]
    assert told(STOPPED_LATE, "2025-05-23")[0] == ["breached (backfill)", "recovered"]


def test_a_result_in_time_is_no_news() -> None:
    _, due_soon = told(OPEN, "2025-05-12")
    assert told(STOPPED_IN_TIME, "2025-05-13", due_soon)[0] == []
    assert next_look(STOPPED_IN_TIME, due_soon, CALENDAR) is None


def test_a_late_fact_takes_a_breach_back() -> None:
    """The result of 13 May arrives on the 15th: there was no breach."""
    _, breached = told(OPEN, "2025-05-14")
    said, after = told(STOPPED_IN_TIME, "2025-05-15", breached)
    assert said == ["breach_retracted"]
    assert told(STOPPED_IN_TIME, "2025-05-16", after) == ([], after)


@pytest.mark.parametrize("status", ["unsubmitted", "unregistered", "inconsistent", "void"])
def test_a_case_that_is_none_any_more_takes_its_breach_back(status: str) -> None:
    _, breached = told(OPEN, "2025-05-14")
    nothing = CaseRow(status=status, reference_date=date(2025, 5, 2))  # type: ignore[arg-type]
    assert told(nothing, "2025-05-15", breached)[0] == ["breach_retracted"]


def test_an_extension_takes_the_breach_back_until_the_new_date() -> None:
    extended = case(due_date=date(2025, 5, 29), breach_date=date(2025, 5, 30), due_soon_date=date(2025, 5, 27))
    _, breached = told(OPEN, "2025-05-14")
    said, after = told(extended, "2025-05-15", breached)
    assert said == ["breach_retracted"]
    said, after = told(extended, "2025-05-27", after)
    assert said == ["due_soon"]
    said, after = told(extended, "2025-05-30", after)
    assert said == ["breached"]
    assert after.count == 4


def test_a_breach_on_another_date_is_the_same_breach() -> None:
    earlier = case(breach_date=date(2025, 5, 13))
    _, breached = told(OPEN, "2025-05-14")
    said, after = told(earlier, "2025-05-14", breached)
    assert (said, after.breach_date, after.count) == ([], date(2025, 5, 13), 1)


def test_a_suspended_case_is_not_due_soon() -> None:
    suspended = case(suspended=((date(2025, 5, 12), date(2025, 5, 15)),), breach_date=date(2025, 5, 19))
    assert told(suspended, "2025-05-14")[0] == []
    assert next_look(suspended, NOTHING_YET, CALENDAR) == tokyo("2025-05-15 00:00")
    assert told(suspended, "2025-05-15")[0] == ["due_soon"]


def test_a_withdrawal_after_the_breach_ends_it() -> None:
    withdrawn = case(status="withdrawn", end_date=date(2025, 5, 20))
    _, breached = told(OPEN, "2025-05-14")
    assert told(withdrawn, "2025-05-20", breached)[0] == ["recovered"]


def test_a_result_that_was_corrected_away_leaves_the_case_overdue_again() -> None:
    _, breached = told(OPEN, "2025-05-14")
    _, recovered = told(STOPPED_LATE, "2025-05-16", breached)
    assert told(OPEN, "2025-05-17", recovered)[0] == ["breached"]


def test_hours_are_compared_by_the_instant() -> None:
    hours = case(
        due_date=date(2025, 5, 13),
        breach_date=date(2025, 5, 13),
        due_at=tokyo("2025-05-13 15:00"),
        due_soon_date=date(2025, 5, 13),
        due_soon_at=tokyo("2025-05-13 14:00"),
    )
    said, after = told(hours, "2025-05-13 14:30")
    assert said == ["due_soon"]
    assert told(hours, "2025-05-13 15:00", after)[0] == []
    assert told(hours, "2025-05-13 15:01", after)[0] == ["breached"]


# --- the sweep looks when, and only when, there is something to say

days = st.integers(0, 30).map(lambda n: date(2025, 5, 1) + timedelta(n))
instants = st.integers(0, 30 * 24).map(lambda n: tokyo("2025-05-01 00:00") + timedelta(hours=n))


@st.composite
def rows(draw: st.DrawFn) -> CaseRow:
    status = draw(st.sampled_from(("open", "open", "stopped", "withdrawn", "unsubmitted", "inconsistent")))
    breach_date = draw(st.none() | days)
    end_date = draw(days) if status in {"stopped", "withdrawn"} else None
    breached = breach_date is not None and (status == "open" or (end_date is not None and breach_date <= end_date))
    due_at = draw(st.none() | st.integers(0, 23).map(lambda h: _at(breach_date, h))) if breach_date else None
    begin, length = draw(days), draw(st.none() | st.integers(0, 9))
    due_soon = draw(st.none() | days) if breach_date else None
    return CaseRow(
        status=status,  # type: ignore[arg-type]
        reference_date=date(2025, 5, 1),
        breach_date=breach_date,
        end_date=end_date,
        due_at=due_at,
        due_soon_date=due_soon,
        due_soon_at=None if due_at is None or due_soon is None else _at(due_soon, 6),
        suspended=draw(st.sampled_from(((), ((begin, None if length is None else begin + timedelta(length)),)))),
        result="breached" if breached else draw(st.sampled_from((None, "met"))) if status == "stopped" else None,
    )


def _at(day: date | None, hour: int) -> datetime | None:
    return None if day is None else tokyo(f"{day} {hour:02}:00")


@given(
    st.lists(st.tuples(rows(), instants), min_size=1, max_size=5).map(lambda story: sorted(story, key=lambda s: s[1]))
)
def test_there_is_something_to_say_if_and_only_if_it_is_time_to_look(story: list[tuple[CaseRow, datetime]]) -> None:
    said = NOTHING_YET
    for row, now in story:
        look = next_look(row, said, CALENDAR)
        announcements, after = announce(row, said, now, CALENDAR)
        if look is None or look > now:
            assert (announcements, after) == ([], said)
        again, unchanged = announce(row, after, now, CALENDAR)
        assert (again, unchanged) == ([], after)
        following = next_look(row, after, CALENDAR, since=now)
        assert following is None or following > now
        if following is not None:
            before = following - timedelta(minutes=1)
            assert before < now or announce(row, after, before, CALENDAR) == ([], after)
        else:
            assert announce(row, after, now + timedelta(days=400), CALENDAR) == ([], after)
        said = after


@given(rows(), instants)
def test_each_announcement_has_its_own_number(row: CaseRow, now: datetime) -> None:
    announcements, after = announce(row, Announced("due_soon", None, 4), now, CALENDAR)
    assert [one.number for one in announcements] == list(range(5, 5 + len(announcements)))
    assert after.count == 4 + len(announcements)


# --- after a loss: what was said is known from the messages, or presumed


@given(
    st.lists(st.tuples(rows(), instants), min_size=1, max_size=5).map(lambda story: sorted(story, key=lambda s: s[1])),
    st.randoms(use_true_random=False),
)
def test_whoever_has_read_all_messages_says_what_would_have_been_said(
    story: list[tuple[CaseRow, datetime]], random: Random
) -> None:
    said, messages = NOTHING_YET, list[Announcement]()
    for row, now in story:
        random.shuffle(messages)  # and some come twice
        read = NOTHING_YET
        for one in (*messages, *messages[:1]):
            read = heard(read, Announced(SAID[one.type], one.breach_date, one.number))
        assert (read.said, read.count) == (said.said, said.count)
        announcements, said = announce(row, said, now, CALENDAR)
        assert announce(row, read, now, CALENDAR) == (announcements, said)
        messages += announcements


@given(rows(), instants, st.integers(0, 400))
def test_what_was_to_be_said_by_then_is_presumed_and_not_said_again(row: CaseRow, then: datetime, days: int) -> None:
    expected, after = announce(row, NOTHING_YET, then, CALENDAR)
    presumed = presume(row, then, CALENDAR, 29_000_000)
    assert (presumed.said, presumed.breach_date) == (after.said, after.breach_date)
    assert announce(row, presumed, then, CALENDAR)[0] == []
    later = announce(row, presumed, then + timedelta(days=days), CALENDAR)[0]
    assert [one.number for one in later] == list(range(29_000_001, 29_000_001 + len(later)))
    would_be = announce(row, after, then + timedelta(days=days), CALENDAR)[0]
    assert [one.type for one in later] == [one.type for one in would_be]
    assert len(expected) == after.count

"""What another calendar would change: told of the right cases, and exactly."""

from collections import Counter
from datetime import date

from hypothesis import given, settings
from hypothesis import strategies as st

from qos_domain.case import view
from qos_domain.contributions import project
from qos_domain.events import Event
from qos_domain.preview import CalendarDifference, CaseEffects, shift, shifted
from qos_domain.replay import Replay
from qos_domain.rows import Projection, Row
from support.builders import happened, registered
from support.calendars import small, with_holiday
from support.events_strategies import dates, streams

FORMER = small(holidays=frozenset({date(2025, 4, 29), date(2025, 5, 5), date(2025, 5, 6)}))

news = st.builds(
    small,
    holidays=st.frozensets(dates, max_size=4),
    last_year=st.sampled_from((2025, 2026)),
    version=st.just("new"),
)


def replay_of(events: list[Event], calendar: object = FORMER) -> Replay:
    replay = Replay(calendar)  # type: ignore[arg-type]
    replay.add_all(events)
    return replay


@given(streams, news)
@settings(max_examples=50)
def test_a_case_that_is_not_concerned_is_judged_the_same(events: list[Event], new: object) -> None:
    former, present = dict(replay_of(events).projections()), dict(replay_of(events, new).projections())
    difference = CalendarDifference.of(FORMER, new)  # type: ignore[arg-type]
    for key, before in former.items():
        if not difference.concerns(before.case):
            assert present[key] == before


@given(streams, news)
@settings(max_examples=50)
def test_the_differences_of_cases_add_up_to_that_of_the_buckets(events: list[Event], new: object) -> None:
    """Only the cases concerned are folded anew, and nothing is missed."""
    before, after = replay_of(events), replay_of(events, new)
    difference = CalendarDifference.of(FORMER, new)  # type: ignore[arg-type]
    shifts: dict[str, Counter[Row]] = {}
    for key, projection in before.projections():
        if difference.concerns(projection.case):
            again = project(key, view(before.cases[key]), before.history(key[0]), new)  # type: ignore[arg-type]
            assert again is not None
            rows = shifts.setdefault(key[0], Counter())
            for row, count in shift(projection.contributions, again.contributions).items():
                rows[row] += count
    present = after.buckets()
    for procedure_id, rows in before.buckets().items():
        moved = Counter(rows)
        moved.update(shifts.get(procedure_id, {}))
        assert {row: count for row, count in moved.items() if count} == present[procedure_id]
        dated = [(date.fromordinal(row.day), (row[2], row[3], row[4], row[5]), count) for row, count in rows.items()]
        summed: Counter[object] = Counter()
        for day, cell, count in dated:
            summed[day, cell] += count
        cells = [(day, cell, count) for (day, cell), count in summed.items()]  # type: ignore[misc]
        expected: Counter[object] = Counter()
        for row, count in present[procedure_id].items():
            expected[date.fromordinal(row.day), (row[2], row[3], row[4], row[5])] += count
        found = {(day, cell): count for day, cell, count in shifted(cells, shifts.get(procedure_id, {}))}
        assert found == {name: count for name, count in expected.items() if count}


@given(streams)
@settings(max_examples=50)
def test_the_same_calendar_changes_nothing(events: list[Event]) -> None:
    same = small(holidays=frozenset(holiday.date for holiday in FORMER.data.holidays), version="same")
    assert CalendarDifference.of(FORMER, same).days == ()
    effects = CaseEffects()
    present = dict(replay_of(events, same).projections())
    for key, before in replay_of(events).projections():
        assert shift(before.contributions, present[key].contributions) == {}
        effects.add(before.case, present[key].case)
    assert (effects.due_dates, effects.breach_dates, effects.results) == (0, 0, {})


def projection(new: object) -> Projection:
    story = [
        registered(),
        happened("application.submitted", "2025-05-12", channel="online"),
        happened("notification.sent", "2025-05-20", channel="electronic"),
    ]
    ((_, found),) = replay_of(story, new).projections()
    return found


def test_a_late_case_that_a_holiday_puts_in_time() -> None:
    tokyo, other = with_holiday(), with_holiday("2025-05-14")
    before, after = projection(tokyo), projection(other)
    difference = CalendarDifference.of(tokyo, other)
    assert (difference.opened, difference.closed) == ((), (date(2025, 5, 14),))
    assert CalendarDifference.of(other, tokyo).opened == (date(2025, 5, 14),)
    assert difference.concerns(before.case)
    assert not CalendarDifference.of(tokyo, with_holiday("2025-05-21")).concerns(before.case)
    effects = CaseEffects()
    effects.add(before.case, after.case)
    assert (effects.refolded, effects.due_dates, effects.breach_dates) == (1, 1, 1)
    assert effects.results == {("breached", "met"): 1}
    moved = {(row.measure, row.bin): count for row, count in shift(before.contributions, after.contributions).items()}
    assert moved == {
        ("breached", 0): -1,
        ("recovered", 0): -1,
        ("met", 0): 1,
        ("elapsed_business_days", 6): -1,
        ("elapsed_business_days", 5): 1,
    }

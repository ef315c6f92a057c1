"""What each cause added to the buckets: taken away, it leaves a fold of what was known, judged as it was then."""

from collections import Counter
from datetime import date

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st

from qos_domain.attribution import FOLDED_CAUSES, Shifts, ThenAndNow, buckets_without, evidence_without, known_then
from qos_domain.calendar import Calendar, Holiday
from qos_domain.case import CaseKey, case_key
from qos_domain.cells import Buckets, DatedCell, sum_days
from qos_domain.events import Event
from qos_domain.facts import NO_FACTS, Fact, FactName, Facts, encode_facts, fact_of, join
from qos_domain.periods import Month
from qos_domain.procedures import Procedure
from qos_domain.registry import UNREGISTERED, History
from qos_domain.replay import Replay
from qos_domain.rows import Row
from support.events_strategies import PROCEDURES, streams
from support.evidence import CRITERIA

CALENDAR = Calendar.load()
MAY = Month(2025, 5)
AS_OF = MAY.span.end


def another_calendar() -> Calendar:
    """With two holidays more, after Golden Week."""
    more = tuple(Holiday(date=date(2025, 5, day), name="休日", name_en="Holiday") for day in (8, 15))
    holidays = (*CALENDAR.data.holidays, *more)
    return Calendar(msgspec.structs.replace(CALENDAR.data, version="another", holidays=holidays))


ANOTHER = another_calendar()


def folded(cases: list[Event], registry: list[Event], calendar: Calendar) -> Replay:
    replay = Replay(calendar)
    replay.add_all([*registry, *cases])
    return replay


def split(events: list[Event]) -> tuple[list[Event], list[Event]]:
    registry = [event for event in events if isinstance(event.data, Procedure)]
    return [event for event in events if not isinstance(event.data, Procedure)], registry


def shifts_of(
    before: list[Event], after: list[Event], calendar_then: Calendar, calendar: Calendar
) -> dict[str, Shifts]:
    """By procedure, as a restatement finds them: of what is stored now, and of the log before and after a position."""
    now = folded(*split(before + after), calendar)
    registry_then = folded([], split(before)[1], calendar_then)
    later: dict[CaseKey, set[FactName]] = {}
    for event in split(after)[0]:
        later.setdefault(case_key(event), set()).add((event.source, event.id))
    then: dict[CaseKey, list[Fact]] = {}
    for event in split(before)[0]:
        if (event.source, event.id) in later.get(key := case_key(event), ()):
            then.setdefault(key, []).append(fact_of(event))
    projections = dict(now.projections())
    found: dict[str, Shifts] = {}
    for procedure_id in PROCEDURES:
        by = ThenAndNow(registry_then.history(procedure_id), now.history(procedure_id), calendar_then, calendar)
        found[procedure_id] = Shifts()
        for key, facts in now.cases.items():
            if key[0] == procedure_id and (by.registry_differs or by.calendar_differs or key in later):
                known = known_then(facts, later[key], then.get(key, ())) if key in later else None
                projection = projections.get(key)
                contributions = {} if projection is None else projection.contributions
                found[procedure_id].add(key, then=known, facts=facts, now=contributions, by=by)
    return found


def without_zeros(rows: Counter[Row]) -> dict[Row, int]:
    return {row: count for row, count in rows.items() if count}


@settings(max_examples=50)
@given(streams, st.integers(0, 40), st.sampled_from([CALENDAR, ANOTHER]))
def test_causes_taken_away_in_turn_lead_back_to_the_fold_of_then(
    events: list[Event], position: int, calendar_then: Calendar
) -> None:
    before, after = events[:position], events[position:]
    shifts = shifts_of(before, after, calendar_then, CALENDAR)
    (cases, registry), (cases_then, registry_then) = split(events), split(before)
    folds = {
        "calendar": folded(cases, registry, calendar_then),
        "registry": folded(cases, registry_then, calendar_then),
        "late_events": folded(cases_then, registry_then, calendar_then),
    }
    now = folded(cases, registry, CALENDAR).buckets()
    for procedure_id in PROCEDURES:
        left = Counter(now.get(procedure_id, {}))
        for cause in reversed(FOLDED_CAUSES):
            left.subtract(shifts[procedure_id].by_cause[cause])
            assert without_zeros(left) == folds[cause].buckets().get(procedure_id, {}), cause


@settings(max_examples=20)
@given(streams, st.integers(0, 40))
def test_facts_known_then_are_those_before_the_position(events: list[Event], position: int) -> None:
    by_case: dict[CaseKey, tuple[list[Event], list[Event]]] = {}
    for number, event in enumerate(events):
        if not isinstance(event.data, Procedure):
            by_case.setdefault(case_key(event), ([], []))[number >= position].append(event)
    for before, after in by_case.values():
        facts: Facts = join(NO_FACTS, map(fact_of, [*before, *after]))
        names = {(event.source, event.id) for event in after}
        repeated = [fact_of(event) for event in before if (event.source, event.id) in names]
        known = known_then(facts, names, repeated)
        assert encode_facts(known) == encode_facts(join(NO_FACTS, map(fact_of, before)))


def dated(rows: dict[Row, int]) -> list[DatedCell]:
    return [(date.fromordinal(row.day), (row.channel, row.online, row.measure, row.bin), n) for row, n in rows.items()]


@settings(max_examples=20)
@given(streams, st.integers(0, 40))
def test_sums_without_a_shift_are_sums_of_buckets_without_it(events: list[Event], position: int) -> None:
    shifts = shifts_of(events[:position], events[position:], CALENDAR, CALENDAR)
    now = folded(*split(events), CALENDAR).buckets()
    for procedure_id in PROCEDURES:
        rows, shifted = now.get(procedure_id, {}), shifts[procedure_id].by_cause["late_events"]
        left = Counter(rows)
        left.subtract(shifted)
        buckets = Buckets.gather(dated(rows), MAY.window, AS_OF)
        assert buckets_without(buckets, shifted, MAY) == Buckets.gather(dated(left), MAY.window, AS_OF)

        def evidence(of: Counter[Row]) -> dict[str, dict[tuple[str, bool, str, int], int]]:
            cells = [cell for cell in dated(of) if cell[1][2] in CRITERIA.measures]
            return {name: sum_days(cells, span, AS_OF) for name, span in CRITERIA.spans(AS_OF).items()}  # type: ignore[misc]

        assert evidence_without(evidence(Counter(rows)), shifted, CRITERIA, AS_OF) == evidence(left)  # type: ignore[arg-type]


@settings(max_examples=20)
@given(streams, st.integers(0, 40))
def test_shifts_of_procedures_add_up_to_those_of_organisations(events: list[Event], position: int) -> None:
    shifts = shifts_of(events[:position], events[position:], ANOTHER, CALENDAR)
    together = Shifts()
    for of_it in shifts.values():
        together.include(of_it)
    parts: Counter[Row] = Counter()
    for organisation_id in together.organisations():
        own = Shifts()
        own.include(together, organisation_id)
        for rows in own.by_cause.values():
            assert {row.organisation_id for row in rows} <= {organisation_id}
            parts.update(rows)
    whole: Counter[Row] = Counter()
    for rows in together.by_cause.values():
        whole.update(rows)
    assert without_zeros(parts) == without_zeros(whole)


def test_a_procedure_that_was_not_registered_then_differs() -> None:
    by = ThenAndNow(UNREGISTERED, History(()), CALENDAR, CALENDAR)
    assert not by.registry_differs
    assert not by.calendar_differs
    assert ThenAndNow(UNREGISTERED, UNREGISTERED, ANOTHER, CALENDAR).calendar_differs

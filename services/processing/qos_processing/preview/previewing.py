"""Tells what another calendar or other criteria would change, in one snapshot of the live results."""

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import date
from typing import TypeAlias

from qos_domain.calendar import Calendar
from qos_domain.case import view as view_of
from qos_domain.cells import Buckets, DatedCell, sum_days
from qos_domain.contributions import project
from qos_domain.criteria import Criteria
from qos_domain.evidence import NO_EVIDENCE, Evidence
from qos_domain.levels import Assessor
from qos_domain.periods import Month, Window
from qos_domain.preview import CalendarDifference, CaseEffects, shift, shifted
from qos_domain.publication import ProcedureInputs, Statement, statement_as_of
from qos_domain.registry import History
from qos_domain.rows import Row
from qos_domain.rulebooks import Rulebook, of_calendar, of_criteria
from qos_processing import postgres_levels, postgres_registry, rulebooks
from qos_processing.preview.effects import (
    CasesEffect,
    DayEffect,
    FigureEffect,
    LevelEffect,
    Preview,
    ResultEffect,
    View,
    figure_effect,
    level_effects,
    view_effect,
)
from qos_processing.preview.ground import Ground, standing
from qos_processing.preview.refusals import SameVersion
from qos_runtime.clock import Clock
from qos_runtime.settings import RuntimeSettings

Progress: TypeAlias = Callable[[str, int, int], None]
"""Is told the step, how much of it is done, and of how much."""

_PROCEDURES_AT_ONCE = 200
_NO_BUCKETS = Buckets({}, {}, {}, {})


@dataclass(slots=True)
class _Found:
    figures: list[FigureEffect] = field(default_factory=list)
    levels: list[LevelEffect] = field(default_factory=list)


class Previewing:
    """Reads while workers and readers go on, and writes nothing. A procedure is held in memory at a time, and what
    changes."""

    def __init__(self, settings: RuntimeSettings, *, clock: Clock, progress: Progress = lambda *_: None) -> None:
        self._settings = settings
        self._clock = clock
        self._progress = progress

    async def calendar(self, version: str, month: Month | None = None) -> Preview:
        """What the calendar (a version, or a file) would change in the month, else now and in all published ones.

        Raises PreviewRefused, NeverPublished, UnknownCalendar and msgspec.DecodeError (a file that is none),
        OtherContent (a version that was in force with other content), NoLiveGeneration, OtherLogic, OtherCalendar (the
        former calendar isn't known here), TransientFailure.
        """
        async with standing(self._settings, self._clock, month) as ground:
            new = Calendar.load(version, ground.calendar.time_zone.key)
            await _require_new(ground, of_calendar(new), ground.calendar.version)
            return await self._calendar(ground, new)

    async def criteria(self, new: Criteria, month: Month | None = None) -> Preview:
        """The same of criteria: they change levels, and no figure. Raises the same but for calendars."""
        async with standing(self._settings, self._clock, month) as ground:
            await _require_new(ground, of_criteria(new), ground.criteria.version)
            return await self._criteria(ground, new)

    async def _calendar(self, ground: Ground, new: Calendar) -> Preview:
        difference = CalendarDifference.of(ground.calendar, new)
        snapshot, effects, found = ground.snapshot, CaseEffects(), _Found()
        assessor = Assessor(ground.criteria)
        procedures, rejudging = await snapshot.procedures(), await snapshot.rejudging()
        for number, procedure_id in enumerate(procedures, 1):
            if procedure_id not in rejudging:
                history = await ground.history(procedure_id)
                rows: Counter[Row] = Counter()
                async for case in snapshot.concerned(procedure_id, difference):
                    projection = project(case.key, view_of(case.facts), history, new)
                    if projection is not None:
                        effects.add(case.row, projection.case)
                        rows.update(shift(case.contributions, projection.contributions))
                if any(rows.values()):
                    cells = await snapshot.buckets(procedure_id)
                    _compare(ground, assessor, procedure_id, history, cells, shifted(cells, rows), found)
            self._progress("procedures", number, len(procedures))
        cases = CasesEffect(
            cases=await snapshot.count_cases(),
            refolded=effects.refolded,
            due_dates=effects.due_dates,
            breach_dates=effects.breach_dates,
            results=[ResultEffect(*pair, cases) for pair, cases in effects.results.most_common()],
            not_compared=len(rejudging),
        )
        days = [DayEffect(day, "business_day" if day in difference.opened else "closed") for day in difference.days]
        return _told(ground, of_calendar(new), ground.calendar.version, days, cases, found)

    async def _criteria(self, ground: Ground, new: Criteria) -> Preview:
        former, found = ground.criteria, _Found()
        assessors = Assessor(former), Assessor(new)
        procedures = await ground.snapshot.procedures()
        days = sorted({view.as_of for view in ground.views})
        for start in range(0, len(procedures), _PROCEDURES_AT_ONCE):
            portion = procedures[start : start + _PROCEDURES_AT_ONCE]
            facts = await postgres_registry.load_registry(ground.connection, ground.generation.number, portion)
            histories = {procedure_id: History.of(found) for procedure_id, found in facts.items()}
            for as_of in days:
                before, after = [
                    await postgres_levels.evidence(
                        ground.connection, ground.generation.number, portion, assessor.criteria, as_of
                    )
                    for assessor in assessors
                ]
                for procedure_id, history in histories.items():
                    version = history.at(as_of)
                    was, becomes = (
                        statement_as_of(
                            ProcedureInputs(
                                version=version,
                                buckets=_NO_BUCKETS,
                                evidence=evidence.get(procedure_id, NO_EVIDENCE),
                            ),
                            assessor=assessor,
                            as_of=as_of,
                        )
                        for assessor, evidence in zip(assessors, (before, after), strict=True)
                    )
                    organisation_id = None if version is None else version.organisation_id
                    found.levels += level_effects(as_of, procedure_id, organisation_id, was, becomes)
            self._progress("procedures", start + len(portion), len(procedures))
        return _told(ground, of_criteria(new), former.version, [], None, found)


async def _require_new(ground: Ground, rulebook: Rulebook, former: str) -> None:
    await rulebooks.check_kept(ground.connection, rulebook)
    if rulebook.version == former:
        raise SameVersion(rulebook)


def _compare(
    ground: Ground,
    assessor: Assessor,
    procedure_id: str,
    history: History,
    before: list[DatedCell],
    after: list[DatedCell],
    found: _Found,
) -> None:
    days: set[date] = set()
    for view in ground.views:
        version = history.at(view.as_of)
        organisation_id = None if version is None else version.organisation_id
        was, becomes = (_statement(assessor, history, cells, view) for cells in (before, after))
        effect = figure_effect(view, procedure_id, organisation_id, was, becomes)
        if effect is not None:
            found.figures.append(effect)
        if view.as_of not in days:
            days.add(view.as_of)
            found.levels += level_effects(view.as_of, procedure_id, organisation_id, was, becomes)


def _statement(assessor: Assessor, history: History, cells: list[DatedCell], view: View) -> Statement:
    inputs = ProcedureInputs(
        version=history.at(view.as_of),
        buckets=Buckets.gather(cells, Window(view.name, view.start, view.end), view.as_of),
        evidence=_evidence(cells, assessor.criteria, view.as_of),
    )
    return statement_as_of(inputs, assessor=assessor, as_of=view.as_of)


def _evidence(cells: list[DatedCell], criteria: Criteria, as_of: date) -> Evidence:
    read = [cell for cell in cells if cell[1][2] in criteria.measures]
    return {name: sum_days(read, span, as_of) for name, span in criteria.spans(as_of).items()}


def _told(
    ground: Ground, new: Rulebook, former: str, days: list[DayEffect], cases: CasesEffect | None, found: _Found
) -> Preview:
    figures = sorted(found.figures, key=lambda one: (-one.size, -one.fields, one.procedure_id, one.view))
    levels = sorted(found.levels, key=lambda one: (-one.size, one.procedure_id, one.as_of, one.principle, one.reading))
    return Preview(
        kind=new.kind,
        before=former,
        after=new.version,
        generation=ground.generation.number,
        days=days,
        cases=cases,
        views=[view_effect(view, figures, levels) for view in ground.views],
        figures=figures,
        levels=levels,
    )

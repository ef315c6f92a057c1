"""What a preview tells. Everything in it is exact: whole numbers of cases, figures of the snapshot it was read in."""

from datetime import date
from typing import Literal, TypeAlias

from msgspec import Struct

from qos_domain.assessment import ReadingName
from qos_domain.criteria import Principle
from qos_domain.publication import PublishedReading, Statement
from qos_domain.restatement import Change, changes
from qos_domain.rows import CaseResult
from qos_domain.rulebooks import RulebookKind

Becomes: TypeAlias = Literal["business_day", "closed"]

_NAMED = (
    "indicators.compliance.",
    "indicators.standing.overdue",
    "indicators.processing_time.elapsed.",
    "indicators.error_budget.left",
)
_LEFT_OUT = (".total", ".max", ".p95")
_RESULTS = frozenset(
    {"indicators.compliance.within_period.numerator", "indicators.compliance.within_period.denominator"}
)


class View(Struct, frozen=True):
    """Days that figures are looked at over, as of a day. `published`: a month that was published."""

    name: str
    start: date
    end: date
    as_of: date
    published: bool


class DayEffect(Struct, frozen=True):
    day: date
    becomes: Becomes


class ResultEffect(Struct, frozen=True):
    """So many cases whose result was `before` (None: none) and would be `after`."""

    before: CaseResult | None
    after: CaseResult | None
    cases: int


class CasesEffect(Struct, frozen=True):
    """`cases`: all there are. `refolded`: those that the change may concern. `not_compared`: procedures whose cases
    wait to be judged anew after a change of the registry, and were left out."""

    cases: int
    refolded: int
    due_dates: int
    breach_dates: int
    results: list[ResultEffect]
    not_compared: int


class FigureEffect(Struct, frozen=True):
    """A procedure whose figures of a view change: `changes` are those of compliance, overdue cases, elapsed time and
    the error budget; `fields` counts all that change.
    """

    view: str
    procedure_id: str
    organisation_id: str | None
    fields: int
    changes: list[Change]

    @property
    def size(self) -> int:
        """By how many results it changes."""
        return sum(abs(change.difference or 0) for change in self.changes if change.field in _RESULTS)


class LevelEffect(Struct, frozen=True):
    """A level of a day that would be another one, be it the sure one or the possible one."""

    as_of: date
    procedure_id: str
    organisation_id: str | None
    principle: Principle
    reading: ReadingName
    before: int
    after: int
    possible_before: int
    possible_after: int

    @property
    def size(self) -> int:
        return abs(self.after - self.before)


class ViewEffect(Struct, frozen=True):
    """What changes in a view, over all procedures. `met` and `breached` are the differences of the sums,
    `levels` counts those that change as of its day."""

    view: View
    procedures: int
    met: int
    breached: int
    levels: int


class Preview(Struct, frozen=True):
    """`before` and `after` are versions. Figures and levels come with the largest changes first."""

    kind: RulebookKind
    before: str
    after: str
    generation: int
    days: list[DayEffect]
    cases: CasesEffect | None
    views: list[ViewEffect]
    figures: list[FigureEffect]
    levels: list[LevelEffect]


def figure_effect(
    view: View, procedure_id: str, organisation_id: str | None, before: Statement, after: Statement
) -> FigureEffect | None:
    """None where no figure differs."""
    found = [change for change in changes(before, after) if change.field.startswith("indicators.")]
    if not found:
        return None
    named = [each for each in found if each.field.startswith(_NAMED) and not each.field.endswith(_LEFT_OUT)]
    return FigureEffect(view.name, procedure_id, organisation_id, len(found), named)


def level_effects(
    as_of: date, procedure_id: str, organisation_id: str | None, before: Statement, after: Statement
) -> list[LevelEffect]:
    found = []
    for principle, levels in after.levels.items():
        if principle not in before.levels:
            continue
        former = before.levels[principle]
        pairs: tuple[tuple[ReadingName, tuple[int, int], tuple[int, int]], ...] = (
            ("declared", _ends(former.declared), _ends(levels.declared)),
            ("evidenced", _ends(former.evidenced), _ends(levels.evidenced)),
        )
        for reading, was, becomes in pairs:
            if was != becomes:
                effect = LevelEffect(
                    as_of, procedure_id, organisation_id, principle, reading, was[0], becomes[0], was[1], becomes[1]
                )
                found.append(effect)
    return found


def view_effect(view: View, figures: list[FigureEffect], levels: list[LevelEffect]) -> ViewEffect:
    """The sum over the procedures of a view."""
    of_view = [effect for effect in figures if effect.view == view.name]
    met = results = 0
    for effect in of_view:
        for change in effect.changes:
            if change.field == "indicators.compliance.within_period.numerator":
                met += change.difference or 0
            elif change.field == "indicators.compliance.within_period.denominator":
                results += change.difference or 0
    changed = sum(effect.as_of == view.as_of for effect in levels)
    return ViewEffect(view, len(of_view), met, results - met, changed)


def _ends(reading: PublishedReading) -> tuple[int, int]:
    return reading.level, reading.possible_level

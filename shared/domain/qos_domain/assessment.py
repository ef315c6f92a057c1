"""The assessment of a procedure on a day: its levels, with all that they rest on (docs/levels.md)."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta
from typing import Literal, TypeAlias

from qos_domain.criteria import Principle
from qos_domain.digitalisation import has_online_channel
from qos_domain.evidence import Evidence
from qos_domain.freshness import Freshness
from qos_domain.levels import Assessor, PrincipleAssessment
from qos_domain.registry import Version, VersionName

SETTLING_DAYS = 7


@dataclass(frozen=True, slots=True, kw_only=True)
class Lineage:
    """Which criteria, calendar, registry version and logic an assessment rests on, and how fresh its data is."""

    criteria: str
    calendar: str
    registry: VersionName
    logic_version: int
    freshness: Freshness | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Assessment:
    """`digital`: the procedure has an online channel (None: not said). `principles` has all three."""

    procedure_id: str
    as_of: date
    digital: bool | None
    principles: Mapping[Principle, PrincipleAssessment]
    lineage: Lineage

    @property
    def contradicted(self) -> bool:
        return any(principle.contradictions for principle in self.principles.values())


@dataclass(frozen=True, slots=True, kw_only=True)
class Provenance:
    """What the assessments of one run have in common."""

    calendar: str
    logic_version: int
    freshness: Freshness | None = None


def assess(
    assessor: Assessor, version: Version, evidence: Evidence, *, as_of: date, provenance: Provenance
) -> Assessment:
    """The assessment of a procedure by the version in force on as_of, and its evidence up to as_of.

    `evidence` holds the procedure's buckets summed over `assessor.criteria.spans(as_of)`; `NO_EVIDENCE` when there are
    none.
    """
    return Assessment(
        procedure_id=version.procedure.procedure_id,
        as_of=as_of,
        digital=has_online_channel(version.procedure, as_of),
        principles=assessor.readings(version.procedure, evidence, as_of),
        lineage=Lineage(
            criteria=assessor.criteria.version,
            calendar=provenance.calendar,
            registry=version.name,
            logic_version=provenance.logic_version,
            freshness=provenance.freshness,
        ),
    )


ReadingName: TypeAlias = Literal["declared", "evidenced"]
READINGS: tuple[ReadingName, ...] = ("declared", "evidenced")


@dataclass(frozen=True, slots=True, kw_only=True)
class SettledLevel:
    """A level that stands since a day, and the other one, if any, that the latest `candidate_days` assessments say."""

    level: int
    since: date
    candidate: int | None = None
    candidate_days: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Settled:
    """The settled levels of a procedure. `as_of` is the day of the last assessment that counted."""

    as_of: date
    levels: Mapping[Principle, Mapping[ReadingName, SettledLevel]]


@dataclass(frozen=True, slots=True, kw_only=True)
class LevelChange:
    principle: Principle
    reading: ReadingName
    before: int
    after: int


@dataclass(frozen=True, slots=True, kw_only=True)
class LevelChanged:
    """Settled levels of a procedure that changed with the assessment of a day."""

    procedure_id: str
    as_of: date
    changes: tuple[LevelChange, ...]


def settle(
    previous: Settled | None, assessment: Assessment, settling_days: int = SETTLING_DAYS
) -> tuple[Settled, LevelChanged | None]:
    """The settled levels after the daily assessment, and what changed.

    Levels don't flap: a settled level changes only when so many daily assessments in a row agree on the same other
    one. A day left out begins the row anew; an assessment of a day that already counted, or of an earlier one, changes
    nothing. The first assessment of all settles at once and is no change.
    """
    if previous is not None and assessment.as_of <= previous.as_of:
        return previous, None
    in_a_row = previous is not None and (assessment.as_of - previous.as_of).days == 1
    levels: dict[Principle, dict[ReadingName, SettledLevel]] = {}
    changes: list[LevelChange] = []
    for principle, readings in assessment.principles.items():
        levels[principle] = {}
        for reading in READINGS:
            today = getattr(readings, reading).level
            before = None if previous is None else previous.levels.get(principle, {}).get(reading)
            after = _settle(before, today, assessment.as_of, settling_days, in_a_row=in_a_row)
            levels[principle][reading] = after
            if before is not None and before.level != after.level:
                changes.append(
                    LevelChange(principle=principle, reading=reading, before=before.level, after=after.level)
                )
    settled = Settled(as_of=assessment.as_of, levels=levels)
    if not changes:
        return settled, None
    return settled, LevelChanged(procedure_id=assessment.procedure_id, as_of=assessment.as_of, changes=tuple(changes))


def settled_on(daily: Sequence[Assessment], day: date, settling_days: int = SETTLING_DAYS) -> Settled | None:
    """The settled levels of a day, from the daily assessments that are kept, oldest first: each stands until the next.

    None when the first one is of a later day.
    """
    settled: Settled | None = None
    for number, assessment in enumerate(daily):
        if assessment.as_of > day:
            break
        last = day if number + 1 == len(daily) else min(day, daily[number + 1].as_of - timedelta(1))
        # After so many equal days in a row nothing more can come of it.
        for days in range(min((last - assessment.as_of).days, settling_days) + 1):
            settled, _ = settle(settled, replace(assessment, as_of=assessment.as_of + timedelta(days)), settling_days)
        settled = None if settled is None else replace(settled, as_of=last)
    return settled


def _settle(
    before: SettledLevel | None, today: int, as_of: date, settling_days: int, *, in_a_row: bool
) -> SettledLevel:
    if before is None:
        return SettledLevel(level=today, since=as_of)
    if today == before.level:
        return SettledLevel(level=before.level, since=before.since)
    days = before.candidate_days + 1 if in_a_row and before.candidate == today else 1
    if days >= settling_days:
        return SettledLevel(level=today, since=as_of)
    return SettledLevel(level=before.level, since=before.since, candidate=today, candidate_days=days)

"""The criteria of the levels, as a file that an organisation can replace (docs/levels.md, The criteria file).

The default, `tokyo-1`, is Tokyo's table with its thresholds.
"""

import tomllib
from collections.abc import Iterator, Mapping
from datetime import date
from functools import cached_property
from hashlib import sha256
from importlib.resources import files
from pathlib import Path
from typing import Annotated, Literal, TypeAlias

import msgspec
from msgspec import Meta, Struct

from qos_domain.declarations import Attribute
from qos_domain.evidence import EXISTENCES, MEASUREMENTS, TRENDS, ExistenceName, MeasurementName, TrendName
from qos_domain.measures import Measure
from qos_domain.periods import Span, last_complete_month, trailing
from qos_domain.procedures import Name

DEFAULT_VERSION = "tokyo-1"

Principle: TypeAlias = Literal["faster", "simpler", "easier"]
PRINCIPLES: tuple[Principle, ...] = ("faster", "simpler", "easier")
Level: TypeAlias = Literal[1, 2, 3]
LEVELS: tuple[Level, ...] = (1, 2, 3)
Comparison: TypeAlias = Literal["at_least", "at_most"]
Applicability: TypeAlias = Literal["always", "fee_due"]

Id: TypeAlias = Annotated[str, Meta(min_length=1, max_length=64, pattern=r"^[a-z0-9][a-z0-9_.-]*$")]
Days: TypeAlias = Annotated[int, Meta(ge=1, le=3660)]
CaseCount: TypeAlias = Annotated[int, Meta(ge=1, le=1_000_000)]
Windows: TypeAlias = Annotated[tuple[Days, ...], Meta(min_length=1, max_length=8)]


class InvalidCriteria(ValueError):
    """A criteria file that can't be used. `field` is where (`criteria[3].threshold`), `rule` what would be accepted."""

    def __init__(self, *, field: str, rule: str) -> None:
        super().__init__(f"{field}: {rule}")
        self.field = field
        self.rule = rule


class _Criterion(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, tag_field="basis"):
    """What every criterion says: the principle and level that it belongs to, and whom it concerns."""

    id: Id
    principle: Principle
    level: Level
    title: Name
    applies: Applicability = "always"


class DeclaredCriterion(_Criterion, frozen=True, kw_only=True, tag="declared"):
    """Rests on what the registry says of the procedure."""

    attribute: Attribute


class MeasuredCriterion(_Criterion, frozen=True, kw_only=True, tag="measured"):
    """Rests on an indicator: in the shortest of `windows` (trailing days) with at least `least_cases` cases, its value
    is at least, or at most, the threshold. What isn't given is the file's."""

    indicator: MeasurementName
    comparison: Comparison
    threshold: Annotated[float, Meta(ge=0)]
    least_cases: CaseCount | None = None
    windows: Windows | None = None


class ExistenceCriterion(_Criterion, frozen=True, kw_only=True, tag="existence"):
    """Rests on there being one at all, in the last `days`. None among at least `least_cases` cases is not met."""

    indicator: ExistenceName
    least_cases: CaseCount | None = None
    days: Days = 365


class TrendCriterion(_Criterion, frozen=True, kw_only=True, tag="trend"):
    """Rests on the mean of the last complete month not being below that of `months` before, each of which needs at
    least `least_cases` cases."""

    indicator: TrendName
    months: Annotated[int, Meta(ge=1, le=60)] = 3
    least_cases: CaseCount | None = None


EvidenceCriterion: TypeAlias = MeasuredCriterion | ExistenceCriterion | TrendCriterion
Criterion: TypeAlias = DeclaredCriterion | EvidenceCriterion


class Criteria(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, dict=True):
    """A criteria file. Every level of every principle has at least one criterion."""

    version: Annotated[str, Meta(min_length=1, max_length=64, pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$")]
    title: Name
    windows: Windows = (28, 90, 365)
    least_cases: CaseCount = 10
    criteria: tuple[Criterion, ...]

    @cached_property
    def content(self) -> str:
        """The criteria as JSON text, which `parse_json` reads: comments of the file are not in it."""
        return msgspec.json.encode(self).decode()

    @cached_property
    def digest(self) -> str:
        """SHA-256 of the content in hexadecimal: other criteria under the same version have another one."""
        return sha256(self.content.encode()).hexdigest()

    @cached_property
    def measures(self) -> frozenset[Measure]:
        """The measures that the criteria read: nothing else needs to be gathered as evidence."""
        measures: set[Measure] = set()
        for criterion in self.criteria:
            if criterion.applies == "fee_due":
                measures.add("payments")
            match criterion:
                case MeasuredCriterion():
                    measures.update(MEASUREMENTS[criterion.indicator].measures)
                case ExistenceCriterion():
                    measures.update(EXISTENCES[criterion.indicator].measures)
                case TrendCriterion():
                    measures.update(TRENDS[criterion.indicator].measures)
                case DeclaredCriterion():
                    pass
        return frozenset(measures)

    def of(self, principle: Principle) -> Iterator[Criterion]:
        """The criteria of a principle, by level, in the order of the file."""
        return iter(
            sorted((c for c in self.criteria if c.principle == principle), key=lambda criterion: criterion.level)
        )

    def windows_of(self, criterion: MeasuredCriterion) -> tuple[int, ...]:
        """The trailing days to try, shortest first."""
        return tuple(sorted(criterion.windows or self.windows))

    def least_cases_of(self, criterion: EvidenceCriterion) -> int:
        return criterion.least_cases or self.least_cases

    def spans(self, as_of: date) -> Mapping[str, Span]:
        """The days that evidence is gathered over, by the names that `Evidence` gives them."""
        spans: dict[str, Span] = {}
        for criterion in self.criteria:
            match criterion:
                case MeasuredCriterion():
                    for days in self.windows_of(criterion):
                        spans[trailing_name(days)] = trailing(as_of, days)
                case ExistenceCriterion():
                    spans[trailing_name(criterion.days)] = trailing(as_of, criterion.days)
                case TrendCriterion():
                    for months in (0, criterion.months):
                        spans[month_name(months)] = last_complete_month(as_of).before(months).span
                case DeclaredCriterion():
                    pass
        return spans


def trailing_name(days: int) -> str:
    return f"{days}d"


def month_name(before: int) -> str:
    """The last complete month, or the one so many months before it."""
    return f"month-{before}" if before else "month"


def bundled_versions() -> tuple[str, ...]:
    data = files("qos_domain") / "data"
    names = (entry.name for entry in data.iterdir())
    return tuple(
        sorted(
            name.removeprefix("criteria-").removesuffix(".toml")
            for name in names
            if name.startswith("criteria-") and name.endswith(".toml")
        )
    )


def load(version: str = DEFAULT_VERSION) -> Criteria:
    """Bundled criteria by their version, or the criteria of a file by its path (ends in .toml, or in .json).

    Raises InvalidCriteria when there is no such version or file, or when the file can't be used.
    """
    if version in bundled_versions():
        return parse((files("qos_domain") / "data" / f"criteria-{version}.toml").read_text("utf-8"))
    path = Path(version)
    if path.suffix not in {".toml", ".json"} or not path.is_file():
        raise InvalidCriteria(
            field="version",
            rule=f"one of {', '.join(bundled_versions())}, or the path of a file that ends in .toml or .json",
        )
    try:
        text = path.read_text("utf-8")
        return parse(text) if path.suffix == ".toml" else parse_json(text)
    except UnicodeDecodeError as error:
        raise InvalidCriteria(field="file", rule="text in UTF-8") from error


def parse(text: str) -> Criteria:
    """The criteria that a TOML text says. Raises InvalidCriteria, which names the field."""
    try:
        tree = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise InvalidCriteria(field="file", rule=f"TOML: {error}") from error
    return _convert(tree)


def parse_json(text: str) -> Criteria:
    """The criteria that were kept as `Criteria.content`. Raises InvalidCriteria, which names the field."""
    try:
        tree = msgspec.json.decode(text)
    except msgspec.DecodeError as error:
        raise InvalidCriteria(field="file", rule=f"JSON: {error}") from error
    return _convert(tree)


def _convert(tree: object) -> Criteria:
    try:
        criteria = msgspec.convert(tree, Criteria)
    except msgspec.ValidationError as error:
        rule, _, path = str(error).partition(" - at `$")
        raise InvalidCriteria(field=path.rstrip("`").lstrip(".") or "file", rule=rule) from error
    _check(criteria)
    return criteria


def _check(criteria: Criteria) -> None:
    seen: set[str] = set()
    for index, criterion in enumerate(criteria.criteria):
        if criterion.id in seen:
            raise InvalidCriteria(field=f"criteria[{index}].id", rule="an id that no other criterion has")
        seen.add(criterion.id)
    for principle in PRINCIPLES:
        present = {criterion.level for criterion in criteria.of(principle)}
        for level in LEVELS:
            if level not in present:
                raise InvalidCriteria(
                    field="criteria", rule=f"at least one criterion of principle {principle}, level {level}"
                )

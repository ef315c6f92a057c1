"""What a procedure sheet and a line of the map show, in words: made of answers in the form that the reader may see."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import Literal, TypeAlias

from qos_domain.assessment import Assessment, Settled
from qos_domain.criteria import PRINCIPLES, Criteria, Criterion, Principle
from qos_domain.figures import Share
from qos_domain.findings import CriterionResult, Figure
from qos_domain.indicators import Indicators
from qos_domain.levels import LevelReading
from qos_domain.procedures import Period, Procedure
from qos_metrics.language import Writer
from qos_metrics.ports import MapRow, ProcedureRow

Bar: TypeAlias = Literal["full", "maybe", "claim", ""]


@dataclass(frozen=True, slots=True)
class Cell:
    """Both readings of a principle: `bars` are levels 1 to 3; `against`: evidence rules the declared level out."""

    evidenced: int
    possible: int
    declared: int

    @property
    def bars(self) -> tuple[Bar, ...]:
        return tuple(self._bar(level) for level in (1, 2, 3))

    @property
    def against(self) -> bool:
        return self.declared > self.possible

    def _bar(self, level: int) -> Bar:
        if level <= self.evidenced:
            return "full"
        if level <= self.possible:
            return "maybe"
        return "claim" if level <= self.declared else ""


def cell(evidenced: LevelReading, declared: LevelReading) -> Cell:
    return Cell(evidenced.level, evidenced.possible_level, declared.level)


@dataclass(frozen=True, slots=True)
class MapLine:
    procedure: ProcedureRow
    cells: Mapping[Principle, Cell]
    contradictions: int


def map_line(row: MapRow) -> MapLine:
    cells = {name: cell(readings.evidenced, readings.declared) for name, readings in row.principles.items()}
    return MapLine(row.procedure, cells, row.contradictions)


@dataclass(frozen=True, slots=True)
class FigureCard:
    """A figure; `value` is None where it is `absent` and why. `bar` and `target` are percentages of a bar."""

    title: str
    value: str | None
    basis: tuple[str, ...]
    absent: str
    unit: str = ""
    bar: float | None = None
    target: float | None = None
    tone: str = "accent"


def figure_cards(t: Writer, found: Indicators, objective: float) -> list[FigureCard]:
    """The figures of a sheet."""
    few, none = t("figure_few"), t("figure_none")

    def share(title: str, of: Share, *, target: float | None = None, good_is_low: bool = False) -> FigureCard:
        basis = [t("figure_basis", numerator=t.number(of.numerator), denominator=t.number(of.denominator))]
        tone = "accent"
        if target is not None:
            basis.append(t("figure_target", target=t.percent(target)))
            if of.share is not None:
                tone = "good" if (of.share <= target if good_is_low else of.share >= target) else "bad"
        return FigureCard(
            title,
            None if of.share is None else t.percent(of.share),
            tuple(basis) if of.denominator else (),
            few if of.denominator else none,
            bar=None if of.share is None else round(100 * of.share, 1),
            target=None if target is None else round(100 * target, 1),
            tone=tone,
        )

    days = found.processing_time.calendar_days
    times = []
    if days is not None:
        if days.p90 is not None:
            times.append(t("figure_p90", days=t.number(days.p90)))
        times.append(t("figure_n", n=t.number(days.n)))
    rating = found.satisfaction.rating
    return [
        FigureCard(
            t("figure_applications"),
            t.number(found.volume.applications),
            (t("figure_365", count=t.number(found.volume.applications_365_days)),),
            none,
        ),
        share(t("figure_online"), found.online.applications),
        share(t("figure_compliance"), found.compliance.within_period, target=objective),
        FigureCard(
            t("figure_days"),
            None if days is None or days.p50 is None else t.number(days.p50),
            tuple(times),
            none if days is None else few,
            unit=f" {t('unit_days')} ({t('figure_median')})",
        ),
        share(t("figure_cashless"), found.cashless.payments),
        FigureCard(
            t("figure_satisfaction"),
            None if rating.mean is None else t.number(rating.mean, 1),
            (t("figure_n_ratings", n=t.number(rating.n)),) if rating.n else (),
            few if rating.n else none,
            unit=f" {t('figure_out_of_5')}",
            bar=None if rating.mean is None else round(100 * (rating.mean - 1) / 4, 1),
        ),
        share(t("figure_abandonment"), found.forms.abandoned, target=0.1, good_is_low=True),
        share(t("figure_corrections"), found.decisions.corrected),
    ]


def standing(t: Writer, found: Indicators, forecast_until: date) -> list[tuple[str, str, str]]:
    """(tone, label, count) of open cases; what isn't known is left out."""
    of = found.standing
    counts = [
        ("", t("open_open"), of.open),
        ("bad" if of.overdue else "", t("open_overdue"), of.overdue),
        ("warn" if of.due_soon else "", t("open_due_soon"), of.due_soon),
        ("", t("open_suspended"), of.suspended),
        ("", t("open_forecast", day=t.day(forecast_until)), of.forecast),
    ]
    return [(tone, label, t.number(count)) for tone, label, count in counts if count is not None]


@dataclass(frozen=True, slots=True)
class CriterionLine:
    level: int
    title: str
    status: str
    tone: str
    reason: str


@dataclass(frozen=True, slots=True)
class PrincipleBlock:
    name: Principle
    cell: Cell
    criteria: list[CriterionLine]
    next: int | None
    lacking: list[str]
    settled: str | None


_TONES = {"met": "good", "not_met": "bad", "unknown": "warn", "not_applicable": ""}


class LevelWords:
    """Writes an assessment by the criteria that it was made with."""

    def __init__(self, t: Writer, criteria: Criteria) -> None:
        self._t = t
        self._criteria: Mapping[str, Criterion] = {criterion.id: criterion for criterion in criteria.criteria}

    def blocks(self, assessment: Assessment, settled: Settled | None) -> list[PrincipleBlock]:
        blocks = []
        for name in PRINCIPLES:
            of_it = assessment.principles[name]
            following = of_it.next_level
            blocks.append(
                PrincipleBlock(
                    name=name,
                    cell=cell(of_it.evidenced, of_it.declared),
                    criteria=[self._line(result) for result in of_it.criteria],
                    next=None if following is None else following.level,
                    lacking=[] if following is None else [self._lack(result) for result in following.lacking],
                    settled=None if settled is None else self._settled(settled, name),
                )
            )
        return blocks

    def contradictions(self, assessment: Assessment) -> list[str]:
        return [
            self._t(
                "sheet_contradiction",
                criterion=self._title(result),
                figure=self._value(result.figure),
                threshold=self._threshold(result),
            )
            for name in PRINCIPLES
            for result in assessment.principles[name].contradictions
        ]

    def _settled(self, settled: Settled, name: Principle) -> str | None:
        level = settled.levels.get(name, {}).get("evidenced")
        if level is None:
            return None
        text = "sheet_settled" if level.cause is None else "sheet_settled_restated"
        return self._t(text, level=self._t.level(level.level), day=self._t.day(level.since))

    def _title(self, result: CriterionResult) -> str:
        criterion = self._criteria.get(result.criterion)
        return result.criterion if criterion is None else self._t.pick(criterion.title.ja, criterion.title.en)

    def _line(self, result: CriterionResult) -> CriterionLine:
        return CriterionLine(
            result.level,
            self._title(result),
            self._t(f"status_{result.status}"),
            _TONES[result.status],
            self._reason(result),
        )

    def _lack(self, result: CriterionResult) -> str:
        return f"{self._title(result)} ({self._reason(result)})"

    def _reason(self, result: CriterionResult) -> str:
        t = self._t
        if result.status == "not_applicable":
            return t("status_not_applicable")
        if result.basis == "declared":
            said = {"met": "basis_declared", "not_met": "criterion_said_no", "unknown": "criterion_not_said"}
            return t(said[result.status])
        if result.figure is None:
            missing = result.cases_missing
            return t("criterion_few") if missing is None else t("criterion_more_cases", count=t.number(missing))
        window = result.figure.window
        words = t(
            "criterion_count" if result.figure.kind == "count" else "criterion_figure",
            figure=self._value(result.figure),
            start=t.day(window.start),
            end=t.day(window.end),
            cases=t.number(result.figure.cases),
        )
        if result.status == "not_met" and result.gap is not None and result.figure.kind != "count":
            gap = t("criterion_gap", gap=self._gap(result.figure, result.gap))
            words += f"、{gap}" if t.language == "ja" else f"; {gap}"
        return words

    def _threshold(self, result: CriterionResult) -> str:
        if result.comparison is None or result.threshold is None or result.figure is None:
            return "-"
        return self._t(result.comparison, value=self._number(result.figure, result.threshold))

    def _value(self, figure: Figure | None) -> str:
        if figure is None or (figure.value is None and figure.numerator is None):
            return self._t("withheld")
        value = figure.numerator if figure.kind == "count" else figure.value
        return self._t("withheld") if value is None else self._number(figure, value)

    def _gap(self, figure: Figure, gap: float) -> str:
        if figure.kind in {"share", "median_ratio"}:
            return self._t("points", count=self._t.number(100 * gap, 1))
        return self._number(figure, gap)

    def _number(self, figure: Figure, value: float) -> str:
        if figure.kind in {"share", "median_ratio"}:
            return self._t.percent(value)
        return self._t.number(value, 0 if figure.kind == "count" else 1)


def facts(t: Writer, row: ProcedureRow, version: Procedure) -> list[tuple[str, str | None]]:
    """(label, value) of what the registry says; None where it doesn't."""
    channels = None
    if version.channels is not None:
        comma = "、" if t.language == "ja" else ", "
        channels = comma.join(t(f"channel_{channel}") for channel in version.channels)
    return [
        (t("sheet_id"), row.procedure_id),
        (t("sheet_kind"), None if row.kind is None else t(f"kind_{row.kind}")),
        (t("sheet_legal"), version.legal_basis),
        (t("sheet_period"), _period(t, version.standard_period)),
        (t("sheet_online_period"), _period(t, version.online_standard_period)),
        (t("sheet_channels"), channels),
        (t("sheet_since"), None if version.digital_since is None else t.day(version.digital_since)),
        (t("sheet_objective"), t.percent(version.objective)),
        (t("sheet_version"), t.day(row.effective_from)),
    ]


def _period(t: Writer, period: Period | None) -> str | None:
    if period is None:
        return None
    low, high = period.minimum, period.maximum
    count = t.number(high) if low is None or low == high else f"{t.number(low)}-{t.number(high)}"
    return t(f"unit_{period.unit}", count=count)

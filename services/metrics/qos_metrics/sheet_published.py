"""What a procedure sheet says of the last month that was published: beside it what was restated, and today's levels."""

from dataclasses import dataclass

from qos_domain.assessment import Assessment
from qos_domain.criteria import PRINCIPLES
from qos_domain.periods import Month
from qos_domain.publication import PublishedLevels, Statement
from qos_metrics.access import Audience
from qos_metrics.language import Writer
from qos_metrics.postgres_publications import Stated
from qos_metrics.present_publications import shown
from qos_metrics.sheet import FigureCard, figure_cards


@dataclass(frozen=True, slots=True)
class Side:
    """A value and what stands below it in small. `absent`: `value` says why there is none."""

    value: str
    note: str = ""
    absent: bool = False


@dataclass(frozen=True, slots=True)
class Row:
    """`restated` is None where what was published stands, `today` where there is nothing to compare it with."""

    label: str
    published: Side
    restated: Side | None
    today: Side | None = None


@dataclass(frozen=True, slots=True)
class PublishedMonth:
    """`causes` says why anything was restated; None where all stands as it was published."""

    month: str
    issued: str
    levels: list[Row]
    figures: list[Row]
    causes: str | None
    restated_at: str | None
    json_href: str


def published_month(
    t: Writer, stated: Stated, live: Assessment, *, audience: Audience, objective: float
) -> PublishedMonth:
    """In the form that the audience may see; `live` is the assessment of now."""
    issued, restatement = stated.issued, stated.restatement
    before, after = shown(issued.statement, audience), shown(stated.now, audience)
    causes = None
    if stated.differs and restatement is not None:
        comma = "、" if t.language == "ja" else ", "
        causes = comma.join(t(f"cause_{cause}") for cause in restatement.causes)
    return PublishedMonth(
        month=t.month(Month.named(issued.period)),
        issued=issued.period,
        levels=_levels(t, before, after, live),
        figures=_figures(t, before, after, objective),
        causes=causes,
        restated_at=None if causes is None or restatement is None else t.instant(restatement.restated_at),
        json_href=f"/v1/publications/{issued.period}/procedures/{issued.id}",
    )


def _levels(t: Writer, before: Statement, after: Statement, live: Assessment) -> list[Row]:
    rows = []
    for principle in PRINCIPLES:
        said = _level(t, before.levels.get(principle))
        now = _level(t, after.levels.get(principle))
        found = live.principles[principle]
        today = Side(t.level(found.evidenced.level), t("published_declared", level=t.level(found.declared.level)))
        rows.append(Row(t(f"principle_{principle}"), said, None if now == said else now, today))
    return rows


def _level(t: Writer, levels: PublishedLevels | None) -> Side:
    if levels is None:
        return Side(t("published_nothing"), absent=True)
    notes = [t("published_declared", level=t.level(levels.declared.level))]
    if levels.evidenced.settled is not None:
        notes.append(t("published_settled", level=t.level(levels.evidenced.settled)))
    return Side(t.level(levels.evidenced.level), ("、" if t.language == "ja" else ", ").join(notes))


def _figures(t: Writer, before: Statement, after: Statement, objective: float) -> list[Row]:
    pairs = zip(
        figure_cards(t, before.indicators, objective), figure_cards(t, after.indicators, objective), strict=True
    )
    rows = []
    for said, now in pairs:
        published, restated = _side(said), _side(now)
        rows.append(Row(said.title, published, None if restated == published else restated))
    return rows


def _side(card: FigureCard) -> Side:
    basis = card.basis[0] if card.basis else ""
    if card.value is None:
        return Side(card.absent, basis, absent=True)
    return Side(f"{card.value}{card.unit}", basis)

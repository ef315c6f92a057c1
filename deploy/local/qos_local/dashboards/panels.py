"""How panels look: one function a kind, the same everywhere."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from string import ascii_uppercase
from typing import Protocol, Self, TypeVar

from grafana_foundation_sdk.builders import (
    barchart,
    bargauge,
    common,
    dashboard,
    prometheus,
    stat,
    statetimeline,
    table,
    timeseries,
)
from grafana_foundation_sdk.cog.builder import Builder
from grafana_foundation_sdk.cog.variants import Dataquery
from grafana_foundation_sdk.models import common as commons
from grafana_foundation_sdk.models.dashboard import (
    DynamicConfigValue,
    FieldColor,
    FieldColorModeId,
    Threshold,
    ThresholdsConfig,
    ThresholdsMode,
    ValueMap,
    ValueMappingResult,
)

from qos_local.dashboards.queries import POSTGRESQL, PROMETHEUS, Sql

Steps = Sequence[tuple[float | None, str]]
Target = Sql | prometheus.Dataquery

PLAIN: Steps = ((None, "text"),)
# The bands of the online application rate (docs/indicators.md).
BANDS: Steps = ((None, "red"), (0.2, "orange"), (0.5, "yellow"), (0.8, "green"))
# The usual objective, and what Faster Lv2 asks for (docs/levels.md).
COMPLIANCE_STEPS: Steps = ((None, "red"), (0.9, "yellow"), (0.95, "green"))
# Simpler Lv2.
CASHLESS_STEPS: Steps = ((None, "orange"), (0.5, "green"))
# Easier Lv2 and Lv3.
RATING_STEPS: Steps = ((None, "orange"), (3.5, "green"), (4.0, "blue"))
NONE_IS_GOOD: Steps = ((None, "green"), (1, "red"))
SOME_ARE_USUAL: Steps = ((None, "green"), (1, "yellow"))
BUDGET_STEPS: Steps = ((None, "red"), (0, "yellow"), (1, "green"))
BURN_RATE_STEPS: Steps = ((None, "green"), (1, "yellow"), (2, "red"))
# Data is stale when the pipeline lags by 15 minutes (docs/levels.md).
STALE: Steps = ((None, "green"), (60, "yellow"), (900, "red"))
LEVEL_COLOURS = ("red", "orange", "green", "blue")


class _Panel(Protocol):
    """What every kind of panel can be told."""

    def title(self, title: str, /) -> Self: ...
    def description(self, description: str, /) -> Self: ...
    def datasource(self, datasource: commons.DataSourceRef, /) -> Self: ...
    def height(self, h: int, /) -> Self: ...
    def span(self, w: int, /) -> Self: ...
    def unit(self, unit: str, /) -> Self: ...
    def with_target(self, target: Builder[Dataquery], /) -> Self: ...
    def thresholds(self, thresholds: Builder[ThresholdsConfig], /) -> Self: ...
    def override_by_name(self, name: str, properties: list[DynamicConfigValue], /) -> Self: ...


P = TypeVar("P", bound=_Panel)


@dataclass(frozen=True, slots=True)
class Column:
    """A column of a query: how it is called, and how it is shown. `links`: title -> address."""

    title: str
    unit: str | None = None
    steps: Steps | None = None
    mappings: Sequence[ValueMap] = ()
    links: Mapping[str, str] | None = None
    width: int | None = None
    colour: str | None = None
    dashed: bool = False

    def properties(self) -> list[DynamicConfigValue]:
        found = [DynamicConfigValue("displayName", self.title)]
        if self.unit is not None:
            found.append(DynamicConfigValue("unit", self.unit))
        if self.width is not None:
            found.append(DynamicConfigValue("custom.width", self.width))
        if self.steps is not None:
            found.append(DynamicConfigValue("thresholds", thresholds(self.steps).build()))
        if self.mappings:
            found.append(DynamicConfigValue("mappings", list(self.mappings)))
        if self.steps is not None or self.mappings:
            coloured = commons.TableColoredBackgroundCellOptions(commons.TableCellBackgroundDisplayMode.BASIC)
            found.append(DynamicConfigValue("custom.cellOptions", coloured))
        if self.colour is not None:
            found.append(DynamicConfigValue("color", FieldColor(FieldColorModeId.FIXED, self.colour)))
        if self.dashed:
            found.append(DynamicConfigValue("custom.lineStyle", commons.LineStyle("dash", [10, 10])))
        if self.links:
            links = [{"title": title, "url": url, "targetBlank": "://" in url} for title, url in self.links.items()]
            found.append(DynamicConfigValue("links", links))
        return found


Columns = Mapping[str, Column]


def thresholds(steps: Steps) -> dashboard.ThresholdsConfig:
    values = [Threshold(value, colour) for value, colour in steps]
    return dashboard.ThresholdsConfig().mode(ThresholdsMode.ABSOLUTE).steps(values)


def level_mappings() -> ValueMap:
    """Levels as `Lv2`, or `Lv2?` where more is possible than what is sure."""
    return ValueMap(
        {
            f"{level}{doubt}": ValueMappingResult(text=f"Lv{level}{doubt}", color=colour)
            for level, colour in enumerate(LEVEL_COLOURS)
            for doubt in ("", "?")
        }
    )


def number(
    title: str,
    about: str,
    target: Target,
    *,
    unit: str = "short",
    steps: Steps = PLAIN,
    span: int = 3,
    text: str | None = None,
) -> stat.Panel:
    """One figure, or the content of the column `text`."""
    panel = stat.Panel().graph_mode(commons.BigValueGraphMode.NONE).color_mode(commons.BigValueColorMode.VALUE)
    reduced = common.ReduceDataOptions().calcs(["lastNotNull"])
    panel = panel.reduce_options(reduced if text is None else reduced.fields(f"/^{text}$/"))
    return _told(panel, title, about, [_now(target)], unit=unit, steps=steps, size=(span, 4))


def lines(
    title: str,
    about: str,
    *targets: Target,
    unit: str = "short",
    columns: Columns | None = None,
    steps: Steps | None = None,
    axis: tuple[float | None, float | None] = (0, None),
    bars: bool = False,
    span: int = 12,
) -> timeseries.Panel:
    """Figures over time; with `bars` stacked ones. Steps are dashed lines. `axis`: its ends."""
    panel = (
        timeseries.Panel()
        .legend(common.VizLegendOptions().show_legend(True).placement(commons.LegendPlacement.BOTTOM))
        .tooltip(common.VizTooltipOptions().mode(commons.TooltipDisplayMode.MULTI))
    )
    if bars:
        panel = panel.draw_style(commons.GraphDrawStyle.BARS).fill_opacity(70)
        panel = panel.stacking(common.StackingConfig().mode(commons.StackingMode.NORMAL))
    else:
        panel = panel.show_points(commons.VisibilityMode.AUTO).span_nulls(True)
    least, most = axis
    if least is not None:
        panel = panel.min(least)
    if most is not None:
        panel = panel.max(most)
    if steps is not None:
        style = common.GraphThresholdsStyleConfig().mode(commons.GraphThresholdsStyleMode.DASHED)
        panel = panel.thresholds_style(style)
    return _told(panel, title, about, targets, unit=unit, steps=steps or PLAIN, columns=columns, size=(span, 8))


def bars(
    title: str,
    about: str,
    target: Target,
    *,
    x: str,
    columns: Columns,
    unit: str = "short",
    span: int = 12,
) -> barchart.Panel:
    """Counts by a column that isn't time, stacked."""
    panel = barchart.Panel().x_field(x).stacking(commons.StackingMode.NORMAL).x_tick_label_spacing(100)
    panel = panel.legend(common.VizLegendOptions().show_legend(True).placement(commons.LegendPlacement.BOTTOM))
    return _told(panel, title, about, [target], unit=unit, columns=columns, size=(span, 8))


def gauges(
    title: str,
    about: str,
    target: Target,
    *,
    unit: str = "short",
    steps: Steps = PLAIN,
    span: int = 12,
) -> bargauge.Panel:
    """One bar for each series, as it stands now."""
    panel = (
        bargauge.Panel()
        .orientation(commons.VizOrientation.HORIZONTAL)
        .display_mode(commons.BarGaugeDisplayMode.BASIC)
        .reduce_options(common.ReduceDataOptions().calcs(["lastNotNull"]))
        .min(0)
    )
    return _told(panel, title, about, [_now(target)], unit=unit, steps=steps, size=(span, 9))


def rows(title: str, about: str, target: Target, *, columns: Columns, span: int = 24, height: int = 12) -> table.Panel:
    """A table."""
    panel = table.Panel().cell_height(commons.TableCellHeight.SM).filterable(True)
    return _told(panel, title, about, [target], columns=columns, size=(span, height))


def states(title: str, about: str, target: Target, *, columns: Columns, span: int = 24) -> statetimeline.Panel:
    """Levels over time."""
    panel = (
        statetimeline.Panel().merge_values(True).show_value(commons.VisibilityMode.AUTO).mappings([level_mappings()])
    )
    return _told(panel, title, about, [target], columns=columns, size=(span, 7))


def _now(target: Target) -> Target:
    """What holds now; a range would show what was there last, however long ago."""
    return target if isinstance(target, Sql) else target.instant()


def _told(
    panel: P,
    title: str,
    about: str,
    targets: Sequence[Target],
    *,
    size: tuple[int, int],
    unit: str | None = None,
    steps: Steps | None = None,
    columns: Columns | None = None,
) -> P:
    source = POSTGRESQL if isinstance(targets[0], Sql) else PROMETHEUS
    panel = panel.title(title).description(about).datasource(source).span(size[0]).height(size[1])
    for letter, target in zip(ascii_uppercase, targets, strict=False):
        panel = panel.with_target(target.ref_id(letter))
    if unit is not None:
        panel = panel.unit(unit)
    if steps is not None:
        panel = panel.thresholds(thresholds(steps))
    for name, column in (columns or {}).items():
        panel = panel.override_by_name(name, column.properties())
    return panel

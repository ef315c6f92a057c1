"""What all dashboards have in common: days, time zone, links to each other and to the metrics service."""

from collections.abc import Iterable

from grafana_foundation_sdk.builders.dashboard import Dashboard, DashboardLink, QueryVariable, Row
from grafana_foundation_sdk.cog.builder import Builder
from grafana_foundation_sdk.models.dashboard import Dashboard as Model
from grafana_foundation_sdk.models.dashboard import (
    DashboardCursorSync,
    DashboardLinkType,
    Panel,
    VariableRefresh,
    VariableSort,
)

from qos_local.dashboards.queries import POSTGRESQL
from qos_local.dashboards.site import Site


class Page:
    """A dashboard in the making: rows of panels, under one title."""

    def __init__(
        self, site: Site, name: str, title: str, about: str, *, since: str = "now-90d", refresh: str = "15m"
    ) -> None:
        self.name = name
        self._site = site
        say = site.say
        other = Site("en" if site.language == "ja" else "ja")
        self._board = (
            Dashboard(f"QOS: {title}" if site.language == "en" else f"QOS {title}")
            .uid(site.uid(name))
            .description(about)
            .tags(["qos", site.language])
            .time(since, "now")
            .timezone(site.time_zone)
            .week_start("monday")
            .fiscal_year_start_month(3)
            .refresh(refresh)
            .tooltip(DashboardCursorSync.CROSSHAIR)
            .readonly()
            .links(
                [
                    DashboardLink(say("Dashboards", "ダッシュボード"))
                    .type(DashboardLinkType.DASHBOARDS)
                    .tags(["qos", site.language])
                    .as_dropdown(True)
                    .keep_time(True),
                    DashboardLink(say("日本語", "English"))
                    .type(DashboardLinkType.LINK)
                    .url(f"/d/{other.uid(name)}")
                    .keep_time(True)
                    .include_vars(True),
                    DashboardLink(say("Quality map", "クオリティマップ"))
                    .type(DashboardLinkType.LINK)
                    .url(site.page("/quality-map"))
                    .target_blank(True),
                ]
            )
        )

    def row(self, title: str, panels: Iterable[Builder[Panel]]) -> "Page":
        self._board.with_row(Row(title))
        for panel in panels:
            self._board.with_panel(panel)
        return self

    def variable(self, name: str, label: str, statement: str) -> "Page":
        """A choice of `__value`s, shown as `__text`."""
        self._board.with_variable(
            QueryVariable(name)
            .label(label)
            .datasource(POSTGRESQL)
            .query(statement)
            .definition(statement)
            .refresh(VariableRefresh.ON_DASHBOARD_LOAD)
            .sort(VariableSort.DISABLED)
            .allow_custom_value(False)
        )
        return self

    def build(self) -> Model:
        """The dashboard, its panels numbered, each saying something where there is nothing to show."""
        model = self._board.build()
        for link in model.links or ():
            link.placement = None  # type: ignore[assignment]  # in sight; the SDK only knows a menu
        for number, panel in enumerate(model.panels or (), 1):
            panel.id_val = number
            if isinstance(panel, Panel) and panel.field_config and panel.field_config.defaults.no_value is None:
                panel.field_config.defaults.no_value = self._site.say("nothing to show", "該当なし")
        return model

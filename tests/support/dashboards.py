"""The committed dashboards of Grafana, and their queries as Grafana would send them."""

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

GRAFANA = Path(__file__).parents[2] / "deploy" / "grafana"
DASHBOARDS = GRAFANA / "dashboards"
SQL = "grafana-postgresql-datasource"
_UNITS = {"m": "minutes", "h": "hours", "d": "days"}


@dataclass(frozen=True, slots=True)
class Dashboard:
    path: Path
    model: Mapping[str, Any]

    @property
    def panels(self) -> list[dict[str, Any]]:
        """Those that show something: no rows."""
        return [panel for panel in self.model["panels"] if panel["type"] != "row"]

    @property
    def variables(self) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = self.model["templating"]["list"] if self.model.get("templating") else []
        return found

    def queries(self, kind: str) -> Iterator[tuple[dict[str, Any], dict[str, Any]]]:
        """Panels with each of their queries to data sources of a type."""
        for panel in self.panels:
            for target in panel["targets"]:
                if target["datasource"]["type"] == kind:
                    yield panel, target

    def promql(self) -> Iterator[tuple[str, str]]:
        """The title of a panel, and an expression of it."""
        for panel, target in self.queries("prometheus"):
            yield panel["title"], target["expr"]

    def since(self, now: datetime) -> datetime:
        """The beginning of the days that it shows when it is opened."""
        found = re.fullmatch(r"now-(\d+)([mhd])", self.model["time"]["from"])
        assert found is not None
        return now - timedelta(**{_UNITS[found[2]]: int(found[1])})


def dashboards() -> list[Dashboard]:
    return [Dashboard(path, json.loads(path.read_text("utf-8"))) for path in sorted(DASHBOARDS.glob("*/*.json"))]


def substituted(query: str, dashboard: Dashboard, now: datetime, variables: Mapping[str, str]) -> str:
    """What Grafana makes of a query: its time macros are literals in UTC, its variables plain text."""

    def literal(moment: datetime) -> str:
        return f"'{moment.astimezone(UTC).strftime('%Y-%m-%dT%H:%M:%SZ')}'"

    query = query.replace("$__timeFrom()", literal(dashboard.since(now))).replace("$__timeTo()", literal(now))
    query = query.replace("$__rate_interval", "10m")
    for name, value in variables.items():
        query = query.replace(f"${name}", value)
    assert not re.search(r"\$[a-z_{]", query), f"unknown variable in {query}"
    return query

"""Queries, and the pieces that they are made of.

Figures that are dated come from the views for reports (docs/reporting.md): exact by local date, for every procedure,
whatever Prometheus has seen. What stands now, the forecast and the pipeline come from Prometheus (docs/metrics.md).
"""

import re
from collections.abc import Mapping
from typing import Self

from grafana_foundation_sdk.builders import prometheus
from grafana_foundation_sdk.cog.builder import Builder
from grafana_foundation_sdk.cog.runtime import UnknownDataquery
from grafana_foundation_sdk.cog.variants import Dataquery
from grafana_foundation_sdk.models.common import DataSourceRef

from qos_local.dashboards.site import POSTGRESQL_UID, PROMETHEUS_UID

PROMETHEUS = DataSourceRef(type_val="prometheus", uid=PROMETHEUS_UID)
POSTGRESQL = DataSourceRef(type_val="grafana-postgresql-datasource", uid=POSTGRESQL_UID)

# Conditions on the views.
IN_RANGE = "date BETWEEN reporting.local_date($__timeFrom()) AND reporting.local_date($__timeTo())"
OF_ALL = "true"
OF_ORGANISATION = "organisation_id = '$organisation'"
OF_PROCEDURE = "procedure_id = '$procedure'"

WEEK = "date_trunc('week', date)::date"


class Sql(Builder[Dataquery]):
    """A statement on the views for reports. A time series needs a column `time`, in ascending order."""

    def __init__(self, statement: str, *, time_series: bool = False) -> None:
        self._query = {
            "datasource": POSTGRESQL.to_json(),
            "editorMode": "code",
            "format": "time_series" if time_series else "table",
            "rawQuery": True,
            "rawSql": " ".join(statement.split()),
            "refId": "A",
        }

    def ref_id(self, ref_id: str) -> Self:
        self._query["refId"] = ref_id
        return self

    def build(self) -> Dataquery:
        return UnknownDataquery(self._query)


def promql(expression: str, legend: str = "") -> prometheus.Dataquery:
    """An expression over the days shown."""
    return prometheus.Dataquery().datasource(PROMETHEUS).expr(expression).legend_format(legend).range()


def count(measure: str, condition: str = "true", value: str = "value") -> str:
    """A sum over day buckets: of one measure, or of some of it."""
    return f"sum({value}) FILTER (WHERE measure = '{measure}' AND {condition})"


def both(*sums: str) -> str:
    return " + ".join(f"coalesce({each}, 0)" for each in sums)


def share(part: str, whole: str) -> str:
    """Null where there is nothing to divide by."""
    return f"({both(part)})::float8 / nullif({both(whole)}, 0)"


APPLICATIONS = count("arrived")
ONLINE_RATE = share(count("arrived", "online"), APPLICATIONS)
WITHIN_PERIOD = share(count("met"), both(count("met"), count("breached")))
CASHLESS = share(count("payments", "bin = 1"), count("payments"))
SATISFACTION = share(count("rating", value="bin * value"), count("rating"))


def of_buckets(columns: Mapping[str, str], condition: str) -> str:
    """Sums over the day buckets of a scope and of the days shown; only their measures are read. To be grouped."""
    selected = ", ".join(f"{expression} AS {name}" for name, expression in columns.items())
    measures = ", ".join(sorted(set(re.findall(r"measure = ('\w+')", selected))))
    return f"SELECT {selected} FROM reporting.day_buckets WHERE measure IN ({measures}) AND {IN_RANGE} AND {condition}"


def figure(name: str, *by: str, **labels: str) -> str:
    """A figure of the metrics service. All its instances export the same ones: the greatest of each, not their sum."""
    wanted = ",".join(f'{label}="{value}"' for label, value in labels.items())
    return f"max by ({', '.join(('scope', 'id', *by))}) ({name}{{{wanted}}})"


def of_organisation(figures: str) -> str:
    """The figures of an organisation's scopes: its priority procedures, and itself with all its others."""
    return f"{figures} * on (scope, id) group_left () {figure('qos_scope_info', organisation='$organisation')}"


def named(figures: str, label: str) -> str:
    """Figures of priority procedures and organisations, with a label that holds their names."""
    return (
        f'{figures} * on (scope, id) group_left ({label}) max by (scope, id, {label}) (qos_scope_info{{scope!="all"}})'
    )


def quantile(rank: float, histogram: str, *by: str) -> str:
    """Nothing while nothing was counted."""
    labels = ", ".join((*by, "le"))
    return f"histogram_quantile({rank}, sum by ({labels}) (rate({histogram}_bucket[$__rate_interval]))) >= 0"

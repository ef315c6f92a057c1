"""Queries, and the pieces that they are made of.

Figures that are dated come from the views for reports (docs/reporting.md): exact by local date, for every procedure,
whatever Prometheus has seen. What stands now, the forecast and the pipeline come from Prometheus (docs/metrics.md).
"""

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


def share(numerator: str, denominator: str) -> str:
    """Of sums of columns; null where there is nothing to divide by. A condition follows a column after `|`."""
    return f"{_sum(numerator)}::float8 / nullif({_sum(denominator)}, 0)"


def _sum(column: str) -> str:
    name, _, condition = column.partition("|")
    return f"sum({name}) FILTER (WHERE {condition})" if condition else f"sum({name})"


ONLINE_RATE = share("applications|online", "applications")
WITHIN_PERIOD = share("met", "met + breached")
CASHLESS = share("cashless_payments", "payments")
SATISFACTION = share("rating_points", "ratings")


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

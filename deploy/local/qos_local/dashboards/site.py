"""What a set of dashboards is made for: one language of one deployment."""

from dataclasses import dataclass
from typing import Literal, TypeAlias

from qos_domain.calendar import DEFAULT_TIME_ZONE

Language: TypeAlias = Literal["ja", "en"]
LANGUAGES: tuple[Language, ...] = ("ja", "en")
# Fixed, and the same in deploy/grafana/provisioning: so dashboards find their data with no click.
PROMETHEUS_UID = "qos-prometheus"
POSTGRESQL_UID = "qos-postgresql"


@dataclass(frozen=True, slots=True)
class Site:
    """`metrics_url`: where people reach the pages of the metrics service, without a slash at its end."""

    language: Language
    metrics_url: str = "http://localhost:8083"
    time_zone: str = DEFAULT_TIME_ZONE

    def say(self, en: str, ja: str) -> str:
        return ja if self.language == "ja" else en

    @property
    def days(self) -> str:
        """The unit of days; Grafana's own would make weeks of seven."""
        return f"suffix: {self.say('d', '日')}"

    def uid(self, dashboard: str) -> str:
        return f"qos-{dashboard}-{self.language}"

    def link(self, dashboard: str, *variables: str) -> str:
        """To another dashboard of the same days, with variables that are columns of the row it is followed from."""
        given = "".join(
            f"var-{name.removesuffix('_id')}=${{__data.fields.{name}:percentencode}}&" for name in variables
        )
        return f"/d/{self.uid(dashboard)}?{given}${{__url_time_range}}"

    def page(self, path: str) -> str:
        """To a page of the metrics service, in the site's language."""
        return f"{self.metrics_url}{path}?lang={self.language}"

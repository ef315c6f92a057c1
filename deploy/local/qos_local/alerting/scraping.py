"""prometheus.yml: what is scraped, which rules are evaluated, and who is told."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

from qos_local.alerting.tempo import Tempo

# The names and ports of docker-compose.yml.
PORTS: Mapping[str, int] = MappingProxyType({"intake": 8081, "processing": 8082, "metrics": 8083})
JOBS: Sequence[str] = tuple(f"qos-{service}" for service in PORTS)
ALERTMANAGER = "alertmanager:9093"
RULE_FILES: Sequence[str] = ("recording.yml", "pipeline.yml", "sla.yml")


@dataclass(frozen=True, slots=True)
class Scraping:
    """`targets` are addresses by job, host:port. A job without any is found by DNS: all addresses of the service's
    name, so that each of several workers is scraped."""

    tempo: Tempo
    targets: Mapping[str, Sequence[str]] = field(default_factory=dict)
    alertmanager: str = ALERTMANAGER

    def configuration(self) -> dict[str, Any]:
        return {
            "global": {
                "scrape_interval": self.tempo.of(seconds=15),
                "scrape_timeout": self.tempo.of(seconds=10),
                "evaluation_interval": self.tempo.of(seconds=30),
            },
            "rule_files": [f"rules/{name}" for name in RULE_FILES],
            "alerting": {"alertmanagers": [{"static_configs": [{"targets": [self.alertmanager]}]}]},
            "scrape_configs": [{"job_name": f"qos-{service}", **self._found(service)} for service in PORTS],
        }

    def _found(self, service: str) -> dict[str, Any]:
        addresses = self.targets.get(f"qos-{service}")
        if addresses:
            return {"static_configs": [{"targets": list(addresses)}]}
        discovery = {
            "names": [service],
            "type": "A",
            "port": PORTS[service],
            "refresh_interval": self.tempo.of(seconds=15),
        }
        return {"dns_sd_configs": [discovery]}

"""All files of an alerting configuration, by their path under its directory."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from msgspec import Struct

from qos_local.alerting.pipeline_rules import pipeline_rules
from qos_local.alerting.recording import recording_rules
from qos_local.alerting.registry import Registered
from qos_local.alerting.routing import Routing
from qos_local.alerting.rule_files import Writing, as_yaml
from qos_local.alerting.scraping import Scraping
from qos_local.alerting.sla_rules import sla_rules


@dataclass(frozen=True, slots=True)
class Alerting:
    """`made_by` is the command that makes the files again; they name it."""

    registered: Registered
    writing: Writing
    scraping: Scraping
    routing: Routing
    made_by: str

    def files(self) -> Mapping[str, str]:
        documents: dict[str, Struct | Mapping[str, Any]] = {
            "prometheus.yml": self.scraping.configuration(),
            "rules/recording.yml": recording_rules(),
            "rules/pipeline.yml": pipeline_rules(self.writing),
            "rules/sla.yml": sla_rules(self.registered.objectives, self.writing),
            "alertmanager.yml": self.routing.configuration(),
        }
        heading = f"Made by `{self.made_by}`: change the generator, not this file."
        return {path: as_yaml(document, heading) for path, document in documents.items()}

    def write(self, directory: Path) -> None:
        """Raises OSError."""
        for path, text in self.files().items():
            file = directory / path
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(text, encoding="utf-8")

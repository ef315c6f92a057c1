"""Who is told what, asked of Alertmanager's own tool."""

import subprocess
from typing import Any

import pytest
import yaml

from support.alerting import PROMETHEUS
from support.binaries import binary

FILE = PROMETHEUS / "alertmanager.yml"


def receivers(**labels: str) -> str:
    command = [binary("amtool"), "config", "routes", "test", f"--config.file={FILE}"]
    command += [f"{name}={value}" for name, value in labels.items()]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()


@pytest.mark.parametrize(
    ("labels", "receiver"),
    [
        ({"area": "sla", "severity": "ticket", "bureau": "construction"}, "bureau-construction"),
        ({"area": "sla", "severity": "ticket", "bureau": "park-association"}, "bureau-park-association"),
        ({"area": "sla", "severity": "ticket", "bureau": "founded-later"}, "central-office"),
        ({"area": "sla", "severity": "page", "bureau": "construction"}, "bureau-construction"),
        ({"area": "pipeline", "severity": "page"}, "operations-pages"),
        ({"area": "pipeline", "severity": "ticket"}, "operations-tickets"),
        ({"area": "pipeline", "severity": "ticket", "bureau": "construction"}, "operations-tickets"),
        ({"alertname": "SomebodyElses"}, "operations-tickets"),
    ],
)
def test_an_alert_has_one_receiver(labels: dict[str, str], receiver: str) -> None:
    assert receivers(**labels) == receiver


def test_only_pages_of_the_pipeline_go_out_at_night() -> None:
    """All routes but that of the pages keep to the office's hours; Alertmanager does not hand them down."""
    document = yaml.safe_load(FILE.read_text(encoding="utf-8"))

    def routes(route: dict[str, Any]) -> list[dict[str, Any]]:
        return [each for below in route.get("routes", ()) for each in (below, *routes(below))]

    hours = {"active_time_intervals": ["office-hours"], "mute_time_intervals": ["closed-days"]}
    at_night = [route for route in routes(document["route"]) if not hours.items() <= route.items()]
    assert [route["receiver"] for route in at_night] == ["operations-pages"]
    assert at_night[0]["matchers"] == ['area="pipeline"', 'severity="page"']

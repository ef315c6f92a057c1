"""`qos dashboards`: Grafana's dashboards, made for a deployment."""

from pathlib import Path
from typing import Annotated

import typer

from qos_domain.calendar import DEFAULT_TIME_ZONE
from qos_local.dashboards.catalogue import files
from qos_local.dashboards.site import LANGUAGES, Site


def register(app: typer.Typer) -> None:
    app.command("dashboards")(dashboards)


def dashboards(
    directory: Annotated[Path, typer.Argument(help="Where to write them: DIRECTORY/ja/*.json, DIRECTORY/en/*.json.")],
    metrics_url: Annotated[
        str, typer.Option(help="Where people reach the pages of the metrics service.")
    ] = "http://localhost:8083",
    time_zone: Annotated[
        str, typer.Option(help="The time zone of the deployment (QOS_TIME_ZONE).")
    ] = DEFAULT_TIME_ZONE,
) -> None:
    """Write Grafana's dashboards, in Japanese and English.

    Examples:

        qos dashboards deploy/grafana/dashboards

        qos dashboards /srv/dashboards --metrics-url https://qos.example.jp
    """
    for language in LANGUAGES:
        for path, text in files(Site(language, metrics_url.rstrip("/"), time_zone)).items():
            target = directory / path
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_text(text, encoding="utf-8")
    typer.echo(f"Written to {directory}")

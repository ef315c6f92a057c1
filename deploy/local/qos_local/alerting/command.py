"""`qos prometheus-rules`: the configuration of Prometheus and Alertmanager, made from the registry."""

import re
from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Annotated, Any
from zoneinfo import ZoneInfoNotFoundError

import msgspec
import typer
import yaml
from rich.console import Console

from qos_domain.acceptance import DEFAULT_TYPE_PREFIX, AcceptanceRules
from qos_domain.calendar import DEFAULT_TIME_ZONE, DEFAULT_VERSION, Calendar, UnknownCalendar
from qos_local.alerting.files import Alerting
from qos_local.alerting.office_hours import OfficeHours
from qos_local.alerting.registry import UnreadableRegistry, demonstration, read_registry
from qos_local.alerting.routing import Integrations, Routing, UnknownReceiver
from qos_local.alerting.rule_files import Writing
from qos_local.alerting.scraping import ALERTMANAGER, JOBS, Scraping
from qos_local.alerting.tempo import Tempo

RUNBOOK = "docs/runbook.md"
OFFICE_HOURS = "08:30-17:15"
_TIME = "([01][0-9]|2[0-3]):[0-5][0-9]"


def register(app: typer.Typer) -> None:
    app.command("prometheus-rules")(prometheus_rules)


def prometheus_rules(  # noqa: PLR0913, PLR0917 - one argument an option
    output: Annotated[Path, typer.Argument(help="The directory to write to; files of these names are replaced.")],
    as_of: Annotated[
        datetime, typer.Option(formats=["%Y-%m-%d"], help="The day of the registry, and of the first holidays.")
    ],
    procedures: Annotated[
        list[Path] | None,
        typer.Option(help="NDJSON of procedure events, also .gz; else the demonstration's ten.", exists=True),
    ] = None,
    receivers: Annotated[
        Path | None, typer.Option(help="YAML: receivers by name, each in Alertmanager's own words.", exists=True)
    ] = None,
    target: Annotated[
        list[str] | None, typer.Option(help="JOB=HOST:PORT to scrape instead of the service's name; repeat it.")
    ] = None,
    alertmanager: Annotated[str, typer.Option(help="Where Prometheus finds Alertmanager.")] = ALERTMANAGER,
    office_hours: Annotated[str, typer.Option(help="When tickets are sent, local time.")] = OFFICE_HOURS,
    runbook: Annotated[str, typer.Option(help="Where the runbook is published.")] = RUNBOOK,
    speed: Annotated[float, typer.Option(min=1, help="Divide every interval and waiting time: for a rehearsal.")] = 1.0,
    time_zone: Annotated[str, typer.Option(envvar="QOS_TIME_ZONE", help="The office's.")] = DEFAULT_TIME_ZONE,
    calendar: Annotated[str, typer.Option(envvar="QOS_CALENDAR", help="A version, or a file.")] = DEFAULT_VERSION,
    event_type_prefix: Annotated[
        str, typer.Option(envvar="QOS_EVENT_TYPE_PREFIX", help="What precedes the type of every event.")
    ] = DEFAULT_TYPE_PREFIX,
) -> None:
    """Write prometheus.yml, alertmanager.yml and the rules: alerts on every procedure, and on the pipeline.

    A declared priority procedure gets a group of alerts with its own objective; all others are alerted on by
    organisation. Tickets go to the receiver `bureau-<organisation id>` in office hours, pages of the pipeline to
    `operations-pages` at any hour. Nothing is written when a line of the registry can't be read.

    Examples:

        qos prometheus-rules deploy/prometheus --as-of 2026-04-01

        qos prometheus-rules /etc/prometheus --as-of 2026-04-01 --procedures procedures.ndjson --receivers receivers.yml

        qos prometheus-rules rehearsal --as-of 2026-04-01 --speed 3600 --target qos-metrics=127.0.0.1:8083
    """
    day = as_of.date()
    tempo = Tempo(speed)
    try:
        days = Calendar.load(calendar, time_zone)
    except (UnknownCalendar, ZoneInfoNotFoundError, msgspec.DecodeError) as error:
        raise typer.BadParameter(str(error), param_hint="--calendar, --time-zone") from error
    try:
        registry = (
            read_registry(procedures, as_of=day, calendar=days, rules=AcceptanceRules(type_prefix=event_type_prefix))
            if procedures
            else demonstration(as_of=day, calendar=days)
        )
    except UnreadableRegistry as error:
        raise typer.BadParameter(str(error), param_hint="--procedures") from error
    try:
        routing = Routing(
            bureaus=registry.bureaus,
            hours=_hours(office_hours, days),
            first_year=day.year,
            tempo=tempo,
            receivers={} if receivers is None else _integrations(receivers),
        )
    except UnknownReceiver as error:
        raise typer.BadParameter(str(error), param_hint="--receivers") from error
    alerting = Alerting(
        registered=registry,
        writing=Writing(tempo=tempo, runbook=runbook),
        scraping=Scraping(tempo, targets=_targets(target or ()), alertmanager=alertmanager),
        routing=routing,
        made_by=f"qos prometheus-rules --as-of {day}",
    )
    alerting.write(output)
    Console(soft_wrap=True).print(
        f"{output}: alerts on {len(registry.objectives)} procedures by themselves and on all others by organisation,"
        f" tickets for {len(registry.bureaus)} organisations.",
        highlight=False,
        markup=False,
    )


def _hours(text: str, calendar: Calendar) -> OfficeHours:
    start, _, end = text.partition("-")
    if not re.fullmatch(_TIME, start) or not re.fullmatch(f"{_TIME}|24:00", end) or start >= end:
        raise typer.BadParameter(
            f"{text!r}: two times of one day, the later one last, such as {OFFICE_HOURS}", param_hint="--office-hours"
        )
    return OfficeHours(start, end, calendar)


def _targets(texts: Sequence[str]) -> Mapping[str, Sequence[str]]:
    targets: defaultdict[str, list[str]] = defaultdict(list)
    for text in texts:
        job, _, address = text.partition("=")
        if job not in JOBS or not re.fullmatch(r"[^\s/]+:\d+", address):
            raise typer.BadParameter(
                f"{text!r}: JOB=HOST:PORT, where JOB is one of {', '.join(JOBS)}", param_hint="--target"
            )
        targets[job].append(address)
    return targets


def _integrations(file: Path) -> Mapping[str, Integrations]:
    rule = "receivers by name, each with its configurations, such as bureau-taxation: {webhook_configs: [{url: ...}]}"
    try:
        read: Any = yaml.safe_load(file.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise typer.BadParameter(f"{file}: {error}", param_hint="--receivers") from error
    if not isinstance(read, dict) or not all(isinstance(described, dict) for described in read.values()):
        raise typer.BadParameter(f"{file}: {rule}", param_hint="--receivers")
    return read

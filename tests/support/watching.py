"""A real Prometheus and a real Alertmanager that watch a running system, in a rehearsal: an hour is a second."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import msgspec
import yaml
from typer.testing import CliRunner

from qos_domain.calendar import Calendar, CalendarData, Holiday
from qos_local.cli import app
from qos_local.stack.processes import choose_port
from support.binaries import binary
from support.desks import Desks
from support.eventually import eventually_sync
from support.services import RunningService, running_program
from support.system import System

SPEED = 3600
MUTED_BY_A_CLOSED_DAY = "route is within mute time"
MUTED_BY_THE_HOUR = "route is not within active time"


@dataclass(frozen=True, slots=True)
class Watch:
    """`now` is a moment of the rehearsal: offices are open or closed around it, whatever the clock on the wall says."""

    prometheus_url: str
    alertmanager_url: str
    alertmanager: RunningService
    desks: Desks
    directory: Path
    options: Sequence[str]
    now: datetime

    def firing(self, **labels: str) -> set[str]:
        """The names of the alerts that fire in Prometheus, with these labels."""
        matchers = ",".join([f'{name}="{value}"' for name, value in labels.items()] + ['alertstate="firing"'])
        answer = httpx.get(
            f"{self.prometheus_url}/api/v1/query", params={"query": f"ALERTS{{{matchers}}}"}, timeout=10.0
        )
        answer.raise_for_status()
        return {series["metric"]["alertname"] for series in answer.json()["data"]["result"]}

    def known(self, **labels: str) -> list[dict[str, Any]]:
        """What Alertmanager holds: alerts with their receivers, and what inhibits them."""
        filters = [f'{name}="{value}"' for name, value in labels.items()]
        answer = httpx.get(f"{self.alertmanager_url}/api/v2/alerts", params={"filter": filters}, timeout=10.0)
        answer.raise_for_status()
        alerts: list[dict[str, Any]] = answer.json()
        return alerts

    def wait_for_silence(self, how: str, *, bureau: str) -> None:
        """Return when Alertmanager has come to a bureau's alerts again and again, and kept silent for that reason."""

        def seen() -> tuple[int, int]:
            lines = self.alertmanager.logs().splitlines()
            turns = [line for line in lines if "msg=flushing" in line and f'bureau=\\"{bureau}\\"' in line]
            return len(turns), sum(how in line for line in lines)

        turns, silences = seen()
        eventually_sync(lambda: all(more >= 3 for more in (seen()[0] - turns, seen()[1] - silences)))

    def open_offices(self) -> None:
        """It is office time, on a day that is no holiday."""
        self._route(_calendar("without-holidays", self.now), hours="00:00-24:00")

    def close_offices_for_a_holiday(self) -> None:
        """It is office time, but on a holiday."""
        today = Calendar.load().local_date(self.now)
        days = [today + timedelta(days=n) for n in (-1, 0, 1)]
        self._route(_calendar("holiday", self.now, *days), hours="00:00-24:00")

    def close_offices_for_the_night(self) -> None:
        """It is a business day, at an hour that is three hours and more from office time."""
        hours = "18:00-19:00" if Calendar.load().local(self.now).hour < 12 else "03:00-04:00"
        self._route(_calendar("without-holidays", self.now), hours=hours)

    def _route(self, calendar: CalendarData, *, hours: str) -> None:
        file = self.directory / f"{calendar.version}.json"
        file.write_bytes(msgspec.json.encode(calendar))
        generate(self.directory, *self.options, "--calendar", str(file), "--office-hours", hours)
        httpx.post(f"{self.alertmanager_url}/-/reload", timeout=10.0).raise_for_status()


def _calendar(version: str, now: datetime, *holidays: date) -> CalendarData:
    """No weekends, and no holidays but these."""
    return CalendarData(
        version=version,
        country="JP",
        made_with="a test",
        first_year=now.year - 1,
        last_year=now.year + 1,
        weekend=(),
        holidays=tuple(Holiday(day, "休日", "Holiday") for day in holidays),
    )


def generate(directory: Path, *options: str) -> None:
    made = CliRunner().invoke(app, ["prometheus-rules", str(directory), *options])
    assert made.exit_code == 0, made.output


@contextmanager
def watched(
    system: System, directory: Path, desks: Desks, *, procedures: Path, receivers: Sequence[str], now: datetime
) -> Iterator[Watch]:
    """Watch the system with the rules of these procedures; offices are open at first."""
    described: Mapping[str, Any] = {name: desks.receiver(name) for name in receivers}
    (directory / "receivers.yml").write_text(yaml.safe_dump(described), encoding="utf-8")
    prometheus, alertmanager = choose_port(), choose_port()
    targets = {
        "qos-intake": [system.intake_url],
        "qos-processing": system.worker_urls,
        "qos-metrics": [system.metrics_url],
    }
    options = [
        *("--as-of", str(Calendar.load().local_date(now)), "--procedures", str(procedures)),
        *("--receivers", str(directory / "receivers.yml"), "--speed", str(SPEED)),
        *("--alertmanager", f"127.0.0.1:{alertmanager}"),
    ]
    for job, urls in targets.items():
        for url in urls:
            options += ["--target", f"{job}={url.removeprefix('http://')}"]
    generate(directory, *options)
    with ExitStack() as stack:

        def start(program: str, port: int, *arguments: str) -> RunningService:
            command = [binary(program), f"--web.listen-address=127.0.0.1:{port}", *arguments]
            ready = f"http://127.0.0.1:{port}/-/ready"
            return stack.enter_context(running_program(program, command, {}, ready=ready, ready_within=60.0))

        running = start(
            "prometheus-alertmanager",
            alertmanager,
            f"--config.file={directory / 'alertmanager.yml'}",
            f"--storage.path={directory / 'alertmanager'}",
            "--cluster.listen-address=",
            "--log.level=debug",
        )
        start(
            "prometheus",
            prometheus,
            f"--config.file={directory / 'prometheus.yml'}",
            f"--storage.tsdb.path={directory / 'prometheus'}",
        )
        watch = Watch(
            prometheus_url=f"http://127.0.0.1:{prometheus}",
            alertmanager_url=f"http://127.0.0.1:{alertmanager}",
            alertmanager=running,
            desks=desks,
            directory=directory,
            options=options,
            now=now,
        )
        watch.open_offices()
        yield watch

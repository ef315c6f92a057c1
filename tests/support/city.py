"""A running system that is watched: three services on a real Kafka and PostgreSQL, Prometheus, Alertmanager, desks."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from threading import Event as Signal
from threading import Thread

import httpx

from qos_domain.acceptance import AcceptanceRules, encode_cloudevent
from qos_domain.calendar import Calendar
from qos_domain.events import Event
from qos_domain.procedures import Period
from qos_runtime.settings import RuntimeSettings
from support.builders import happened, registered
from support.desks import open_desks
from support.eventually import eventually_sync
from support.stack import empty_database, unused_prefix
from support.system import System, running_system
from support.watching import Watch, watched

SOURCE, REGISTRY = "urn:joint", "urn:registry"
FIVE_DAYS = Period(unit="calendar_days", maximum=5)
HALF_A_YEAR = Period(unit="months", maximum=6)
RECEIVERS = ("operations-pages", "operations-tickets", "central-office", "bureau-construction", "bureau-environment")
_PAUSE_SECONDS = 0.1


@dataclass(frozen=True, slots=True)
class City:
    """A permit for construction, one for the environment, and a third that nobody waits for."""

    settings: RuntimeSettings
    system: System
    watch: Watch
    today: date

    def day(self, days: int) -> str:
        """A local date, so many days from today."""
        return (self.today + timedelta(days=days)).isoformat()

    def send(self, events: Sequence[Event]) -> None:
        send(self.system, SOURCE, events)

    def applied(self, procedure: str, cases: int, *, days: int) -> None:
        """So many applications arrived at noon of a day, and wait."""
        applications = (f"A-{number}" for number in range(cases))
        self.send([self._submitted(procedure, application, days) for application in applications])

    def notified(self, procedure: str, cases: int, *, days: int) -> None:
        """The results of these applications were sent at noon of a day."""
        self.send(
            [
                happened(
                    "notification.sent",
                    self.day(days),
                    procedure=procedure,
                    application=f"A-{number}",
                    purpose="result",
                    channel="electronic",
                )
                for number in range(cases)
            ]
        )

    def _submitted(self, procedure: str, application: str, days: int) -> Event:
        day = self.day(days)
        return happened("application.submitted", day, procedure=procedure, application=application, channel="online")

    @contextmanager
    def traffic(self, procedure: str) -> Iterator[list[str]]:
        """One application after the other, for as long as the block takes; the ids of those that were accepted."""
        over, accepted = Signal(), list[str]()

        def apply() -> None:
            while not over.wait(_PAUSE_SECONDS):
                application = f"T-{len(accepted)}"
                self.send([self._submitted(procedure, application, -1)])
                accepted.append(application)

        thread = Thread(target=apply)
        thread.start()
        try:
            yield accepted
        finally:
            over.set()
            thread.join()


def send(system: System, source: str, events: Sequence[Event]) -> None:
    """Through intake, which must accept them all."""
    rules = AcceptanceRules()
    answer = httpx.post(
        f"{system.intake_url}/v1/events",
        content=b"".join(encode_cloudevent(event, rules) + b"\n" for event in events),
        headers={"X-API-Key": system.keys[source], "Content-Type": "application/x-ndjson"},
        timeout=60.0,
    )
    assert answer.json()["accepted"] == len(events), answer.text


@contextmanager
def running_city(kafka: str, postgres: str, directory: Path) -> Iterator[City]:
    """The environment's permit is late from the beginning: its bureau was told, in office hours."""
    now = datetime.now(UTC)
    procedures = [
        registered(procedure="construction-permit", organisation="construction", period=FIVE_DAYS, priority=True),
        registered(procedure="well-permit", organisation="environment", period=FIVE_DAYS, priority=True),
        registered(procedure="quiet-permit", organisation="environment", period=HALF_A_YEAR),
    ]
    registry = directory / "procedures.ndjson"
    registry.write_bytes(b"".join(encode_cloudevent(event, AcceptanceRules()) + b"\n" for event in procedures))
    with empty_database(postgres) as database_url, unused_prefix(kafka) as prefix, open_desks() as desks:
        settings = RuntimeSettings(
            kafka_bootstrap_servers=kafka, database_url=database_url, topic_prefix=prefix, consumer_group=prefix
        )
        often = {"QOS_METRICS_GAUGES_EVERY_SECONDS": "0.5"}
        with (
            running_system(settings, directory, sources=[SOURCE, REGISTRY], environment=often) as system,
            watched(system, directory, desks, procedures=registry, receivers=RECEIVERS, now=now) as watch,
        ):
            send(system, REGISTRY, procedures)
            city = City(settings, system, watch, Calendar.load().local_date(now))
            city.applied("well-permit", 30, days=-7)
            eventually_sync(lambda: desks.told("bureau-environment", "firing", alertname="QosBudgetBurnsFast"))
            yield city

"""Feeds the simulation to the system: part over HTTP as it is made, part from a file, as a bureau's export would be."""

import asyncio
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

import httpx

from qos_domain.acceptance import AcceptanceRules, encode_cloudevent
from qos_domain.events import Event
from qos_local.demo.ground import Ground
from qos_local.importing.report import ImportReport
from qos_local.importing.run import Row, carry, event_rows
from qos_local.importing.sending import IntakeClient
from qos_local.simulation.live import LiveTraffic
from qos_local.simulation.simulate import Simulation
from qos_local.simulation.sources import OFFICE
from qos_local.stack.errors import StackFailed
from qos_runtime.clock import Clock

CONCURRENCY = 3
RULES = AcceptanceRules()


@dataclass(frozen=True, slots=True)
class EventFiles:
    """What was sent, so that anyone can fold it again: the registry's events, and all others."""

    procedures: Path
    over_http: Path
    from_file: Path

    @property
    def applications(self) -> tuple[Path, Path]:
        return (self.over_http, self.from_file)


def write_files(ground: Ground, simulation: Simulation) -> EventFiles:
    """The office system's events are in a file of their own, in the order in which they are told."""
    files = EventFiles(
        procedures=ground.directory / "procedures.ndjson",
        over_http=ground.directory / "e-application.ndjson",
        from_file=ground.directory / "office-system.ndjson",
    )
    _write(files.procedures, simulation.procedures)
    _write(files.over_http, (event for event in simulation.events if event.source != OFFICE))
    _write(files.from_file, (event for event in simulation.events if event.source == OFFICE))
    return files


def _write(path: Path, events: Iterable[Event]) -> None:
    with path.open("wb") as out:
        out.writelines(encode_cloudevent(event, RULES) + b"\n" for event in events)


class Feeder:
    """Sends events to intake, each with the key of its source."""

    def __init__(self, http: httpx.AsyncClient, *, url: str, keys: Mapping[str, str]) -> None:
        self._clients = {source: IntakeClient(http, url=url, api_key=key) for source, key in keys.items()}

    async def send(self, events: Iterable[Event], advance: Callable[[int], None] = lambda _: None) -> int:
        """Send events of any sources, in batches; how many intake took. Raises StackFailed when it refuses one."""
        by_source: defaultdict[str, list[bytes]] = defaultdict(list)
        for event in events:
            by_source[event.source].append(encode_cloudevent(event, RULES))
        taken = 0
        for source, encoded in by_source.items():
            rows = (Row(number, [event]) for number, event in enumerate(encoded, 1))
            taken += await self._carry(source, rows, advance)
        return taken

    async def send_file(self, path: Path, source: str, advance: Callable[[int], None] = lambda _: None) -> int:
        """Send a file of events of one source, as `qos import` does; how many intake took."""
        with path.open("rb") as lines:
            return await self._carry(source, event_rows(lines), advance)

    async def send_live(
        self, traffic: LiveTraffic, clock: Clock, *, rate: float, told: Callable[[int, Event], None] = lambda *_: None
    ) -> None:
        """Send what happens now, `rate` times a second, until cancelled; `told` of how many so far, and the latest."""
        sent = 0
        while True:
            events = traffic.happen(clock.now())
            sent += await self.send(events)
            told(sent, events[-1])
            await asyncio.sleep(1 / rate)

    async def _carry(self, source: str, rows: Iterable[Row], advance: Callable[[int], None]) -> int:
        told = 0

        def moved(report: ImportReport) -> None:
            nonlocal told
            advance(report.taken - told)
            told = report.taken

        report = await carry(iter(rows), self._clients[source].send, concurrency=CONCURRENCY, advance=moved)
        if report.refused:
            line, remark = report.refused[0]
            raise StackFailed(
                service="intake",
                problem=f"it refuses {len(report.refused)} events of {source}; number {line}: {remark.field}:"
                f" {remark.rule} ({remark.reason})",
                remedy="the simulation and the rules of intake don't agree: please report it",
            )
        return report.taken

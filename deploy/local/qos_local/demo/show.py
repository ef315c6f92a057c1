"""The demonstration, step by step."""

import asyncio
import json
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date

import httpx
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

from qos_domain.calendar import Calendar
from qos_domain.events import Event
from qos_local.demo.api import Json, MetricsApi, processed_events
from qos_local.demo.cast import Cast, cast
from qos_local.demo.checking import Comparison, compare_procedure, compare_scope
from qos_local.demo.feeding import EventFiles, Feeder, write_files
from qos_local.demo.ground import Ground, lay
from qos_local.demo.programs import run_module
from qos_local.demo.services import Services
from qos_local.importing.run import together
from qos_local.offline.summary import Line, summary
from qos_local.simulation.live import LiveTraffic, waiting_in
from qos_local.simulation.simulate import DAYS, Simulation, simulate
from qos_local.simulation.sources import OFFICE
from qos_local.stack.errors import StackFailed
from qos_local.stack.home import Home
from qos_local.stack.stack import Addresses
from qos_runtime.clock import Clock

WINDOW = "28d"
_PROCESSED_WITHIN_SECONDS = 300.0
_POLL_SECONDS = 0.5
_DIFFERENCES_SHOWN = 10


@dataclass(frozen=True, slots=True)
class Plan:
    """What is asked for on the command line. `rate`: live happenings a second."""

    seed: int
    cases: int
    workers: int
    rate: float
    once: bool


class Demo:
    """One run. Raises StackFailed when a part of the system fails; its services are stopped in any case.

    `checked` says whether the table was shown and every figure of it found equal.
    """

    def __init__(self, plan: Plan, *, console: Console, home: Home, addresses: Addresses, clock: Clock) -> None:
        self._plan = plan
        self._console = console
        self._home = home
        self._addresses = addresses
        self._clock = clock
        self._calendar = Calendar.load()
        self.checked = False

    async def show(self) -> None:
        """Simulate, start, feed, wait, show, check; then go on live until cancelled, unless it is to end there."""
        today = self._calendar.local_date(self._clock.now())
        simulation = self._simulate(today)
        with self._console.status("Making topics, a database and the keys of the sources"):
            ground = await lay(self._home, self._addresses, self._clock.now())
            files = write_files(ground, simulation)
        parts = cast(ground, self._plan.workers)
        services = Services(self._home, parts.all)
        with self._console.status("Starting intake, processing and metrics") as status:
            async with services.running(), httpx.AsyncClient(timeout=60.0) as http:
                status.stop()
                try:
                    feeder = Feeder(http, url=parts.intake.url, keys=ground.keys)
                    await self._feed(http, feeder, services, parts, simulation, files)
                    await self._figures(MetricsApi(http, parts.metrics.url), simulation, files, ground)
                    if not self._plan.once:
                        self._tell_addresses(parts, ground)
                        await self._live(feeder, services, ground, simulation)
                finally:
                    status.update("Stopping intake, processing and metrics")
                    status.start()

    def _simulate(self, today: date) -> Simulation:
        with self._progress() as progress:
            task = progress.add_task(f"Simulating {DAYS} days of ten procedures", total=self._plan.cases)
            return simulate(
                seed=self._plan.seed,
                today=today,
                cases=self._plan.cases,
                calendar=self._calendar,
                progress=lambda count: progress.advance(task, count),
            )

    async def _feed(
        self,
        http: httpx.AsyncClient,
        feeder: Feeder,
        services: Services,
        parts: Cast,
        simulation: Simulation,
        files: EventFiles,
    ) -> None:
        """Send everything through intake, half of it from a file, until it is processed."""
        over_http = [event for event in simulation.events if event.source != OFFICE]
        in_file = len(simulation.events) - len(over_http)
        total = len(simulation.procedures) + len(simulation.events)
        with self._progress() as progress:

            def bar(name: str, size: int) -> Callable[[int], None]:
                task = progress.add_task(name, total=size)
                return lambda count: progress.advance(task, count)

            await feeder.send(simulation.procedures, bar("Registering procedures", len(simulation.procedures)))
            online, office = bar("Events over HTTP", len(over_http)), bar("Events from a file", in_file)
            await together(
                feeder.send(over_http, online),
                feeder.send_file(files.from_file, OFFICE, office),
                self._until_processed(http, services, parts, total, bar("Processed", total)),
            )

    async def _until_processed(
        self, http: httpx.AsyncClient, services: Services, parts: Cast, total: int, advance: Callable[[int], None]
    ) -> None:
        """Return when the workers have committed every event, and the API says that nothing waits any more."""
        api = MetricsApi(http, parts.metrics.url)
        urls = [worker.url for worker in parts.workers]
        loop = asyncio.get_running_loop()
        done, deadline = 0, loop.time() + _PROCESSED_WITHIN_SECONDS
        while True:
            services.check()
            count = await processed_events(http, urls)
            if count > done:
                advance(count - done)
                done, deadline = count, loop.time() + _PROCESSED_WITHIN_SECONDS
            if done >= total:
                freshness = await api.freshness()
                if freshness["lag_seconds"] == 0 and not freshness["pending_rejudgements"]:
                    return
            if loop.time() > deadline:
                raise StackFailed(
                    service="processing",
                    problem=f"{total - done} events are not processed",
                    remedy=f"see {self._home.log('processing-1')}",
                )
            await asyncio.sleep(_POLL_SECONDS)

    async def _figures(self, api: MetricsApi, simulation: Simulation, files: EventFiles, ground: Ground) -> None:
        """The table of the last whole day, and whether the fold finds the same."""
        as_of = simulation.last_day
        ids = dict.fromkeys(event.data.procedure_id for event in simulation.procedures)
        with self._console.status("Asking the metrics API, and folding the same events again"):
            answers = {name: await api.procedure(name, as_of=as_of, window=WINDOW) for name in ids}
            everything = await api.all_indicators(as_of=as_of, window=WINDOW)
            fold = await _fold(files, as_of, ground)
            owners = {name: await api.organisation(name, as_of=as_of, window=WINDOW) for name in fold["organisations"]}
        lines = [
            Line(
                name=answer.procedure["name"].get("en") or answer.procedure["name"]["ja"],
                procedure=answer.procedure,
                indicators=answer.indicators,
                principles=answer.assessment["principles"],
            )
            for answer in answers.values()
        ]
        start = everything["window"]["start"]
        self._console.print(summary(lines, title=f"What the metrics API says of {start} to {as_of} ({WINDOW})"))
        parts = [compare_procedure(name, answer, fold["procedures"][name]) for name, answer in answers.items()]
        parts += [compare_scope(name, answer, fold["organisations"][name]) for name, answer in owners.items()]
        self._check([*parts, compare_scope("all", everything, fold["all"])])

    def _check(self, parts: list[Comparison]) -> None:
        figures = sum(count for count, _ in parts)
        differences = [difference for _, some in parts for difference in some]
        if not differences:
            self.checked = True
            self._console.print(f"[green]Checked:[/] all {figures:,} figures equal those of `qos fold`.")
            return
        for difference in differences[:_DIFFERENCES_SHOWN]:
            self._console.print(str(difference), markup=False, highlight=False, soft_wrap=True)
        raise StackFailed(
            service="metrics",
            problem=f"{len(differences):,} of {figures:,} figures differ from those of `qos fold`",
            remedy="this is a mistake of the system: please report it",
        )

    def _tell_addresses(self, parts: Cast, ground: Ground) -> None:
        metrics, intake = parts.metrics.url, parts.intake.url
        for what, address in (
            ("Quality map", f"{metrics}/"),
            ("Metrics API", f"{metrics}/v1/indicators?audience=staff"),
            ("Live stream", f"{metrics}/v1/stream"),
            ("Intake", f"{intake}/docs"),
            ("Events", str(ground.directory)),
        ):
            self._console.print(f"{what:<12} {address}", markup=False, highlight=False, soft_wrap=True)

    async def _live(self, feeder: Feeder, services: Services, ground: Ground, simulation: Simulation) -> None:
        """Events of now, so many a second, until cancelled."""
        traffic = LiveTraffic(seed=self._plan.seed, run=ground.run, waiting=waiting_in(simulation.events))
        with self._console.status("") as status:

            def told(sent: int, latest: Event) -> None:
                services.check()
                status.update(
                    f"Live: {sent:,} events sent; {latest.type} of {latest.data.procedure_id}. Ctrl-C stops everything."
                )

            await feeder.send_live(traffic, self._clock, rate=self._plan.rate, told=told)

    def _progress(self) -> Progress:
        counts = TextColumn("{task.completed:,.0f} of {task.total:,.0f}")
        return Progress(
            TextColumn("{task.description:<36}"), BarColumn(), counts, TimeElapsedColumn(), console=self._console
        )


async def _fold(files: EventFiles, as_of: date, ground: Ground) -> Json:
    """What `qos fold` makes of the files that were sent."""
    out = await run_module(
        "qos_local",
        *("fold", *map(str, files.applications), "--procedures", str(files.procedures)),
        *("--as-of", str(as_of), "--window", WINDOW, "--format", "json"),
        environment=ground.environment(),
    )
    return json.loads(out)

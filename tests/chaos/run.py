"""One seed: traffic under faults, then rest, then the comparison."""

import asyncio
import shutil
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from time import monotonic

import httpx

from chaos.comparing import Sent, compare
from chaos.findings import Findings
from chaos.ground import Ground, ground
from chaos.schedule import Step
from chaos.sending import Pace, Sender
from chaos.settled import settled
from chaos.traffic import Traffic, probe, traffic
from qos_domain.calendar import Calendar
from qos_local.simulation.dice import dice
from support.eventually import eventually

VISIBLE_SECONDS = 300.0
SETTLED_SECONDS = 300.0

Tell = Callable[[str], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What a run does. `seconds`: how long it takes to send the life, if the faults are over by then."""

    seed: int
    steps: Sequence[Step]
    cases: int
    seconds: float
    logs: Path | None = None


@dataclass(slots=True, kw_only=True)
class Outcome:
    """What came of a run. `recovered`: fault and seconds, for each injection. `failure`: why it could not be compared.

    `exits` are the exit codes of services that had to be started again, by name, kills (-9) among them.
    """

    seed: int
    steps: list[str]
    faults: list[str]
    events: int = 0
    recovered: list[tuple[str, float]] = field(default_factory=list)
    findings: Findings = field(default_factory=Findings)
    exits: dict[str, list[int]] = field(default_factory=dict)
    seconds: float = 0.0
    failure: str | None = None

    @property
    def exact(self) -> bool:
        return self.failure is None and self.findings.clean


async def run(plan: Plan, tell: Tell = lambda _: None) -> Outcome:
    """Run a seed on a ground of its own. What fails is in the outcome; only a cancellation is raised."""
    names = [fault.name for step in plan.steps for fault in step.faults]
    outcome = Outcome(seed=plan.seed, steps=[str(step) for step in plan.steps], faults=names)
    began = monotonic()
    tell("starting")
    try:
        async with ground() as place:
            await _on(place, plan, outcome, tell)
    except Exception as error:  # noqa: BLE001 - it is the outcome
        outcome.failure = f"no ground to run on: {_said(error)}"
    outcome.seconds = monotonic() - began
    return outcome


async def _on(place: Ground, plan: Plan, outcome: Outcome, tell: Tell) -> None:
    try:
        await _Run(plan, place, outcome, tell).go()
    except Exception as error:  # noqa: BLE001 - it is the outcome
        outcome.failure = _said(error)
    outcome.exits = {member.process.name: member.exits for member in place.fleet if member.exits}
    if plan.logs is not None and not outcome.exact:
        await asyncio.to_thread(_keep_logs, place, plan.logs / f"seed-{plan.seed}")


class _Run:
    def __init__(self, plan: Plan, place: Ground, outcome: Outcome, tell: Tell) -> None:
        self._plan = plan
        self._ground = place
        self._outcome = outcome
        self._tell = tell
        self._calendar = Calendar.load()
        self._probes = 0

    async def go(self) -> None:
        today = self._calendar.local_date(datetime.now(UTC))
        life = await asyncio.to_thread(
            traffic,
            self._plan.seed,
            today=today,
            cases=self._plan.cases,
            calendar=self._calendar,
            partitions=self._ground.settings.partitions,
        )
        self._tell("starting services")
        await self._ground.start_services(dice(self._plan.seed, "workers").randint(1, 3))
        orchestrator = asyncio.ensure_future(self._ground.fleet.watch())
        try:
            async with httpx.AsyncClient(timeout=20.0) as http:
                sender = Sender(http, url=self._ground.fleet.intake.url, keys=self._ground.keys)
                pace = Pace(self._plan.seconds)
                async with asyncio.TaskGroup() as parts:
                    parts.create_task(sender.send_life(life.events, pace, seed=self._plan.seed))
                    parts.create_task(self._injure(http, sender, life, pace))
            self._outcome.events = len(sender.sent)
            self._tell("waiting until all is done")
            at_rest = await settled(self._ground.settings, self._calendar, within=SETTLED_SECONDS, left=self._tell)
            for member in self._ground.fleet:
                await self._ground.fleet.ready(member)
            self._tell("comparing")
            sent = Sent(events=sender.sent, last_day=life.last_day, at_rest=at_rest, calendar=self._calendar)
            self._outcome.findings = await compare(self._ground.settings, self._ground.fleet.metrics.url, sent)
        finally:
            orchestrator.cancel()
            with suppress(asyncio.CancelledError):
                await orchestrator

    async def _injure(self, http: httpx.AsyncClient, sender: Sender, life: Traffic, pace: Pace) -> None:
        rng = dice(self._plan.seed, "injuries")
        for number, step in enumerate(self._plan.steps, 1):
            pace.share = number / len(self._plan.steps)
            await asyncio.sleep(step.pause_seconds)
            self._tell(f"{step}")
            own = [dice(self._plan.seed, f"injuries/{fault.name}/{rng.random()}") for fault in step.faults]
            ended = await asyncio.gather(
                *(fault.inject(self._ground, throws) for fault, throws in zip(step.faults, own, strict=True))
            )
            self._tell(f"{step}: recovering")
            seconds = await self._recovery(http, sender, life, since=max(ended))
            self._outcome.recovered += [(fault.name, seconds) for fault in step.faults]
        pace.faults_are_over()

    async def _recovery(self, http: httpx.AsyncClient, sender: Sender, life: Traffic, *, since: float) -> float:
        """Seconds from `since` until the API knows an application of each partition number that was sent after it."""
        self._probes += 1
        now = datetime.now(UTC)
        probes = [
            probe(name, f"probe-{self._plan.seed}-{self._probes}-{number}", now)
            for number, name in enumerate(life.probed)
        ]
        await sender.send(probes)
        for event in probes:
            await eventually(lambda event=event: self._visible(http, event), within=VISIBLE_SECONDS)  # type: ignore[misc]
        return monotonic() - since

    async def _visible(self, http: httpx.AsyncClient, event: object) -> bool:
        wanted = {"procedure": event.data.procedure_id, "application": event.data.application_id, "audience": "staff"}  # type: ignore[attr-defined]
        try:
            answer = await http.get(f"{self._ground.fleet.metrics.url}/v1/cases/explanation", params=wanted)
        except httpx.TransportError:
            return False
        return answer.status_code == httpx.codes.OK


def _said(error: BaseException) -> str:
    if isinstance(error, BaseExceptionGroup):
        return "; ".join(_said(one) for one in error.exceptions)
    return f"{type(error).__name__}: {error}"


def _keep_logs(place: Ground, directory: Path) -> None:
    directory.mkdir(parents=True, exist_ok=True)
    for log in place.home.root.glob("*.log*"):
        shutil.copy(log, directory / log.name)

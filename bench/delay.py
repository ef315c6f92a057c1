"""The delay from a POST to intake until its events count in the metrics API, at a steady rate of events.

Open loop: every POST has its time, and is sent then, however long earlier ones take. The delay of an application is
counted from the time its POST was due, to the moment an answer of `GET /v1/procedures/{id}/indicators` arrives that
counts it. A few procedures (probes) are asked again and again; every application of theirs is measured, so the delay
includes the wait for the next question and the answer's own time. The n-th application of a probe counts as seen when
its figure has grown by n.
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from time import monotonic

import aiohttp

from bench.backlog import registrations
from bench.ground import environment, running, worker
from bench.load import SOURCE, Traffic, choose_probes
from qos_domain.acceptance import AcceptanceRules, encode_cloudevent
from qos_intake.keys import new_key, stanza
from qos_local.demo.services import Service
from qos_local.stack.processes import choose_port
from qos_runtime.settings import RuntimeSettings

_PROBES = 4
_QUESTION_PAUSE_SECONDS = 0.02
WARM_UP_SECONDS = 10.0
_LAST_WITHIN_SECONDS = 60.0
_BATCH = {"Content-Type": "application/cloudevents-batch+json"}


@dataclass(slots=True)
class Delays:
    """What was measured, in seconds; warm-up left out. `posted` is from the due time to intake's answer."""

    seen: list[float] = field(default_factory=list)
    posted: list[float] = field(default_factory=list)
    questions: int = 0

    @staticmethod
    def percentile(values: Sequence[float], percent: float) -> float:
        """The nearest rank."""
        ordered = sorted(values)
        return ordered[max(0, -int(-percent * len(ordered) // 100) - 1)]


@dataclass(frozen=True, slots=True)
class System:
    intake: str
    metrics: str
    key: str


@asynccontextmanager
async def system(settings: RuntimeSettings) -> AsyncIterator[System]:
    """Intake, one worker and metrics as processes of these settings."""
    key = new_key()
    shared = environment(settings)
    intake_port, metrics_port = choose_port(), choose_port()
    with TemporaryDirectory(prefix="qos-bench-") as directory:
        sources = Path(directory) / "sources.toml"
        sources.write_text(stanza(key=key, source=SOURCE, name="bench", max_age_days="unlimited"), encoding="utf-8")
        services = [
            Service(
                "intake",
                "qos_intake",
                intake_port,
                {**shared, "QOS_INTAKE_PORT": str(intake_port), "QOS_INTAKE_SOURCES_FILE": str(sources)},
            ),
            worker(settings),
            Service(
                "metrics",
                "qos_metrics",
                metrics_port,
                {**shared, "QOS_METRICS_PORT": str(metrics_port), "QOS_METRICS_STAFF_OPEN": "true"},
            ),
        ]
        async with running(services):
            yield System(services[0].url, services[2].url, key)


async def measure(
    settings: RuntimeSettings, *, rate: int, seconds: float, batch: int, progress: Callable[[float], None]
) -> Delays:
    """Send `rate` events a second for `seconds` (after a warm-up) in POSTs of `batch` events each, and watch.

    `progress` is told how many seconds are over. Raises TimeoutError when what was sent doesn't show.
    """
    async with (
        system(settings) as where,
        aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=0), headers={"Authorization": f"Bearer {where.key}"}
        ) as http,
    ):
        run = _Run(http, where, batch)
        procedures = await run.register()
        probes = choose_probes(procedures, settings.partitions, _PROBES)
        await run.known(probes)
        await run.measure(Traffic(procedures, probes, now=lambda: datetime.now(UTC)), probes, rate, seconds, progress)
        return run.delays


class _Run:
    """One measurement: when each application of a probe was due to be sent, and when its figure counted it."""

    def __init__(self, http: aiohttp.ClientSession, where: System, batch: int) -> None:
        self._http = http
        self._where = where
        self._batch = batch
        self._due: dict[str, list[float]] = {}
        self._counts_from = 0.0
        self._all_sent = False
        self.delays = Delays()

    async def register(self) -> list[str]:
        """Register the procedures; their ids."""
        events = registrations(SOURCE)
        documents = [encode_cloudevent(event, AcceptanceRules()) for event in events]
        await self._post(documents)
        return list(dict.fromkeys(event.data.procedure_id for event in events))

    async def known(self, probes: Sequence[str]) -> None:
        """Return when the API knows the probes."""
        async with asyncio.timeout(_LAST_WITHIN_SECONDS):
            for probe in probes:
                while await self._ask(probe) is None:  # noqa: ASYNC110  another process sets it
                    await asyncio.sleep(_QUESTION_PAUSE_SECONDS)

    async def measure(
        self,
        traffic: Traffic,
        probes: Sequence[str],
        rate: int,
        seconds: float,
        progress: Callable[[float], None],
    ) -> None:
        began = monotonic()
        self._counts_from = began + WARM_UP_SECONDS
        self._due = {probe: [] for probe in probes}
        async with asyncio.TaskGroup() as tasks:
            for probe in probes:
                tasks.create_task(self._watch(probe))
            await self._send(traffic, began, rate, WARM_UP_SECONDS + seconds, progress)

    async def _send(
        self, traffic: Traffic, began: float, rate: int, seconds: float, progress: Callable[[float], None]
    ) -> None:
        async with asyncio.TaskGroup() as posts:
            number = 0
            while (after := number * self._batch / rate) < seconds:
                due = began + after
                await asyncio.sleep(max(0.0, due - monotonic()))
                documents, marks = traffic.take(self._batch)
                for probe in marks:
                    self._due[probe].append(due)
                posts.create_task(self._post_at(documents, due))
                progress(after)
                number += 1
        self._all_sent = True

    async def _post_at(self, documents: Sequence[bytes], due: float) -> None:
        await self._post(documents)
        if due >= self._counts_from:
            self.delays.posted.append(monotonic() - due)

    async def _post(self, documents: Sequence[bytes]) -> None:
        body = b"[" + b",".join(documents) + b"]"
        async with self._http.post(f"{self._where.intake}/v1/events", data=body, headers=_BATCH) as response:
            answer = await response.json(content_type=None)
        if answer.get("accepted") != len(documents):
            raise RuntimeError(f"intake answered {response.status}: {str(answer)[:500]}")

    async def _watch(self, probe: str) -> None:
        due, seen = self._due[probe], 0
        last_at = monotonic()
        while not (self._all_sent and seen == len(due)):
            count = await self._ask(probe) or 0
            now = monotonic()
            self.delays.questions += 1
            self.delays.seen += [now - each for each in due[seen:count] if each >= self._counts_from]
            if count > seen or not self._all_sent:
                seen, last_at = count, now
            if now - last_at > _LAST_WITHIN_SECONDS:
                raise TimeoutError(f"{probe}: {seen} of {len(due)} applications are counted")
            await asyncio.sleep(_QUESTION_PAUSE_SECONDS)

    async def _ask(self, probe: str) -> int | None:
        """How many applications of the last seven days the API counts; None while it doesn't know the procedure."""
        url = f"{self._where.metrics}/v1/procedures/{probe}/indicators?window=7d&audience=staff"
        async with self._http.get(url) as response:
            answer = await response.json(content_type=None)
        if response.status == 404:
            return None
        if response.status != 200:
            raise RuntimeError(f"the API answered {response.status}: {str(answer)[:500]}")
        return int(answer["indicators"]["volume"]["applications"])

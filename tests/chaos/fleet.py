"""The services as processes, and what starts them again when they end: an orchestrator."""

import asyncio
import sys
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Literal, TypeAlias

import httpx
import psutil

from chaos.ports import choose_lasting_port
from qos_local.stack.home import Home
from qos_local.stack.processes import started
from qos_runtime.settings import RuntimeSettings
from support.eventually import eventually
from support.services import RunningService
from support.stack import environment_of

Kind: TypeAlias = Literal["intake", "processing", "metrics"]
LOOK_SECONDS = 0.2
STOP_SECONDS = 40.0
READY_SECONDS = 240.0


@dataclass(slots=True, eq=False)
class Member:
    """One process of a service. While `held`, nobody starts it again when it has ended."""

    kind: Kind
    port: int
    process: RunningService
    held: bool = False
    exits: list[int] = field(default_factory=list)
    """How it ended each time that it was started again."""

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def running(self) -> bool:
        return self.process.exit_code is None


class Fleet:
    """Intake, metrics and workers. `watch` starts again what ends, as an orchestrator does."""

    def __init__(self, home: Home) -> None:
        self._home = home
        self._members: list[Member] = []
        self._started = 0

    @property
    def intake(self) -> Member:
        return self._only("intake")

    @property
    def metrics(self) -> Member:
        return self._only("metrics")

    @property
    def workers(self) -> list[Member]:
        """Those that are to run, oldest first, whether or not they do at this moment."""
        return [member for member in self._members if member.kind == "processing"]

    def __iter__(self) -> Iterator[Member]:
        return iter(self._members)

    async def start(self, kind: Kind, settings: RuntimeSettings, environment: Mapping[str, str]) -> Member:
        """Start one more, on a port of its own that it keeps. It need not be ready yet."""
        self._started += 1
        port = choose_lasting_port()
        own = {**environment_of(settings), f"QOS_{kind.upper()}_PORT": str(port), **environment}
        name = f"{kind}-{self._started}"
        command = [sys.executable, "-m", f"qos_{kind}"]
        process = RunningService(name, command, own, self._home.root / f"{name}.log")
        member = Member(kind, port, process)
        self._members.append(member)
        self._note(member)
        return member

    async def start_worker(self, settings: RuntimeSettings, environment: Mapping[str, str]) -> Member:
        return await self.start("processing", settings, environment)

    async def stop(self, member: Member) -> int:
        """SIGTERM, as when it is scaled away; its exit code. It is no member any more."""
        member.held = True
        self._members.remove(member)
        return await asyncio.to_thread(member.process.stop, within=STOP_SECONDS)

    async def ready(self, member: Member, *, within: float = READY_SECONDS) -> None:
        """Return when it says that it is ready. Raises AssertionError with the end of its log."""

        async def ready() -> bool:
            try:
                return (await http.get(f"{member.url}/health/ready")).status_code == httpx.codes.OK
            except httpx.TransportError:
                return False

        async with httpx.AsyncClient(timeout=5.0) as http:
            try:
                await eventually(ready, within=within)
            except AssertionError:
                log = "\n".join(member.process.logs().splitlines()[-30:])
                raise AssertionError(f"{member.process.name} is not ready after {within:.0f} seconds\n{log}") from None

    async def started_again(self, member: Member, before: int) -> None:
        """Return when it is another process than `before`."""
        await eventually(lambda: member.running and member.process.pid != before)

    async def watch(self) -> None:
        """For ever: start again what has ended, at once."""
        while True:
            for member in self._members:
                code = member.process.exit_code
                if code is not None and not member.held:
                    member.exits.append(code)
                    member.process.start_again()
                    self._note(member)
            await asyncio.sleep(LOOK_SECONDS)

    async def close(self) -> None:
        """End all, at once."""
        while self._members:
            member = self._members.pop()
            if member.running:
                await asyncio.to_thread(member.process.kill)

    def _note(self, member: Member) -> None:
        """So that the watcher of the ground finds it, should this process be killed."""
        with suppress(psutil.NoSuchProcess):
            self._home.remember(member.process.name, started(member.process.pid, member.port))

    def _only(self, kind: Kind) -> Member:
        return next(member for member in self._members if member.kind == kind)

"""The services as processes, and what starts them again when they end: an orchestrator."""

import asyncio
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, TypeAlias

from chaos.ports import choose_lasting_port
from qos_runtime.settings import RuntimeSettings
from support.services import RunningService
from support.stack import environment_of

Kind: TypeAlias = Literal["intake", "processing", "metrics"]
LOOK_SECONDS = 0.2
STOP_SECONDS = 40.0


@dataclass(slots=True, eq=False)
class Member:
    """One process of a service. While `held`, nobody starts it again when it has ended."""

    kind: Kind
    url: str
    process: RunningService
    held: bool = False
    exits: list[int] = field(default_factory=list)
    """How it ended each time that it was started again."""

    @property
    def running(self) -> bool:
        return self.process.exit_code is None


class Fleet:
    """Intake, metrics and workers. `watch` starts again what ends, as an orchestrator does."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
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
        process = RunningService(name, command, own, self._directory / f"{name}.log")
        member = Member(kind, f"http://127.0.0.1:{port}", process)
        self._members.append(member)
        return member

    async def start_worker(self, settings: RuntimeSettings, environment: Mapping[str, str]) -> Member:
        return await self.start("processing", settings, environment)

    async def stop(self, member: Member) -> int:
        """SIGTERM, as when it is scaled away; its exit code. It is no member any more."""
        member.held = True
        self._members.remove(member)
        return await asyncio.to_thread(member.process.stop, within=STOP_SECONDS)

    async def watch(self) -> None:
        """For ever: start again what has ended, at once."""
        while True:
            for member in self._members:
                code = member.process.exit_code
                if code is not None and not member.held:
                    member.exits.append(code)
                    member.process.start_again()
            await asyncio.sleep(LOOK_SECONDS)

    async def close(self) -> None:
        """End all, at once."""
        while self._members:
            member = self._members.pop()
            if member.running:
                await asyncio.to_thread(member.process.kill)

    def _only(self, kind: Kind) -> Member:
        return next(member for member in self._members if member.kind == kind)

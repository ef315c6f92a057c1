"""The services of the system as child processes: started with their settings, waited for, stopped."""

import asyncio
import os
import subprocess
import sys
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass

import httpx

from qos_local.stack.errors import StackFailed
from qos_local.stack.home import Home, tail
from qos_local.stack.processes import process_of, started, stop

READY_SECONDS = 60.0
STOP_SECONDS = 25.0
_POLL_SECONDS = 0.2


@dataclass(frozen=True, slots=True)
class Service:
    """One process: `python -m <module>` with these settings; its health is at `http://127.0.0.1:<port>`."""

    name: str
    module: str
    port: int
    environment: Mapping[str, str]

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"


class Services:
    """The services of one demonstration. Their logs are in the home, and so is a note of their processes: one that
    was left running by a demonstration that was killed is stopped before it is started anew."""

    def __init__(self, home: Home, services: tuple[Service, ...]) -> None:
        self._home = home
        self._services = services
        self._processes: dict[str, subprocess.Popen[bytes]] = {}

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Run them for the block, ready when it begins; they are stopped in their order when it ends.

        Raises StackFailed with the end of its log when one does not get ready.
        """
        for service in self._services:
            await asyncio.to_thread(self._stop_left_over, service)
        try:
            for service in self._services:
                self._start(service)
            async with httpx.AsyncClient(timeout=5.0) as http:
                for service in self._services:
                    await self._ready(http, service)
            yield
        finally:
            await asyncio.shield(asyncio.to_thread(self._stop))

    def check(self) -> None:
        """Raises StackFailed when one of them has ended by itself."""
        for service in self._services:
            process = self._processes.get(service.name)
            if process is not None and process.poll() is not None:
                raise self._failed(service, f"it has ended by itself, with {process.returncode}")

    def _start(self, service: Service) -> None:
        log = self._home.log(service.name)
        log.parent.mkdir(parents=True, exist_ok=True)
        with log.open("wb") as out:
            process = subprocess.Popen(  # noqa: S603 - our own modules
                [sys.executable, "-m", service.module],
                env={**os.environ, **service.environment},
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=subprocess.STDOUT,
                # Ctrl-C in the terminal reaches only us, who stop them in order.
                start_new_session=True,
            )
        self._processes[service.name] = process
        self._home.remember(service.name, started(process.pid, service.port))

    async def _ready(self, http: httpx.AsyncClient, service: Service) -> None:
        loop = asyncio.get_running_loop()
        deadline = loop.time() + READY_SECONDS
        while True:
            self.check()
            try:
                response = await http.get(f"{service.url}/health/ready")
            except httpx.TransportError:
                problem = "it does not answer"
            else:
                if response.status_code == httpx.codes.OK:
                    return
                problem = response.text
            if loop.time() > deadline:
                raise self._failed(service, f"it is not ready after {READY_SECONDS:.0f} seconds: {problem}")
            await asyncio.sleep(_POLL_SECONDS)

    def _stop(self) -> None:
        for service in self._services:
            process = self._processes.pop(service.name, None)
            if process is None:
                continue
            process.terminate()
            try:
                process.wait(timeout=STOP_SECONDS)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
            self._home.forget(service.name)

    def _stop_left_over(self, service: Service) -> None:
        process = process_of(self._home.record(service.name))
        if process is not None:
            stop(process, grace_seconds=STOP_SECONDS)
        self._home.forget(service.name)

    def _failed(self, service: Service, problem: str) -> StackFailed:
        log = self._home.log(service.name)
        return StackFailed(service=service.name, problem=problem, remedy=f"see {log}", log_tail=tail(log))

"""Start a service as its users do, as a process of its own; read its logs; stop it, or kill it."""

import json
import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import httpx

from support.eventually import eventually_sync

STOP_SECONDS = 20.0


class RunningService:
    """A service's process. Its standard output and error go to one file, which `logs` reads."""

    def __init__(self, name: str, command: Sequence[str], environment: Mapping[str, str], log: Path) -> None:
        self.name = name
        self._command = command
        self._environment = environment
        self._log = log
        self._process = self._started()

    def _started(self) -> "subprocess.Popen[bytes]":
        with self._log.open("ab") as out:
            return subprocess.Popen(
                self._command,
                env={**os.environ, "PYTHONUNBUFFERED": "1", **self._environment},
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=subprocess.STDOUT,
            )

    def start_again(self) -> None:
        """As an orchestrator does after it has ended: with the same settings, its log going on."""
        assert self.exit_code is not None, f"{self.name} still runs"
        self._process = self._started()

    @property
    def pid(self) -> int:
        return self._process.pid

    @property
    def exit_code(self) -> int | None:
        """None while it runs; negative for the signal that ended it."""
        return self._process.poll()

    def logs(self) -> str:
        return self._log.read_text(encoding="utf-8", errors="replace")

    def events(self, name: str | None = None) -> list[dict[str, Any]]:
        """The log's JSON lines, or those of one event name."""
        lines = [json.loads(line) for line in self.logs().splitlines() if line.startswith("{") and line.endswith("}")]
        return [line for line in lines if name is None or line.get("event") == name]

    def wait_until_ready(self, url: str, *, within: float = 30.0) -> None:
        """Return when `url` answers 200. Raises AssertionError with the logs when it doesn't, or when it has ended."""

        def ready() -> bool:
            if self.exit_code is not None:
                return True
            try:
                return httpx.get(url, timeout=5.0).status_code == 200
            except httpx.TransportError:
                return False

        try:
            eventually_sync(ready, within=within)
        except AssertionError:
            raise AssertionError(f"{self.name}: {url} is not ready after {within} seconds\n{self.logs()}") from None
        if self.exit_code is not None:
            raise AssertionError(f"{self.name} ended with {self.exit_code} before it was ready\n{self.logs()}")

    def wait_for_exit(self, *, within: float = STOP_SECONDS) -> int:
        """The exit code. Raises AssertionError with the logs when it still runs after `within` seconds."""
        try:
            return self._process.wait(timeout=within)
        except subprocess.TimeoutExpired:
            raise AssertionError(f"{self.name} still runs after {within} seconds\n{self.logs()}") from None

    def send(self, number: signal.Signals) -> None:
        """Send it a signal, as an operator does."""
        self._process.send_signal(number)

    def kill(self) -> None:
        """SIGKILL: no goodbye, as when the machine goes away."""
        self._process.kill()
        self._process.wait()

    def pause(self) -> None:
        """SIGSTOP: it lives but does nothing, as in a long garbage collection or on a frozen machine."""
        self._process.send_signal(signal.SIGSTOP)

    def resume(self) -> None:
        self._process.send_signal(signal.SIGCONT)

    def stop(self, *, within: float = STOP_SECONDS) -> int:
        """SIGTERM, as an orchestrator does; the exit code. Killed, with AssertionError, when it doesn't end in time."""
        if self.exit_code is None:
            self._process.send_signal(signal.SIGCONT)
            self._process.terminate()
        try:
            return self.wait_for_exit(within=within)
        except AssertionError:
            self.kill()
            raise


@contextmanager
def running_service(
    module: str,
    env: Mapping[str, str],
    *,
    arguments: Sequence[str] = (),
    ready: str | None = None,
    ready_within: float = 30.0,
) -> Iterator[RunningService]:
    """Run `python -m <module>` with `env` added to this process's environment, until the block ends.

    With `ready` (a URL) the block begins when it answers 200. When the block fails, the logs are printed, so that
    pytest shows them. The process is gone afterwards in any case.
    """
    command = [sys.executable, "-m", module, *arguments]
    with running_program(module, command, env, ready=ready, ready_within=ready_within) as service:
        yield service


@contextmanager
def running_program(
    name: str, command: Sequence[str], env: Mapping[str, str], *, ready: str | None = None, ready_within: float = 30.0
) -> Iterator[RunningService]:
    """`running_service` for any program."""
    with tempfile.TemporaryDirectory(prefix="qos-service-") as directory:
        service = RunningService(name, command, env, Path(directory) / "log")
        try:
            if ready is not None:
                service.wait_until_ready(ready, within=ready_within)
            yield service
        except BaseException:
            print(f"== {name} (pid {service.pid}, exit code {service.exit_code})\n{service.logs()}")  # noqa: T201
            raise
        finally:
            if service.exit_code is None:
                service.resume()
                # One that does not stop in time is killed.
                with suppress(AssertionError):
                    service.stop()

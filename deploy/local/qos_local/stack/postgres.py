"""One PostgreSQL on the loopback address, with a password of its own that only the home's owner can read."""

import asyncio
import os
import secrets
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Mapping
from pathlib import Path

import asyncpg
import psutil

from qos_local.stack.errors import StackFailed
from qos_local.stack.home import Home, ServiceRecord, tail, write_atomically
from qos_local.stack.postgres_binaries import account, prepare_data_directory, programs, remove_data_directory
from qos_local.stack.processes import choose_port, process_of, run_as, start_detached, started, stop, wait_until
from qos_runtime.postgres import DatabaseError, Verdict, verdict

SERVICE = "postgres"
USUAL_PORT = 5432
START_SECONDS = 60.0
STOP_SECONDS = 30.0
DATABASE = USER = "qos"
_HOST = "127.0.0.1"
_SETTINGS = {
    "listen_addresses": _HOST,
    "unix_socket_directories": "",
    "max_connections": "200",
    "shared_buffers": "256MB",
    "max_wal_size": "2GB",
    "timezone": "UTC",
    "log_timezone": "UTC",
}


class PostgresServer:
    """The server of one home. Only for the command that holds the home's lock, save for `running` and `url`."""

    def __init__(
        self, home: Home, *, usual_port: int | None = USUAL_PORT, start_seconds: float = START_SECONDS
    ) -> None:
        self._home = home
        self._usual_port = usual_port
        self._start_seconds = start_seconds

    def running(self) -> ServiceRecord | None:
        """The record of the living server, or None. A record whose process is gone counts as none."""
        record = self._home.record(SERVICE)
        return record if process_of(record) else None

    def url(self, record: ServiceRecord, *, database: str = DATABASE) -> str:
        return f"postgresql://{USER}:{self._password()}@{_HOST}:{record.port}/{database}"

    def start(self, *, overrides: Mapping[str, str] | None = None) -> ServiceRecord:
        """Start the server and return when it answers a query; if it runs, nothing is done.

        `overrides` are server settings for this start. Raises StackFailed with the end of the server's log.
        """
        record = self.running()
        if record is None:
            before = self._home.record(SERVICE)
            port = choose_port(before.port if before else None, self._usual_port)
            user = account()
            self._initialise(user)
            record = self._launch(port, user, overrides or {})
        self._wait_until_ready(record)
        return record

    def stop(self) -> None:
        """End the server at once, cleanly (a "fast" shutdown). Nothing to do when it isn't running."""
        process = process_of(self._home.record(SERVICE))
        if process is not None:
            stop(process, grace_seconds=STOP_SECONDS, ask=signal.SIGINT)

    def remove_data(self) -> None:
        remove_data_directory(self._home.postgres_data)
        self._password_file.unlink(missing_ok=True)

    @property
    def _password_file(self) -> Path:
        return self._home.root / "postgres.password"

    def _password(self) -> str:
        return self._password_file.read_text(encoding="utf-8").strip()

    def _initialise(self, user: str | None) -> None:
        """Make the database cluster; one that is there stays as it is."""
        data = self._home.postgres_data
        if (data / "PG_VERSION").exists():
            return
        remove_data_directory(data)  # what an interrupted initialisation left
        prepare_data_directory(data, user)
        data = data.resolve()
        write_atomically(self._password_file, secrets.token_urlsafe(24) + "\n", mode=0o600)
        with tempfile.TemporaryDirectory() as directory:
            password = Path(directory) / "password"
            shutil.copy(self._password_file, password)
            if user is not None:
                shutil.chown(directory, user)
                shutil.chown(password, user)
            command: list[str | Path] = [
                programs(user) / "initdb",
                *("--pgdata", data, "--username", USER, "--pwfile", password, "--auth", "scram-sha-256"),
                *("--encoding", "UTF8", "--locale", "C", "--locale-provider", "builtin", "--builtin-locale", "C.UTF-8"),
                "--no-sync",
            ]
            result = subprocess.run(  # noqa: S603  our own program, our own paths
                command, capture_output=True, text=True, check=False, cwd=data, env=_environment(), **run_as(user)
            )
        if result.returncode != 0:
            raise StackFailed(
                service=SERVICE,
                problem="its data directory can't be made",
                remedy="correct what it says",
                log_tail=(result.stdout + result.stderr).strip(),
            )

    def _launch(self, port: int, user: str | None, overrides: Mapping[str, str]) -> ServiceRecord:
        data = self._home.postgres_data.resolve()
        self._drop_stale_pid_file(data)
        options = [f"--{name}={value}" for name, value in {**_SETTINGS, "port": str(port), **overrides}.items()]
        command: list[str | Path] = [programs(user) / "postgres", "-D", data, *options]
        pid = start_detached(command, log=self._home.log(SERVICE), cwd=data, user=user)
        try:
            record = started(pid, port)
        except psutil.NoSuchProcess:
            raise self._failed("it ended as soon as it started") from None
        self._home.remember(SERVICE, record)
        return record

    @staticmethod
    def _drop_stale_pid_file(data: Path) -> None:
        """After a crash of the machine, the pid in PostgreSQL's own file may be another program's; drop it then."""
        pid_file = data / "postmaster.pid"
        try:
            pid = int(pid_file.read_text(encoding="utf-8").splitlines()[0])
            alive = "postgres" in psutil.Process(pid).name()
        except (FileNotFoundError, ValueError, IndexError, psutil.NoSuchProcess):
            alive = False
        if not alive:
            pid_file.unlink(missing_ok=True)

    def _wait_until_ready(self, record: ServiceRecord) -> None:
        def answered_or_gone() -> bool:
            return process_of(record) is None or asyncio.run(self._answers(record))

        try:
            in_time = wait_until(answered_or_gone, timeout_seconds=self._start_seconds)
        except BaseException:
            self.stop()  # interrupted: what this command started ends with it
            raise
        if process_of(record) is None:
            raise self._failed("it ended before it was ready")
        if not in_time:
            self.stop()
            raise self._failed(f"it did not answer within {self._start_seconds:.0f} seconds")

    async def _answers(self, record: ServiceRecord) -> bool:
        """Whether a query is answered; makes the database `qos` if it isn't there yet."""
        try:
            connection = await asyncpg.connect(self.url(record, database="postgres"), timeout=5)
            try:
                if not await connection.fetchval("SELECT 1 FROM pg_database WHERE datname = $1", DATABASE):
                    await connection.execute(f'CREATE DATABASE "{DATABASE}"')
            finally:
                await connection.close()
        except DatabaseError as error:
            if verdict(error) is Verdict.FAIL:
                raise self._failed(f"it refuses a connection: {error}") from error
            return False
        return True

    def _failed(self, problem: str) -> StackFailed:
        log = self._home.log(SERVICE)
        return StackFailed(
            service=SERVICE,
            problem=problem,
            remedy=f"read its log, {log}; `qos reset` starts afresh",
            log_tail=tail(log),
        )


def _environment() -> dict[str, str]:
    """This process's environment without settings that would lead PostgreSQL's programs astray."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("PG", "LC_", "LANG"))}
    return {**kept, "LC_ALL": "C"}

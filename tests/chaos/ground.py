"""Where a run takes place: a broker and a database of its own, in a directory of its own, and the services."""

import asyncio
import sys
import tempfile
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from subprocess import PIPE, Popen

import psutil

from chaos import ground_watch
from chaos.fleet import Fleet, Member
from chaos.ports import choose_lasting_port
from qos_intake.keys import new_key, stanza
from qos_local.simulation.sources import SOURCES
from qos_local.stack import kafka as kafka_service
from qos_local.stack import postgres as postgres_service
from qos_local.stack.home import Home, ServiceRecord, cache_directory
from qos_local.stack.jars import ensure_jars
from qos_local.stack.kafka import KafkaNode
from qos_local.stack.postgres import PostgresServer
from qos_local.stack.processes import process_of
from qos_processing.migrate import migrate
from qos_runtime.kafka import admin_client
from qos_runtime.settings import RuntimeSettings
from qos_runtime.topics import create_topics
from support.backends import FAST

# The least that is allowed: a worker that is away is noticed soon.
SESSION_SECONDS = 6.0
# A machine may be busy with more than one run.
START_SECONDS = 240.0
# Alembic keeps what it migrates in globals: one at a time, where runs are side by side.
_MIGRATING = asyncio.Lock()
WORKER = {
    "QOS_PROCESSING_SESSION_TIMEOUT_SECONDS": f"{SESSION_SECONDS:g}",
    "QOS_PROCESSING_FINISH_SECONDS": "4",
    # Small batches: faults fall between and into many transactions.
    "QOS_PROCESSING_BATCH_RECORDS": "100",
    "QOS_PROCESSING_COMMIT_INTERVAL_SECONDS": "1",
}


class Ground:
    """The private stack and what runs on it. Its addresses stay the same, whatever is killed.

    The methods about broker and database may be used by several faults at a time; each takes the home for itself.
    """

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.home = Home(directory / "home")
        self._postgres = PostgresServer(self.home, usual_port=choose_lasting_port(), start_seconds=START_SECONDS)
        self._kafka = KafkaNode(self.home, usual_port=choose_lasting_port(), start_seconds=START_SECONDS)
        self._at_the_stack = asyncio.Lock()
        self.fleet = Fleet(self.home)
        self.settings: RuntimeSettings
        """Known once `start` has returned, as are the API keys by source once `start_services` has."""
        self.keys: Mapping[str, str] = {}

    @property
    def database_url(self) -> str:
        return self.settings.database_url

    def postgres_record(self) -> ServiceRecord:
        """The running server's. Raises AssertionError when it is away."""
        record = self._postgres.running()
        assert record is not None, "PostgreSQL is away"
        return record

    async def start_postgres(self, **overrides: str) -> None:
        """Start the database server, and return when it answers. `overrides`: its settings for this start."""
        settings = {**FAST.postgres, **{name.replace("__", "."): value for name, value in overrides.items()}}
        await self._alone(lambda: self._postgres.start(overrides=settings))

    async def stop_postgres(self) -> None:
        """A "fast" shutdown: clients are cut off, nothing is left to recover."""
        await self._alone(self._postgres.stop)

    async def kill_postgres(self) -> None:
        """SIGKILL of the server and all its processes, as when its machine goes away; the next start recovers."""
        await self._alone(lambda: _kill_tree(self._postgres.running()))

    async def start_broker(self, **overrides: str) -> None:
        """Start the broker, and return when it answers. `overrides`: its settings for this start (`__` for a dot)."""
        settings = {**FAST.kafka, **{name.replace("__", "."): value for name, value in overrides.items()}}

        def start() -> ServiceRecord:
            return self._kafka.start(ensure_jars(cache_directory()), overrides=settings)

        await self._alone(start)

    async def stop_broker(self) -> None:
        await self._alone(self._kafka.stop)

    async def kill_broker(self) -> None:
        """SIGKILL."""
        await self._alone(lambda: _kill_tree(self._kafka.running()))

    async def start(self) -> None:
        """Start broker and database and prepare both: migrated, topics made."""
        await self.start_postgres()
        await self.start_broker()
        broker = self.home.record(kafka_service.SERVICE)
        database = self.home.record(postgres_service.SERVICE)
        assert broker is not None
        assert database is not None
        self.settings = RuntimeSettings(
            kafka_bootstrap_servers=KafkaNode.address(broker),
            database_url=self._postgres.url(database),
            consumer_group="chaos",
        )
        async with _MIGRATING:
            await migrate(self.settings.database_url)
        async with admin_client(self.settings) as admin:
            await create_topics(admin, self.settings)

    async def start_services(self, workers: int) -> None:
        """Intake, metrics and so many workers; all are ready when it returns."""
        self.keys = {source: new_key() for source in SOURCES}
        entries = (
            stanza(key=key, source=source, name=source.replace("/", "-"), max_age_days="unlimited")
            for source, key in self.keys.items()
        )
        sources_file = self.directory / "sources.toml"
        sources_file.write_text("\n".join(entries), encoding="utf-8")
        await self.fleet.start("intake", self.settings, {"QOS_INTAKE_SOURCES_FILE": str(sources_file)})
        await self.fleet.start("metrics", self.settings, {"QOS_METRICS_STAFF_OPEN": "true"})
        for _ in range(workers):
            await self.start_worker()
        for member in self.fleet:
            await self.fleet.ready(member)

    async def start_worker(self, environment: Mapping[str, str] | None = None) -> Member:
        """One more worker, with these variables on top of the usual ones. It need not be ready yet."""
        return await self.fleet.start_worker(self.settings, {**WORKER, **(environment or {})})

    async def kill_everything(self) -> None:
        """End broker and database at once, those that run."""
        for running in (self._kafka.running, self._postgres.running):
            if running() is not None:
                await self._alone(lambda running=running: _kill_tree(running()))  # type: ignore[misc]

    async def _alone(self, work: Callable[[], object]) -> None:
        def locked() -> None:
            with self.home.lock():
                work()

        async with self._at_the_stack:
            working = asyncio.ensure_future(asyncio.to_thread(locked))
            try:
                await asyncio.shield(working)
            except asyncio.CancelledError:
                # Finished even so: a server that is half started would be nobody's.
                await asyncio.wait([working])
                raise


def _kill_tree(record: ServiceRecord | None) -> None:
    process = process_of(record)
    assert process is not None, "it is away already"
    doomed = [process, *process.children(recursive=True)]
    for one in doomed:
        one.kill()
    psutil.wait_procs(doomed, timeout=10)


@asynccontextmanager
async def ground(directory: Path | None = None) -> AsyncIterator[Ground]:
    """A ground for as long as the block takes, with broker and database, without services.

    However the block ends, be it by SIGKILL of this process, all that was started is ended and the directory deleted.
    """
    root, watcher = await asyncio.to_thread(_watched_directory, directory)
    made = Ground(root)
    try:
        await made.start()
        yield made
    finally:
        await asyncio.shield(_close(made, watcher))


async def _close(made: Ground, watcher: "Popen[bytes]") -> None:
    try:
        await made.fleet.close()
        await made.kill_everything()
    finally:
        await asyncio.to_thread(watcher.communicate)  # ends its input, and waits until it has cleared up


def _watched_directory(parent: Path | None) -> "tuple[Path, Popen[bytes]]":
    directory = Path(tempfile.mkdtemp(prefix="qos-chaos-", dir=parent))
    directory.chmod(0o711)  # PostgreSQL may have to run as another account
    command = [sys.executable, ground_watch.__file__, str(directory)]
    return directory, Popen(command, stdin=PIPE, start_new_session=True)

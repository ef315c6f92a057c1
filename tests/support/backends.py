"""Where a test run finds a real Kafka and a real PostgreSQL.

Addresses in the environment (KAFKA_BOOTSTRAP_SERVERS, DATABASE_URL) come first; else containers, where a Docker engine
answers; else the embedded stack in a directory of its own. Each is started at most once a run, when a test asks.
"""

import os
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import Protocol

from testcontainers.community.postgres import PostgresContainer
from testcontainers.core.container import DockerContainer
from testcontainers.core.wait_strategies import LogMessageWaitStrategy

from qos_local.stack.home import Home, tail
from qos_local.stack.processes import choose_port
from qos_local.stack.stack import Addresses, Overrides, Stack
from support import stack_watch

KAFKA_IMAGE = "apache/kafka:4.3.1"
POSTGRES_IMAGE = "postgres:18"
_HOST = "127.0.0.1"
# Nothing survives a test run, so nothing needs to survive a power cut; a killed process still loses nothing.
FAST = Overrides(
    kafka={"log.index.size.max.bytes": "1048576", "log.cleaner.dedupe.buffer.size": "8388608"},
    postgres={"fsync": "off", "full_page_writes": "off"},
)


class Backends(Protocol):
    """Starts what is asked for; `close` ends what it started."""

    def kafka(self) -> str:
        """Bootstrap servers of a broker that answers."""

    def postgres(self) -> str:
        """URL of a database whose user may create databases."""

    def kafka_log(self) -> str:
        """The end of the broker's log; empty where it can't be had."""

    def close(self) -> None: ...


class Given:
    """Services that the environment names; they are used, never stopped."""

    def __init__(self, *, kafka: str, postgres: str) -> None:
        self._kafka = kafka
        self._postgres = postgres

    def kafka(self) -> str:
        return self._kafka

    def postgres(self) -> str:
        return self._postgres

    def kafka_log(self) -> str:
        return ""

    def close(self) -> None:
        return


class Embedded:
    """The stack of `qos up`, in a directory that is gone afterwards."""

    def __init__(self) -> None:
        self._closing = ExitStack()
        self._stack: Stack | None = None

    def kafka(self) -> str:
        return self._started().kafka_bootstrap_servers

    def postgres(self) -> str:
        return self._started().database_url

    def kafka_log(self) -> str:
        return tail(self._stack.home.log("kafka"), 40) if self._stack else ""

    def close(self) -> None:
        self._closing.close()

    def _started(self) -> Addresses:
        if self._stack is None:
            directory = Path(tempfile.mkdtemp(prefix="qos-tests-"))
            directory.chmod(0o711)  # PostgreSQL may have to run as another account
            watch = [sys.executable, stack_watch.__file__, str(directory)]
            watcher = subprocess.Popen(watch, stdin=subprocess.PIPE, start_new_session=True)
            self._closing.callback(watcher.communicate)  # ends its input, and waits until it has cleared up
            stack = Stack(Home(directory / "home"), prefer_usual_ports=False)
            self._closing.callback(stack.down)
            stack.up(overrides=FAST)
            self._stack = stack
        addresses = self._stack.addresses()
        if addresses is None:
            return self._stack.up(overrides=FAST)
        return addresses


class Containers:
    """One container of each, removed afterwards."""

    def __init__(self) -> None:
        self._closing = ExitStack()
        self._kafka: str | None = None
        self._postgres: str | None = None
        self._broker: DockerContainer | None = None

    def kafka(self) -> str:
        if self._kafka is None:
            port = choose_port()
            broker = DockerContainer(KAFKA_IMAGE).with_bind_ports(9092, port)
            broker = broker.waiting_for(LogMessageWaitStrategy("Kafka Server started"))
            for name, value in _kafka_environment(port).items():
                broker = broker.with_env(name, value)
            self._broker = self._closing.enter_context(broker)
            self._kafka = f"{_HOST}:{port}"
        return self._kafka

    def postgres(self) -> str:
        if self._postgres is None:
            server = self._closing.enter_context(PostgresContainer(POSTGRES_IMAGE, driver=None))
            self._postgres = server.get_connection_url()
        return self._postgres

    def kafka_log(self) -> str:
        if self._broker is None:
            return ""
        out, _ = self._broker.get_logs()
        return "\n".join(out.decode(errors="replace").splitlines()[-40:])

    def close(self) -> None:
        self._closing.close()


def choose(environment: Mapping[str, str] = os.environ) -> Backends:
    kafka, postgres = environment.get("KAFKA_BOOTSTRAP_SERVERS"), environment.get("DATABASE_URL")
    if bool(kafka) != bool(postgres):
        raise ValueError("set both KAFKA_BOOTSTRAP_SERVERS and DATABASE_URL, or neither")
    if kafka and postgres:
        return Given(kafka=kafka, postgres=postgres)
    return Containers() if docker_answers() else Embedded()


def docker_answers() -> bool:
    """Whether a Docker engine can be used. Asked in a process of its own: the client leaves sockets open on failure."""
    question = [sys.executable, "-c", "import docker; docker.from_env(timeout=5).ping()"]
    try:
        return subprocess.run(question, capture_output=True, check=False, timeout=30).returncode == 0
    except subprocess.TimeoutExpired:
        return False


def _kafka_environment(port: int) -> dict[str, str]:
    settings = {
        "node.id": "1",
        "process.roles": "broker,controller",
        "listeners": "PLAINTEXT://:9092,CONTROLLER://:9093,INTERNAL://:9094",
        "advertised.listeners": f"PLAINTEXT://{_HOST}:{port},INTERNAL://localhost:9094",
        "inter.broker.listener.name": "INTERNAL",
        "listener.security.protocol.map": "PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT,INTERNAL:PLAINTEXT",
        "controller.listener.names": "CONTROLLER",
        "controller.quorum.voters": "1@localhost:9093",
        "auto.create.topics.enable": "false",
        "group.initial.rebalance.delay.ms": "0",
        "offsets.topic.replication.factor": "1",
        "transaction.state.log.replication.factor": "1",
        "transaction.state.log.min.isr": "1",
    }
    return {f"KAFKA_{name.upper().replace('.', '_')}": value for name, value in settings.items()}

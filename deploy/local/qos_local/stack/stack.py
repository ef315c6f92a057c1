"""Both services together: brought up, taken down, looked at, thrown away."""

import asyncio
import os
import shutil
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import TypeAlias

import asyncpg
from aiokafka.admin import AIOKafkaAdminClient

from qos_domain.errors import TransientFailure
from qos_local.stack import kafka, postgres
from qos_local.stack.errors import StackFailed
from qos_local.stack.home import Home, ServiceRecord, cache_directory, read_env_file, write_atomically
from qos_local.stack.jars import Progress, ensure_jars
from qos_local.stack.kafka import KafkaNode
from qos_local.stack.postgres import PostgresServer
from qos_runtime.kafka import admin_client
from qos_runtime.postgres import DatabaseError
from qos_runtime.settings import RuntimeSettings
from qos_runtime.topics import TopicReport, create_topics, describe_topics

Say: TypeAlias = Callable[[str], None]
SERVICES = (kafka.SERVICE, postgres.SERVICE)


@dataclass(frozen=True, slots=True)
class Addresses:
    """Where the services are, as every program of the system wants to be told."""

    kafka_bootstrap_servers: str
    database_url: str = field(repr=False)

    def environment(self) -> dict[str, str]:
        return {"KAFKA_BOOTSTRAP_SERVERS": self.kafka_bootstrap_servers, "DATABASE_URL": self.database_url}


@dataclass(frozen=True, slots=True)
class Overrides:
    """Settings of the services for one start, on top of the stack's own (tests trade durability for speed)."""

    kafka: Mapping[str, str] = field(default_factory=dict)
    postgres: Mapping[str, str] = field(default_factory=dict)


class Stack:
    """The stack of one home. Every method may be called at any time, from any process; the changing ones exclude
    each other and raise StackFailed when another command is at work."""

    def __init__(
        self, home: Home, *, environment: Mapping[str, str] = os.environ, prefer_usual_ports: bool = True
    ) -> None:
        self.home = home
        self._environment = environment
        self._kafka = KafkaNode(home, usual_port=kafka.USUAL_PORT if prefer_usual_ports else None)
        self._postgres = PostgresServer(home, usual_port=postgres.USUAL_PORT if prefer_usual_ports else None)

    def up(
        self, *, say: Say = lambda _: None, progress: Progress | None = None, overrides: Overrides | None = None
    ) -> Addresses:
        """Start what isn't running, and return when both services answer; their addresses are then in `.qos/env`.

        Interrupted, or when one can't start, it stops what this call has started and raises (StackFailed,
        KeyboardInterrupt).
        """
        chosen = overrides or Overrides()
        with self.home.lock():
            ran_before = {service: self.running(service) is not None for service in SERVICES}
            try:
                say("PostgreSQL")
                database = self._postgres.start(overrides=chosen.postgres)
                jars = ensure_jars(cache_directory(self._environment), progress=progress)
                say("Kafka")
                broker = self._kafka.start(jars, overrides=chosen.kafka)
            except BaseException:
                if not ran_before[kafka.SERVICE]:
                    self._kafka.stop()
                if not ran_before[postgres.SERVICE]:
                    self._postgres.stop()
                raise
            addresses = Addresses(KafkaNode.address(broker), self._postgres.url(database))
            lines = (f"{name}={value}\n" for name, value in addresses.environment().items())
            write_atomically(self.home.env_file, "".join(lines), mode=0o600)
            return addresses

    def down(self) -> None:
        """Stop both services; the data stays. Nothing to do when they aren't running."""
        with self.home.lock():
            self._stop()

    def reset(self) -> None:
        """Stop both services and delete the home with all data. What was downloaded stays."""
        with self.home.lock():
            self._stop()
            self._postgres.remove_data()
            for path in self.home.root.iterdir():
                if path.is_dir():
                    shutil.rmtree(path)
                elif path.name != "lock":
                    path.unlink()

    def running(self, service: str) -> ServiceRecord | None:
        return self._kafka.running() if service == kafka.SERVICE else self._postgres.running()

    def addresses(self) -> Addresses | None:
        """The addresses when both services run, else None."""
        broker, database = self._kafka.running(), self._postgres.running()
        if broker is None or database is None:
            return None
        return Addresses(KafkaNode.address(broker), self._postgres.url(database))

    def _stop(self) -> None:
        self._kafka.stop()
        self._postgres.stop()


def given_addresses(environment: Mapping[str, str], home: Home) -> Addresses | None:
    """The services that the environment names instead of the local stack; None when it names none, or the local ones.

    Raises StackFailed when only one of the two is named: half a stack would hold results of another's events.
    """
    names = ("KAFKA_BOOTSTRAP_SERVERS", "DATABASE_URL")
    given = {name: environment[name] for name in names if environment.get(name)}
    local = read_env_file(home.env_file)
    if not given or all(local.get(name) == value for name, value in given.items()):
        return None
    if len(given) < len(names):
        raise StackFailed(
            service="stack",
            problem=f"only {next(iter(given))} is set",
            remedy="set both KAFKA_BOOTSTRAP_SERVERS and DATABASE_URL, or neither",
        )
    return Addresses(given["KAFKA_BOOTSTRAP_SERVERS"], given["DATABASE_URL"])


def require_database(addresses: Addresses) -> None:
    """Return when the database has answered a query. Raises StackFailed when it does not."""

    async def ask() -> None:
        connection = await asyncpg.connect(addresses.database_url, timeout=10)
        try:
            await connection.fetchval("SELECT 1")
        finally:
            await connection.close()

    try:
        asyncio.run(ask())
    except DatabaseError as error:
        raise StackFailed(
            service="postgres",
            problem=f"no answer to a query ({type(error).__name__})",
            remedy="check DATABASE_URL, and whether the server runs",
        ) from error


def make_topics(addresses: Addresses) -> TopicReport:
    """Create the system's topics on the broker, with the settings of the environment (QOS_PARTITIONS, ...).

    Raises StackFailed when no broker answers.
    """
    return asyncio.run(_with_admin(addresses, create_topics))


def describe(addresses: Addresses) -> TopicReport:
    """Compare the broker's topics with their definitions. Raises StackFailed when no broker answers."""
    return asyncio.run(_with_admin(addresses, describe_topics))


async def _with_admin(
    addresses: Addresses, work: Callable[[AIOKafkaAdminClient, RuntimeSettings], Awaitable[TopicReport]]
) -> TopicReport:
    settings = RuntimeSettings(
        kafka_bootstrap_servers=addresses.kafka_bootstrap_servers, database_url=addresses.database_url
    )
    try:
        async with admin_client(settings) as admin:
            return await work(admin, settings)
    except TransientFailure as failure:
        raise StackFailed(
            service="kafka", problem=str(failure), remedy="see whether it runs: `qos status`"
        ) from failure

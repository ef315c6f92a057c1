"""The broker and the database of a run: fresh topics and a fresh database, gone afterwards."""

import os
import tempfile
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit
from uuid import uuid4

import asyncpg

from qos_local.demo.services import Service, Services
from qos_local.stack.home import Home
from qos_local.stack.processes import choose_port
from qos_local.stack.stack import Addresses, Stack
from qos_processing.migrate import migrate
from qos_runtime.kafka import admin_client
from qos_runtime.settings import RuntimeSettings
from qos_runtime.topics import TOPICS, create_topics


@contextmanager
def own_stack() -> Iterator[tuple[Home, Addresses]]:
    """A stack that is started for this run, with durable writes as in `qos up`, and deleted afterwards."""
    with tempfile.TemporaryDirectory(prefix="qos-bench-") as directory:
        Path(directory).chmod(0o711)  # PostgreSQL may have to run as another account
        home = Home(Path(directory) / "home")
        stack = Stack(home, prefer_usual_ports=False)
        try:
            yield home, stack.up()
        finally:
            stack.reset()


@contextmanager
def addresses() -> Iterator[Addresses]:
    """Those of the environment; else of a stack of this run."""
    kafka, database = os.environ.get("KAFKA_BOOTSTRAP_SERVERS"), os.environ.get("DATABASE_URL")
    if kafka and database:
        yield Addresses(kafka_bootstrap_servers=kafka, database_url=database)
        return
    with own_stack() as (_, given):
        yield given


@asynccontextmanager
async def topics(given: Addresses, *, partitions: int = 8) -> AsyncIterator[RuntimeSettings]:
    """Settings with topics of their own."""
    settings = RuntimeSettings(
        kafka_bootstrap_servers=given.kafka_bootstrap_servers,
        database_url=given.database_url,
        topic_prefix=f"bench{uuid4().hex[:8]}.",
        partitions=partitions,
    )
    async with admin_client(settings) as admin:
        await create_topics(admin, settings)
    try:
        yield settings
    finally:
        async with admin_client(settings) as admin:
            await admin.delete_topics([settings.topic(definition.name) for definition in TOPICS])


@asynccontextmanager
async def database(settings: RuntimeSettings) -> AsyncIterator[RuntimeSettings]:
    """The settings with a migrated database of their own and a group that nobody has used."""
    name = f"bench_{uuid4().hex[:8]}"
    url = urlunsplit(urlsplit(settings.database_url)._replace(path=f"/{name}"))
    server = await asyncpg.connect(settings.database_url)
    try:
        await server.execute(f'CREATE DATABASE "{name}"')
        try:
            await migrate(url)
            yield settings.model_copy(update={"database_url": url, "consumer_group": name})
        finally:
            await server.execute(f'DROP DATABASE "{name}" WITH (FORCE)')
    finally:
        await server.close()


def environment(settings: RuntimeSettings) -> dict[str, str]:
    """The environment of a process that is to have these settings."""
    return {
        **os.environ,
        "KAFKA_BOOTSTRAP_SERVERS": settings.kafka_bootstrap_servers,
        "DATABASE_URL": settings.database_url,
        "QOS_TOPIC_PREFIX": settings.topic_prefix,
        "QOS_CONSUMER_GROUP": settings.consumer_group,
        "QOS_PARTITIONS": str(settings.partitions),
        "QOS_LOG_LEVEL": "WARNING",
    }


def worker(settings: RuntimeSettings, number: int = 0) -> Service:
    """A worker of these settings, not started."""
    port = choose_port()
    own = {**environment(settings), "QOS_PROCESSING_PORT": str(port)}
    return Service(f"processing-{number}", "qos_processing", port, own)


@asynccontextmanager
async def running(services: Sequence[Service]) -> AsyncIterator[Services]:
    """Run these services for the block. Raises StackFailed with the end of its log when one isn't ready or ends."""
    with tempfile.TemporaryDirectory(prefix="qos-bench-") as directory:
        together = Services(Home(Path(directory)), tuple(services))
        async with together.running():
            yield together

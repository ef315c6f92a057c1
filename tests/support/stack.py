"""Fixtures with a real Kafka and a real PostgreSQL. Topics, groups and databases are fresh for each test."""

import asyncio
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from urllib.parse import urlsplit, urlunsplit
from uuid import uuid4

import asyncpg
import pytest

from qos_local.stack.errors import StackFailed
from qos_local.stack.processes import choose_port
from qos_runtime.kafka import admin_client
from qos_runtime.settings import RuntimeSettings
from support.absent import absent
from support.backends import Backends, choose

_LAST_LINES = pytest.StashKey[Backends]()


@pytest.fixture(scope="session")
def backends(request: pytest.FixtureRequest) -> Iterator[Backends]:
    """Where this run's broker and database come from; what it starts is stopped when the run ends, also by Ctrl-C."""
    found = choose()
    request.config.stash[_LAST_LINES] = found
    try:
        yield found
    finally:
        found.close()


@pytest.fixture(scope="session")
def kafka(backends: Backends) -> str:
    """Bootstrap servers of a real Kafka without auto-creation of topics."""
    try:
        return backends.kafka()
    except StackFailed as failure:
        absent(str(failure))


@pytest.fixture(scope="session")
def postgres(backends: Backends) -> str:
    """URL of a real PostgreSQL, for a user who may create databases."""
    try:
        return backends.postgres()
    except StackFailed as failure:
        absent(str(failure))


@pytest.fixture
def database_url(postgres: str) -> Iterator[str]:
    """URL of an empty database that is dropped afterwards, with whatever is still connected to it."""
    with empty_database(postgres) as url:
        yield url


@contextmanager
def empty_database(postgres: str) -> Iterator[str]:
    """The same for as long as a block takes."""
    name = f"t_{uuid4().hex[:12]}"
    _execute(postgres, f'CREATE DATABASE "{name}"')
    try:
        yield urlunsplit(urlsplit(postgres)._replace(path=f"/{name}"))
    finally:
        _execute(postgres, f'DROP DATABASE "{name}" WITH (FORCE)')


@pytest.fixture
def topic_prefix(kafka: str) -> Iterator[str]:
    """A prefix (QOS_TOPIC_PREFIX) under which there are no topics yet; the topics are deleted afterwards."""
    with unused_prefix(kafka) as prefix:
        yield prefix


@contextmanager
def unused_prefix(kafka: str) -> Iterator[str]:
    """The same for as long as a block takes."""
    prefix = f"t{uuid4().hex[:10]}."
    try:
        yield prefix
    finally:
        asyncio.run(_delete_topics(kafka, prefix))


@pytest.fixture
def consumer_group() -> str:
    """A consumer group that nobody has used."""
    return f"g-{uuid4().hex[:10]}"


@pytest.fixture
def free_port() -> int:
    """A TCP port on 127.0.0.1 that nothing listens on."""
    return choose_port()


@pytest.fixture
def runtime_settings(kafka: str, database_url: str, topic_prefix: str, consumer_group: str) -> RuntimeSettings:
    """Settings with a fresh database, fresh topic names (not created yet) and a fresh group."""
    return RuntimeSettings(
        kafka_bootstrap_servers=kafka,
        database_url=database_url,
        topic_prefix=topic_prefix,
        consumer_group=consumer_group,
    )


def environment_of(settings: RuntimeSettings) -> dict[str, str]:
    """The environment variables with which a service started as a process gets these settings."""
    return {
        "KAFKA_BOOTSTRAP_SERVERS": settings.kafka_bootstrap_servers,
        "DATABASE_URL": settings.database_url,
        "QOS_TOPIC_PREFIX": settings.topic_prefix,
        "QOS_PARTITIONS": str(settings.partitions),
        "QOS_CONSUMER_GROUP": settings.consumer_group,
        "QOS_LOG_LEVEL": settings.log_level,
        "QOS_LOG_FORMAT": settings.log_format,
    }


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """A failed test that used the broker shows the end of the broker's log."""
    report = yield
    backends = item.config.stash.get(_LAST_LINES, None)
    if report.failed and backends is not None and "kafka" in getattr(item, "fixturenames", ()):
        log = backends.kafka_log()
        if log:
            report.sections.append(("Kafka's log", log))
    return report


def _execute(url: str, statement: str) -> None:
    async def execute() -> None:
        connection = await asyncpg.connect(url)
        try:
            await connection.execute(statement)
        finally:
            await connection.close()

    asyncio.run(execute())


async def _delete_topics(kafka: str, prefix: str) -> None:
    settings = RuntimeSettings(kafka_bootstrap_servers=kafka, database_url="postgresql://unused.invalid/unused")
    async with admin_client(settings) as admin:
        left = [name for name in await admin.list_topics() if name.startswith(prefix)]
        if left:
            await admin.delete_topics(left)

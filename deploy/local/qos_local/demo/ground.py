"""What one demonstration stands on: topics and a database of its own, and the keys of its sources.

Every run starts with empty ones, because two simulations of different days tell different stories with the same ids.
Those of the run before are removed when the next one starts, so that they can be looked into until then.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

import asyncpg

from qos_domain.acceptance import DEFAULT_TYPE_PREFIX
from qos_domain.calendar import DEFAULT_TIME_ZONE, DEFAULT_VERSION
from qos_intake.keys import new_key, stanza
from qos_local.demo.programs import run_module
from qos_local.simulation.sources import SOURCES
from qos_local.stack.errors import StackFailed
from qos_local.stack.home import Home, write_atomically
from qos_local.stack.stack import Addresses
from qos_runtime.kafka import admin_client
from qos_runtime.settings import RuntimeSettings
from qos_runtime.topics import create_topics


@dataclass(frozen=True, slots=True)
class Ground:
    """`run` names this run; `settings` are what its services share; `keys` are the API keys by source."""

    run: str
    directory: Path
    settings: RuntimeSettings
    sources_file: Path
    keys: Mapping[str, str] = field(repr=False)

    def environment(self) -> dict[str, str]:
        return {
            "KAFKA_BOOTSTRAP_SERVERS": self.settings.kafka_bootstrap_servers,
            "DATABASE_URL": self.settings.database_url,
            "QOS_TOPIC_PREFIX": self.settings.topic_prefix,
            "QOS_CONSUMER_GROUP": self.settings.consumer_group,
            "QOS_TIME_ZONE": DEFAULT_TIME_ZONE,
            "QOS_CALENDAR": DEFAULT_VERSION,
            "QOS_EVENT_TYPE_PREFIX": DEFAULT_TYPE_PREFIX,
        }


async def lay(home: Home, addresses: Addresses, now: datetime) -> Ground:
    """Fresh topics, a fresh, migrated database, and a sources file; what the run before left is removed.

    Raises StackFailed, and what the broker raises.
    """
    directory = home.root / "demo"
    directory.mkdir(parents=True, exist_ok=True)
    await _remove_former(directory, addresses)

    run = f"{int(now.timestamp()):x}"
    database = f"qos_demo_{run}"
    settings = RuntimeSettings(
        kafka_bootstrap_servers=addresses.kafka_bootstrap_servers,
        database_url=_with_database(addresses.database_url, database),
        topic_prefix=f"demo-{run}.",
        consumer_group=f"qos-demo-{run}",
        # The simulation is Tokyo's, whatever else the environment says.
        time_zone=DEFAULT_TIME_ZONE,
        calendar=DEFAULT_VERSION,
        event_type_prefix=DEFAULT_TYPE_PREFIX,
    )
    note = {"topic_prefix": settings.topic_prefix, "database": database}
    write_atomically(directory / "run.json", json.dumps(note) + "\n")
    await _execute(addresses, f'CREATE DATABASE "{database}"')
    # As an operator does it: by the program of the processing service.
    await run_module("qos_processing.migrate", environment={"DATABASE_URL": settings.database_url})
    async with admin_client(settings) as admin:
        await create_topics(admin, settings)

    keys = {source: new_key() for source in SOURCES}
    # What is simulated is up to 400 days old, and so may some of it be when it comes late.
    entries = (
        stanza(key=key, source=source, name=source.replace("/", "-"), max_age_days="unlimited")
        for source, key in keys.items()
    )
    sources_file = directory / "sources.toml"
    write_atomically(sources_file, "\n".join(entries), mode=0o600)
    return Ground(run=run, directory=directory, settings=settings, sources_file=sources_file, keys=keys)


async def _remove_former(directory: Path, addresses: Addresses) -> None:
    try:
        former = json.loads((directory / "run.json").read_text(encoding="utf-8"))
        prefix, database = str(former["topic_prefix"]), str(former["database"])
    except (FileNotFoundError, ValueError, KeyError, TypeError):
        return
    # The note is a file that anyone may have edited: only what a demonstration makes is ever removed.
    if not prefix.startswith("demo-") or not database.startswith("qos_demo_"):
        return
    await _execute(addresses, f'DROP DATABASE IF EXISTS "{database}" WITH (FORCE)')
    settings = RuntimeSettings(
        kafka_bootstrap_servers=addresses.kafka_bootstrap_servers, database_url=addresses.database_url
    )
    async with admin_client(settings) as admin:
        topics = [topic for topic in await admin.list_topics() if topic.startswith(prefix)]
        if topics:
            await admin.delete_topics(topics)


async def _execute(addresses: Addresses, statement: str) -> None:
    try:
        connection = await asyncpg.connect(addresses.database_url)
        try:
            await connection.execute(statement)
        finally:
            await connection.close()
    except (asyncpg.PostgresError, OSError) as error:
        raise StackFailed(
            service="postgres",
            problem=f"no database could be made for the demonstration ({error})",
            remedy="DATABASE_URL must name a running server, and a user who may create databases",
        ) from error


def _with_database(url: str, database: str) -> str:
    return urlunsplit(urlsplit(url)._replace(path=f"/{database}"))

"""With the settings, the rights and the encryption of the production overlay, the services do their work, and no more
than that. Kafka and PostgreSQL are real; what is other than in a cluster are addresses, passwords and files."""

import asyncio
import json
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path
from urllib.parse import SplitResult, urlsplit, urlunsplit
from uuid import uuid4

import asyncpg
import httpx
import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.errors import TopicAuthorizationFailedError

from qos_domain.events import INPUT_TOPICS
from qos_intake.keys import new_key, operator_stanza, stanza
from qos_local.stack.processes import choose_port
from qos_runtime.kafka import admin_client, connection
from qos_runtime.settings import RuntimeSettings
from qos_runtime.topics import QOS_LEVELS, create_topics
from support.eventually import eventually, eventually_sync
from support.intake import E_APPLICATION, registration, submitted
from support.manifests import Manifests
from support.secured import SecuredKafka, secured_kafka
from support.services import RunningService, running_service
from support.tls import HOST, Authority, encrypted

pytestmark = [pytest.mark.real, pytest.mark.timeout(900)]

PASSWORDS = {"qos-intake": "of-intake", "qos-processing": "of-processing", "qos-metrics": "of-metrics"}
READER_PASSWORD = "reading"
TOKEN = "only staff know this"
KEY, OPERATOR_KEY = new_key(), new_key()
PARTITIONS = 4


@dataclass(frozen=True)
class Cluster:
    """What is around the pods: Kafka, PostgreSQL behind TLS, and the authority that vouches for both."""

    manifests: Manifests
    kafka: SecuredKafka
    database: SplitResult
    authority: Authority

    def database_url(self, user: str | None = None) -> str:
        """With TLS; of the owner, or of another user."""
        owner = f"{self.database.username}:{self.database.password}"
        who = f"{user}:{READER_PASSWORD}" if user else owner
        address = self.database.netloc.rpartition("@")[2]
        return urlunsplit(self.database._replace(netloc=f"{who}@{address}"))

    def environment(self, name: str) -> dict[str, str]:
        """What a pod is told, with this machine's addresses, passwords and files, and fewer partitions and copies."""
        told = self.manifests.environment(self.manifests.pod(name))
        here = {
            "DATABASE_URL": self.database_url(role_of(self.manifests) if name == "qos-metrics" else None),
            "KAFKA_BOOTSTRAP_SERVERS": self.kafka.bootstrap_servers,
            "KAFKA_CA_FILE": str(self.authority.ca_file),
            "KAFKA_SASL_PASSWORD": PASSWORDS.get(told.get("KAFKA_SASL_USERNAME", ""), ""),
            "PGSSLROOTCERT": str(self.authority.ca_file),
            "QOS_METRICS_STAFF_TOKEN_SHA256": sha256(TOKEN.encode()).hexdigest(),
            "QOS_PARTITIONS": str(PARTITIONS),
            "QOS_REPLICATION_FACTOR": "1",
        }
        return {**told, **{variable: value for variable, value in here.items() if variable in told}}

    def kafka_user(self, name: str) -> RuntimeSettings:
        told = {"DATABASE_URL": "postgresql://unused.invalid/unused", **self.environment(name)}
        return RuntimeSettings(
            **{
                field: told[variable]
                for field in RuntimeSettings.model_fields
                if (variable := RuntimeSettings._variable(field)) in told
            }
        )


def role_of(manifests: Manifests) -> str:
    [role] = manifests.one("Cluster", "qos-postgres")["spec"]["managed"]["roles"]
    return str(role["name"])


@pytest.fixture(scope="module")
def cluster(production: Manifests, postgres: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    authority = Authority.made_in(tmp_path_factory.mktemp("authority"))
    role, name = role_of(production), f"t_{uuid4().hex[:12]}"
    groups = ", ".join(production.one("Cluster", "qos-postgres")["spec"]["managed"]["roles"][0]["inRoles"])
    asyncio.run(execute(postgres, f"CREATE ROLE {role} LOGIN PASSWORD '{READER_PASSWORD}' IN ROLE {groups}"))
    asyncio.run(execute(postgres, f"CREATE DATABASE {name}"))
    server = urlsplit(postgres)._replace(path=f"/{name}")
    try:
        with encrypted(server, authority) as address, secured_kafka(PASSWORDS, authority) as kafka:
            database = server._replace(netloc=f"{server.username}:{server.password}@{address}")
            yield Cluster(production, kafka, database, authority)
    finally:
        asyncio.run(execute(postgres, f"DROP DATABASE {name} WITH (FORCE)"))
        asyncio.run(execute(postgres, f"DROP ROLE {role}"))


async def execute(url: str, statement: str) -> None:
    connected = await asyncpg.connect(url)
    try:
        await connected.execute(statement)
    finally:
        await connected.close()


@dataclass(frozen=True)
class Deployed:
    """The services at work."""

    cluster: Cluster
    services: dict[str, RunningService]
    urls: dict[str, str]


@pytest.fixture(scope="module")
def deployed(cluster: Cluster, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Deployed]:
    migrations = cluster.manifests.pod("qos-migrations").container["args"][2]
    with running_service(migrations, cluster.environment("qos-migrations")) as migrating:
        assert migrating.wait_for_exit(within=60) == 0, migrating.logs()
    asyncio.run(topics_and_rights(cluster))
    sources = tmp_path_factory.mktemp("sources") / "sources.toml"
    entry = stanza(key=KEY, source=E_APPLICATION, name="e-application", inbox=True, max_age_days="unlimited")
    sources.write_text(f"{entry}\n{operator_stanza(key=OPERATOR_KEY, name='saito')}", "utf-8")
    services, urls = {}, {}
    with ExitStack() as closing:
        for name in PASSWORDS:
            module, port = name.replace("-", "_"), choose_port()
            urls[name] = f"http://{HOST}:{port}"
            here = {f"{module.upper()}_PORT": str(port), f"{module.upper()}_HOST": HOST}
            if name == "qos-intake":
                here["QOS_INTAKE_SOURCES_FILE"] = str(sources)
            told = {**cluster.environment(name), **here}
            services[name] = closing.enter_context(running_service(module, told))
        for name, service in services.items():
            probe = cluster.manifests.pod(name).container["readinessProbe"]["httpGet"]
            service.wait_until_ready(f"{urls[name]}{probe['path']}", within=120)
        yield Deployed(cluster, services, urls)


async def topics_and_rights(cluster: Cluster) -> None:
    """What Strimzi's operators do."""
    administrator = cluster.kafka.administrator(partitions=PARTITIONS)
    async with admin_client(administrator) as admin:
        await create_topics(admin, administrator)
    for user in cluster.manifests.of("KafkaUser"):
        await cluster.kafka.allow(user["metadata"]["name"], user["spec"]["authorization"]["acls"])


async def test_an_application_goes_all_the_way(deployed: Deployed) -> None:
    now = datetime.now(UTC).isoformat()
    events = [
        registration("water-supply", "waterworks", source=E_APPLICATION, time=now),
        submitted("e-1", time=now),
        submitted("e-2", time=now, data={"application_id": "A-2"}),
    ]
    async with httpx.AsyncClient(timeout=60) as http:
        for event in events:
            posted = await http.post(
                f"{deployed.urls['qos-intake']}/v1/events",
                content=json.dumps(event),
                headers={"X-API-Key": KEY, "Content-Type": "application/cloudevents+json"},
            )
            assert posted.status_code == 202, posted.text

        async def counted() -> bool:
            answer = await http.get(
                f"{deployed.urls['qos-metrics']}/v1/procedures/water-supply/indicators",
                params={"audience": "staff", "window": "today"},
                headers={"Authorization": f"Bearer {TOKEN}"},
            )
            assert answer.status_code == 200, answer.text
            return answer.json()["indicators"]["volume"]["applications"] == 2

        await eventually(counted, within=60)
    assert await eventually(lambda: end_of(deployed, QOS_LEVELS), within=60), "the leader publishes levels"


async def end_of(deployed: Deployed, topic: str) -> int:
    """How many records the topic has, as a user sees it who may read it."""
    consumer = AIOKafkaConsumer(**connection(deployed.cluster.kafka_user("qos-metrics")), group_id=None)
    await consumer.start()
    try:
        partitions = [TopicPartition(topic, number) for number in range(PARTITIONS)]
        return sum((await consumer.end_offsets(partitions)).values())
    finally:
        await consumer.stop()


def test_intake_makes_the_inbox_of_a_source(deployed: Deployed) -> None:
    [made] = eventually_sync(lambda: deployed.services["qos-intake"].events("inbox_topics"), within=60)
    assert (made["created"], made["existing"]) == (1, 0)


async def test_what_cannot_be_used_is_buried_and_settled(deployed: Deployed) -> None:
    sender = AIOKafkaProducer(**connection(deployed.cluster.kafka.administrator(partitions=PARTITIONS)))
    await sender.start()
    try:
        await sender.send_and_wait("applications", b"no event", b"water-supply")
    finally:
        await sender.stop()
    address, headers = f"{deployed.urls['qos-intake']}/v1/dead-letters", {"X-API-Key": OPERATOR_KEY}
    async with httpx.AsyncClient(timeout=60, headers=headers) as http:

        async def letters(state: str) -> list[str]:
            answer = await http.get(address, params={"state": state})
            assert answer.status_code == 200, answer.text
            return [letter["id"] for letter in answer.json()["letters"]]

        buried = await eventually(lambda: letters("open"), within=60)
        settled = await http.post(f"{address}/discard", json={"ids": buried})
        assert settled.status_code == 200, settled.text
        assert await eventually(lambda: letters("discarded"), within=60) == buried


@pytest.mark.parametrize(
    ("name", "code", "says"),
    [
        ("qos-verify", 0, ""),
        ("qos-rebuild", 0, ""),
        ("qos-publish", 2, "Not published: "),  # all that there is is of this month
        ("qos-restate", 0, "Nothing was published yet"),
    ],
)
def test_jobs_work_beside_the_workers(deployed: Deployed, name: str, code: int, says: str) -> None:
    _, _, module, *arguments = deployed.cluster.manifests.pod(name).container["args"]
    told = deployed.cluster.environment(name)
    with running_service(module, told, arguments=arguments) as job:
        assert job.wait_for_exit(within=120) == code, job.logs()
        assert says in job.logs()


@pytest.mark.parametrize("name", ["qos-processing", "qos-metrics"])
@pytest.mark.parametrize("topic", INPUT_TOPICS)
async def test_no_other_service_may_write_an_input_topic(deployed: Deployed, name: str, topic: str) -> None:
    sender = AIOKafkaProducer(**connection(deployed.cluster.kafka_user(name)))
    await sender.start()
    try:
        with pytest.raises(TopicAuthorizationFailedError):
            await sender.send_and_wait(topic, b"{}", b"water-supply")
    finally:
        await sender.stop()


async def test_metrics_may_not_read_what_came_in(deployed: Deployed) -> None:
    consumer = AIOKafkaConsumer(
        **connection(deployed.cluster.kafka_user("qos-metrics")), group_id=None, auto_offset_reset="earliest"
    )
    await consumer.start()
    try:
        consumer.assign([TopicPartition("applications", number) for number in range(PARTITIONS)])
        with pytest.raises(TopicAuthorizationFailedError):
            await consumer.getone()
    finally:
        await consumer.stop()


async def test_metrics_is_a_user_of_postgresql_that_can_only_read(deployed: Deployed, postgres: str) -> None:
    name = deployed.cluster.database.path.removeprefix("/")
    connected = await asyncpg.connect(urlunsplit(urlsplit(postgres)._replace(path=f"/{name}")))
    try:
        sessions = await connected.fetch(
            "SELECT usename FROM pg_stat_activity WHERE datname = $1 AND application_name = 'qos-metrics'", name
        )
        writable = await connected.fetchval(
            "SELECT count(*) FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'p') "
            "AND has_table_privilege($1, oid, 'INSERT, UPDATE, DELETE, TRUNCATE')",
            role_of(deployed.cluster.manifests),
        )
    finally:
        await connected.close()
    assert {session["usename"] for session in sessions} == {role_of(deployed.cluster.manifests)}
    assert writable == 0


def test_a_database_that_another_authority_vouches_for_is_not_spoken_to(cluster: Cluster, tmp_path: Path) -> None:
    """Found out before anything is sent: a password would be known to whoever answers in PostgreSQL's place."""
    stranger = Authority.made_in(tmp_path)
    with ExitStack() as closing:
        started = []
        for name in ("qos-migrations", "qos-processing", "qos-metrics"):
            container = cluster.manifests.pod(name).container
            module = container["args"][2] if "args" in container else name.replace("-", "_")
            told = cluster.environment(name) | {"PGSSLROOTCERT": str(stranger.ca_file)}
            started.append(closing.enter_context(running_service(module, told)))
        for service in started:
            assert service.wait_for_exit(within=120) == 1
            assert "certificate verify failed" in service.logs()


def test_nobody_asked_for_a_right_that_it_has_not(deployed: Deployed) -> None:
    for name, service in deployed.services.items():
        assert "Authorization" not in service.logs(), f"{name}\n{service.logs()}"

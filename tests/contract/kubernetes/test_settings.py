"""What the manifests tell the services is what the services read: variables, ports, paths, times, limits."""

import importlib.util
import os
import re
from collections.abc import Mapping
from itertools import product
from pathlib import Path

import asyncpg
import httpx
import pytest
from fastapi import FastAPI
from prometheus_client import CollectorRegistry
from starlette.routing import Mount, Route

import qos_intake.kafka
from qos_domain.events import INPUT_TOPICS
from qos_intake import bootstrap as intake
from qos_intake.settings import IntakeSettings
from qos_intake.sources import load_sources
from qos_local.kubernetes import rules, text_of, topics
from qos_metrics import bootstrap as metrics
from qos_metrics.settings import MetricsSettings
from qos_processing.settings import ProcessingSettings
from qos_processing.verify.settings import VerifySettings
from qos_runtime.create_topics import TopicsSettings
from qos_runtime.health import Health
from qos_runtime.health_server import health_server
from qos_runtime.settings import RuntimeSettings
from support.environment import SETTINGS, required, usual_port, variables
from support.manifest_tools import ROOT
from support.manifests import K8S, Manifests, Pod

pytestmark = pytest.mark.timeout(900)

# asyncpg reads these where the URL doesn't say it: https://www.postgresql.org/docs/current/libpq-envars.html
LIBPQ = {"PGSSLMODE", "PGSSLROOTCERT"}
SERVICES = {f"qos-{name}": name for name in SETTINGS}
WITH_KAFKA = ("rebuild", "publish", "restate")
CHECK_SECONDS = Health()._timeout_seconds


def settings_of(manifests: Manifests, pod: Pod, monkeypatch: pytest.MonkeyPatch) -> RuntimeSettings:
    """The settings that the pod's process makes of its environment. Raises NotConfigured as it would."""
    for name in [name for name in os.environ if name.startswith(("QOS_", "KAFKA_")) or name == "DATABASE_URL"]:
        monkeypatch.delenv(name)
    secrets = {
        "DATABASE_URL": "postgresql://user:password@127.0.0.1:1/qos",
        "QOS_METRICS_STAFF_TOKEN_SHA256": "ab" * 32,
    }
    for name, value in manifests.environment(pod).items():
        monkeypatch.setenv(name, secrets.get(name, value))
    jobs = {"topics": TopicsSettings, "verify": VerifySettings} | dict.fromkeys(WITH_KAFKA, RuntimeSettings)
    kinds: Mapping[str, type[RuntimeSettings]] = {**SETTINGS, **jobs}
    return kinds[pod.name.removeprefix("qos-")].from_environment()


def sources_of(manifests: Manifests, directory: Path) -> Path:
    file = directory / "sources.toml"
    file.write_text(manifests.one("ConfigMap", "qos-intake-sources")["data"]["sources.toml"], "utf-8")
    return file


@pytest.mark.parametrize("name", SERVICES)
def test_a_service_is_told_what_it_reads_and_all_that_it_needs(manifests: Manifests, name: str) -> None:
    told = manifests.environment(manifests.pod(name)).keys()
    assert told - LIBPQ <= variables(SERVICES[name])
    assert required(SERVICES[name]) <= told


@pytest.mark.parametrize("name", SERVICES)
def test_a_service_starts_with_what_it_is_told(
    manifests: Manifests, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = settings_of(manifests, manifests.pod(name), monkeypatch)
    assert settings.partitions == {"local": 8, "production": 64}[manifests.overlay]
    assert settings.replication_factor == {"local": 1, "production": 3}[manifests.overlay]


def test_jobs_are_told_what_they_read(local: Manifests, production: Manifests, monkeypatch: pytest.MonkeyPatch) -> None:
    for manifests in (local, production):
        assert manifests.environment(manifests.pod("qos-migrations")).keys() - LIBPQ == {"DATABASE_URL"}
    shared = {RuntimeSettings._variable(field) for field in RuntimeSettings.model_fields}
    for manifests, name in [
        (local, "qos-topics"),
        *product((local, production), ("qos-verify", *(f"qos-{job}" for job in WITH_KAFKA))),
    ]:
        assert manifests.environment(manifests.pod(name)).keys() - LIBPQ <= shared
        settings_of(manifests, manifests.pod(name), monkeypatch)


def test_a_job_runs_a_program_of_its_image(manifests: Manifests) -> None:
    """By `args`: the images' entrypoint is their init, and their command the service."""
    for job in (pod for pod in manifests.pods if pod.owner["kind"] in {"Job", "CronJob"}):
        assert "command" not in job.container
        python, option, module, *_ = job.container["args"]
        assert (python, option) == ("python", "-m")
        assert importlib.util.find_spec(module), module
        assert module.partition(".")[0] in {"qos_processing", "qos_runtime"}
        assert "qos-processing" in job.container["image"]


def test_no_service_of_the_cluster_sets_a_variable_of_ours(manifests: Manifests) -> None:
    """Kubernetes would set QOS_INTAKE_PORT=tcp://... for the Service qos-intake."""
    for pod in manifests.pods:
        assert pod.spec["enableServiceLinks"] is False, pod.name


@pytest.mark.parametrize("name", SERVICES)
def test_the_ports_are_those_of_the_code(manifests: Manifests, name: str) -> None:
    pod, prefix = manifests.pod(name), name.upper().replace("-", "_")
    environment = manifests.environment(pod)
    assert pod.ports == {"http": usual_port(SERVICES[name])}
    assert environment[f"{prefix}_PORT"] == str(pod.ports["http"])
    assert environment[f"{prefix}_HOST"] == "0.0.0.0"  # noqa: S104  a pod has an address of its own
    if name != "qos-processing":
        [port] = manifests.one("Service", name)["spec"]["ports"]
        assert port["targetPort"] == "http"


def probed(pod: Pod) -> dict[str, str]:
    found = {name: pod.container[f"{name}Probe"]["httpGet"] for name in ("startup", "liveness", "readiness")}
    assert {probe["port"] for probe in found.values()} == {"http"}, pod.name
    return {name: probe["path"] for name, probe in found.items()}


def app_of(manifests: Manifests, name: str, monkeypatch: pytest.MonkeyPatch, directory: Path) -> FastAPI:
    """The service's application, put together from the manifests; nothing that it needs is there."""
    settings = settings_of(manifests, manifests.pod(name), monkeypatch)
    away = {"kafka_bootstrap_servers": "127.0.0.1:1", "kafka_security_protocol": "PLAINTEXT"}
    if isinstance(settings, IntakeSettings):
        sources = sources_of(manifests, directory)
        return intake.build(settings.model_copy(update={**away, "sources_file": sources})).app
    assert isinstance(settings, MetricsSettings)
    return metrics.build(settings.model_copy(update=away), asyncpg.create_pool(settings.database_url)).app


@pytest.mark.parametrize("name", ["qos-intake", "qos-metrics"])
async def test_the_probes_ask_what_a_service_answers(
    production: Manifests, name: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    transport = httpx.ASGITransport(app_of(production, name, monkeypatch, tmp_path))
    paths = probed(production.pod(name))
    async with httpx.AsyncClient(transport=transport, base_url="http://service") as http:
        # Without Kafka and PostgreSQL it lives, and can do nothing.
        assert (await http.get(paths["startup"])).status_code == 200
        assert (await http.get(paths["liveness"])).status_code == 200
        assert (await http.get(paths["readiness"])).status_code == 503
        assert (await http.get("/metrics")).status_code == 200


async def test_the_probes_ask_what_a_worker_answers(production: Manifests) -> None:
    serving = health_server(Health(), CollectorRegistry(), host="127.0.0.1", port=0)
    async with serving as (host, port), httpx.AsyncClient(base_url=f"http://{host}:{port}") as http:
        for path in [*probed(production.pod("qos-processing")).values(), "/metrics"]:
            assert (await http.get(path)).status_code == 200


@pytest.mark.parametrize("name", SERVICES)
def test_a_probe_waits_for_the_slowest_check(manifests: Manifests, name: str) -> None:
    for probe in ("startupProbe", "livenessProbe", "readinessProbe"):
        assert manifests.pod(name).container[probe]["timeoutSeconds"] > CHECK_SECONDS


@pytest.mark.parametrize("name", SERVICES)
def test_a_pod_has_the_time_that_its_service_takes_to_stop(
    manifests: Manifests, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    pod = manifests.pod(name)
    settings = settings_of(manifests, pod, monkeypatch)
    assert isinstance(settings, IntakeSettings | MetricsSettings | ProcessingSettings)
    before = pod.container.get("lifecycle", {}).get("preStop", {}).get("sleep", {}).get("seconds", 0)
    after = qos_intake.kafka._CLOSE_SECONDS if name == "qos-intake" else 0
    assert pod.spec["terminationGracePeriodSeconds"] >= before + settings.stop_seconds + after + 5


@pytest.mark.parametrize("name", ["qos-intake", "qos-metrics"])
async def test_outside_everything_is_reached_but_what_is_for_operators(
    production: Manifests, name: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    rules = production.one("HTTPRoute", name)["spec"]["rules"]
    matches = [match["path"] for rule in rules for match in rule["matches"]]
    app = app_of(production, name, monkeypatch, tmp_path)
    own = {route.path for route in app.routes if isinstance(route, Route | Mount)}
    for template in own | app.openapi()["paths"].keys():
        path = re.sub(r"{[^}]*}", "x", template)
        reached = any(
            path == match["value"]
            or (match["type"] == "PathPrefix" and path.startswith(f"{match['value'].rstrip('/')}/"))
            for match in matches
        )
        assert reached == (not path.startswith(("/health", "/metrics", "/v1/dead-letters"))), path


def test_the_sources_file_is_one_and_lets_nobody_in(manifests: Manifests, tmp_path: Path) -> None:
    sources = load_sources(sources_of(manifests, tmp_path), max_age_days=400)
    assert {key for source in sources.all for key in source.key_hashes} == {bytes(32)}


def test_the_topics_are_those_of_the_code(production: Manifests) -> None:
    settings = production.one("ConfigMap", "qos-settings")["data"]
    partitions, replicas = int(settings["QOS_PARTITIONS"]), int(settings["QOS_REPLICATION_FACTOR"])
    made = text_of(
        topics(partitions=partitions, replication_factor=replicas),
        f"topics --partitions {partitions} --replication-factor {replicas}",
    )
    file = K8S / "overlays" / "production" / "kafka-topics.yaml"
    assert file.read_text("utf-8") == made, f"{file.name} is stale: its first line says how to make it"
    assert {topic["metadata"]["name"] for topic in production.of("KafkaTopic")} >= set(INPUT_TOPICS)


def test_the_rules_are_those_of_prometheus() -> None:
    """The same groups, so that an alert is one whoever loads it; the order of the files is that of the shell."""
    files = sorted((ROOT / "deploy" / "prometheus" / "rules").glob("*.yml"))
    named = " ".join(str(file.relative_to(ROOT)) for file in files)
    file = K8S / "components" / "monitoring" / "rules.yaml"
    assert file.read_text("utf-8") == text_of([rules(files)], f"rules {named}"), f"{file.name} is stale"


def test_there_are_brokers_for_all_copies_and_workers_for_all_partitions(production: Manifests) -> None:
    settings = production.one("ConfigMap", "qos-settings")["data"]
    copies = int(settings["QOS_REPLICATION_FACTOR"])
    assert production.one("KafkaNodePool", "broker")["spec"]["replicas"] >= copies
    config = production.one("Kafka", "qos-kafka")["spec"]["kafka"]["config"]
    assert config["default.replication.factor"] == copies
    for internal in ("offsets.topic", "transaction.state.log", "share.coordinator.state.topic"):
        assert config[f"{internal}.replication.factor"] == copies
    assert config["min.insync.replicas"] == config["transaction.state.log.min.isr"] == copies - 1
    scaled = production.one("ScaledObject", "qos-processing")["spec"]
    assert scaled["minReplicaCount"] <= scaled["fallback"]["replicas"] <= scaled["maxReplicaCount"]
    assert scaled["maxReplicaCount"] <= int(settings["QOS_PARTITIONS"])


def test_postgresql_takes_all_connections_of_the_largest_installation(
    production: Manifests, monkeypatch: pytest.MonkeyPatch
) -> None:
    workers = settings_of(production, production.pod("qos-processing"), monkeypatch)
    readers = settings_of(production, production.pod("qos-metrics"), monkeypatch)
    assert isinstance(workers, ProcessingSettings)
    assert isinstance(readers, MetricsSettings)
    # While a new version comes there is one more of each. A worker waits to lead on a connection of its own.
    most_workers = production.one("ScaledObject", "qos-processing")["spec"]["maxReplicaCount"] + 1
    most_readers = production.one("HorizontalPodAutoscaler", "qos-metrics")["spec"]["maxReplicas"] + 1
    opened = most_workers * (workers.database_pool_size + 1) + most_readers * readers.pool_size
    parameters = production.one("Cluster", "qos-postgres")["spec"]["postgresql"]["parameters"]
    assert opened + 50 <= int(parameters["max_connections"])

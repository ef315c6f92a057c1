"""docker-compose.yml: valid, in agreement with the code, hardened, and without a secret that everybody knows."""

import re
import shutil
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest
import typer.main

from qos_local.cli import app
from qos_runtime.create_topics import TopicsSettings
from support.backends import KAFKA_IMAGE, POSTGRES_IMAGE
from support.compose import FILE, ROOT, ComposeLoader, built_loader
from support.environment import SETTINGS, usual_port, variables

Model = Any

SECRETS = {
    "POSTGRES_PASSWORD": "p0",
    "GRAFANA_DB_PASSWORD": "p1",
    "GRAFANA_ADMIN_PASSWORD": "p2",
    "QOS_METRICS_STAFF_TOKEN_SHA256": "0" * 64,
}
SERVICES = ("intake", "processing", "metrics")
ONE_SHOTS = {"topics": "qos_runtime.create_topics", "migrations": "qos_processing.migrate"}
TOOLS = ("traffic", "tools")
FOREIGN = ("kafka", "postgres", "prometheus", "alertmanager", "grafana")


@pytest.fixture(scope="module")
def loader() -> ComposeLoader:
    return built_loader()


@pytest.fixture(scope="module")
def services(loader: ComposeLoader) -> Model:
    return loader.load(FILE, SECRETS)["services"]


def test_the_file_holds_the_services_that_the_tests_know(services: Model) -> None:
    assert services.keys() == {*SERVICES, *ONE_SHOTS, *TOOLS, *FOREIGN}


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (("depends_on:", "depend_on:"), "depend_on"),
        (("kafka: {condition: service_healthy}", "kafka: {condition: service_fine}"), "condition"),
        (("secrets: [sources.toml]", "secrets: [sauces.toml]"), "sauces.toml"),
        (("8081}:8081", "8081}:no"), "containerPort"),
    ],
)
def test_a_mistake_is_found(loader: ComposeLoader, tmp_path: Path, change: tuple[str, str], said: str) -> None:
    wrong = tmp_path / "docker-compose.yml"
    wrong.write_text(FILE.read_text("utf-8").replace(*change), "utf-8")
    with pytest.raises(ValueError, match=said):
        loader.load(wrong, SECRETS)


@pytest.mark.parametrize("missing", SECRETS)
def test_without_a_secret_nothing_starts_and_it_is_said_what_to_do(loader: ComposeLoader, missing: str) -> None:
    given = {name: value for name, value in SECRETS.items() if name != missing}
    with pytest.raises(ValueError, match=f"{missing} is missing a value: run deploy/compose/prepare.sh"):
        loader.load(FILE, given)


def test_the_example_names_every_variable_that_has_to_be_set_and_gives_none_a_value() -> None:
    lines = (ROOT / ".env.example").read_text("utf-8").splitlines()
    assert {line.partition("=")[::2] for line in lines if line and not line.startswith("#")} == {
        (name, "") for name in SECRETS
    }


@pytest.mark.parametrize("service", SERVICES)
def test_a_service_is_told_what_it_reads_and_all_that_it_needs(
    services: Model, service: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    environment = services[service]["environment"]
    assert environment.keys() <= variables(service)
    for name in variables(service):
        monkeypatch.delenv(name, raising=False)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    SETTINGS[service].from_environment()


def test_the_one_shots_are_told_what_they_read_and_run_modules_that_exist(services: Model) -> None:
    read = {
        "topics": {TopicsSettings._variable(field) for field in TopicsSettings.model_fields},
        "migrations": {"DATABASE_URL"},
    }
    for name, module in ONE_SHOTS.items():
        assert services[name]["environment"].keys() <= read[name]
        assert services[name]["command"] == ["python", "-m", module]
        assert find_spec(module) is not None
        assert services[name]["restart"] == "no"


def test_the_tools_are_told_what_their_commands_read(services: Model) -> None:
    command = typer.main.get_command(app).commands["traffic"]  # type: ignore[attr-defined]
    read = {option.envvar for option in command.params}
    assert services["traffic"]["environment"].keys() <= read
    known = {name for option in command.params for name in option.opts}
    assert {part for part in services["traffic"]["command"] if part.startswith("--")} <= known
    assert services["tools"]["environment"].keys() <= read


def test_ports_are_those_of_the_services_and_open_to_this_machine_alone(services: Model) -> None:
    ports = {name: service.get("ports", []) for name, service in services.items()}
    assert {port["host_ip"] for published in ports.values() for port in published} == {"127.0.0.1"}
    assert {name: port["target"] for name in ("intake", "metrics") for port in ports[name]} == {
        name: usual_port(name) for name in ("intake", "metrics")
    }
    # Workers may be several, and nobody but Prometheus asks them anything.
    assert not any(ports[name] for name in ("kafka", "postgres", "processing", *ONE_SHOTS, *TOOLS))


def test_nothing_starts_before_what_it_needs_can_do_its_work(services: Model) -> None:
    assert all("depends_on" in services[name] for name in (*SERVICES, *ONE_SHOTS, *TOOLS))
    for service in services.values():
        for needed, how in service.get("depends_on", {}).items():
            if needed in ONE_SHOTS:
                assert how["condition"] == "service_completed_successfully"
            else:
                assert how["condition"] == "service_healthy"
                check = services[needed]["healthcheck"]
                # Our images bring the check along; here it is only how often.
                assert not check.get("disable")
                assert ("test" in check) == (needed in FOREIGN)


def test_what_is_mounted_is_there_and_can_only_be_read(services: Model) -> None:
    mounts = [mount for service in services.values() for mount in service.get("volumes", []) if mount["type"] == "bind"]
    assert mounts
    for mount in mounts:
        assert Path(mount["source"]).exists(), mount["source"]
        assert mount["read_only"]


def test_grafana_is_told_every_variable_of_its_data_sources(services: Model) -> None:
    text = "".join(path.read_text("utf-8") for path in (ROOT / "deploy/grafana/provisioning").glob("*/*.yml"))
    named = set(re.findall(r"\$\{?(\w+)", text))
    assert named
    assert named <= services["grafana"]["environment"].keys()


def test_images_are_pinned_and_those_of_the_tests(services: Model) -> None:
    for name in FOREIGN:
        assert re.fullmatch(r"[a-z/]+:v?[\w.-]+@sha256:[0-9a-f]{64}", services[name]["image"]), name
    assert services["kafka"]["image"].startswith(f"{KAFKA_IMAGE}@")
    assert services["postgres"]["image"].startswith(f"{POSTGRES_IMAGE}.")
    for name in (*SERVICES, *ONE_SHOTS, *TOOLS):
        target = services[name]["build"]["target"]
        assert services[name]["image"] == f"qos-{target}:local"
        assert Path(services[name]["build"]["context"], services[name]["build"]["dockerfile"]).is_file()


def test_our_services_may_write_nowhere_but_to_tmp(services: Model) -> None:
    for name in (*SERVICES, *ONE_SHOTS, *TOOLS):
        assert services[name]["read_only"]
        assert services[name]["tmpfs"] == ["/tmp"]  # noqa: S108  the container's


def test_a_security_linter_finds_nothing_that_is_not_explained() -> None:
    command = [Path(sys.executable).with_name("compose-lint"), "--no-env", "--fail-on", "low"]
    config = ROOT / "deploy" / "compose" / "compose-lint.yml"
    found = subprocess.run([*command, "--config", config, FILE], capture_output=True, text=True, check=False)
    assert found.returncode == 0, found.stdout + found.stderr
    assert "files: docker-compose.yml" in found.stdout or str(FILE) in found.stdout


def test_docker_reads_it_the_same_way() -> None:
    docker = shutil.which("docker")
    if docker is None or subprocess.run([docker, "compose", "version"], capture_output=True, check=False).returncode:
        pytest.skip("docker compose is not installed; the specification's own library has read the file")
    command = [docker, "compose", "--file", FILE, "--profile", "*", "config", "--quiet"]
    read = subprocess.run(command, env=SECRETS, capture_output=True, text=True, check=False)
    assert read.returncode == 0, read.stderr

"""The images: what is in them, and that they carry the demonstration as they run in production, which is by a user of
their own, on a read-only root, without capabilities."""

import asyncio
import json
import re
from contextlib import ExitStack
from datetime import date
from pathlib import Path

import pytest
from cyclonedx.schema import OutputFormat, SchemaVersion
from cyclonedx.validation import make_schemabased_validator

from qos_domain.calendar import Calendar
from qos_intake.keys import new_key, stanza
from qos_local.simulation.simulate import simulate
from qos_local.simulation.sources import SOURCES
from qos_local.stack.processes import choose_port
from qos_runtime.settings import RuntimeSettings
from support.folding import compare_with_fold
from support.images import ROOT, USER, build_images, components, container_process, run_image, running_image
from support.stack import environment_of
from support.system import System

# The first test builds them.
pytestmark = pytest.mark.timeout(600)
TODAY = date(2026, 4, 1)
CASES = 300


SERVICES = ("intake", "processing", "metrics")
INSTALLED = """
import json, subprocess
from importlib.metadata import distributions
python = {"pypi/" + each.name.lower().replace("_", "-"): each.version for each in distributions()}
asked = ["dpkg-query", "--show", "--showformat", "deb/${Package} ${Version}\\n"]
lines = subprocess.run(asked, check=True, capture_output=True, text=True).stdout.splitlines()
print(json.dumps(python | dict(line.split() for line in lines)))
"""


@pytest.fixture(scope="module")
def bills(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The directory with the bills of materials of all images, which are built by then."""
    output = tmp_path_factory.mktemp("bills")
    build_images(output)
    return output


def pins(name: str) -> dict[str, str]:
    text = (ROOT / "requirements" / f"{name}.txt").read_text("utf-8")
    return dict(re.findall(r"^([a-z0-9._-]+)(?:\[[^]]*\])?==([^ ;\\]+)", text, re.MULTILINE))


@pytest.mark.parametrize("target", [*SERVICES, "tools"])
def test_the_bill_of_materials_lists_what_the_image_says_is_installed(bills: Path, target: str) -> None:
    asked = run_image(target, "python", "-c", INSTALLED)
    assert asked.returncode == 0, asked.stderr
    listed = components(bills, target)
    assert listed == json.loads(asked.stdout)
    assert {"pypi/msgspec", "deb/tini", "deb/libssl3"} <= listed.keys()


@pytest.mark.parametrize("target", [*SERVICES, "tools"])
def test_every_package_is_ours_or_as_it_is_pinned(bills: Path, target: str) -> None:
    pinned = pins("local" if target == "tools" else "base")
    installed = {
        name.removeprefix("pypi/"): version
        for name, version in components(bills, target).items()
        if name.startswith("pypi/")
    }
    ours = {name for name in installed if name.startswith("qos-")}
    assert {name: installed[name] for name in installed.keys() - ours} == {
        name: pinned[name] for name in installed.keys() - ours
    }
    expected = {"qos-domain", "qos-runtime", f"qos-{target}"}
    assert ours == (expected if target in SERVICES else {f"qos-{n}" for n in ("domain", "runtime", "local", *SERVICES)})


def test_a_bill_of_materials_follows_the_schema(bills: Path) -> None:
    validator = make_schemabased_validator(OutputFormat.JSON, SchemaVersion.V1_6)
    document = (bills / "qos-processing.cdx.json").read_text("utf-8")
    assert json.loads(document)["specVersion"] == "1.6"
    assert validator.validate_str(document) is None


def test_a_service_has_no_package_of_another_and_nothing_that_installs_or_compiles(bills: Path) -> None:
    assert "pypi/faust-streaming" in components(bills, "processing")
    for target in ("intake", "metrics"):
        assert not {"pypi/faust-streaming", "pypi/sqlalchemy", "pypi/aiohttp"} & components(bills, target).keys()
    for target in SERVICES:
        assert not {"pypi/pip", "pypi/uv", "pypi/setuptools"} & components(bills, target).keys()
        found = run_image(target, "sh", "-c", "command -v pip pip3 uv gcc cc make curl wget; python -c 'import pip'")
        assert found.stdout == ""
        assert found.returncode != 0


@pytest.mark.usefixtures("bills")
def test_the_image_runs_as_a_user_by_number_who_can_write_to_tmp_alone() -> None:
    told = run_image("tools", "sh", "-c", "id -u; touch /tmp/here && echo tmp; touch /opt/qos/here /var/here; echo $?")
    assert told.stdout.split() == [str(USER), "tmp", "1"]
    assert told.stderr.count("Read-only file system") == 2
    # A volume that is mounted there belongs to whom the directory belongs to.
    assert run_image("tools", "stat", "--format", "%u:%g", "/var/lib/qos").stdout == f"{USER}:{USER}\n"


@pytest.mark.usefixtures("bills")
def test_no_source_of_packages_is_left_in_an_image() -> None:
    looked = run_image("intake", "sh", "-c", "cat /etc/apt/sources.list /etc/apt/sources.list.d/*; env")
    assert "deb " not in looked.stdout
    assert "URIs" not in looked.stdout
    assert not re.search(r"^(UV|PIP)_", looked.stdout, re.MULTILINE)


@pytest.mark.usefixtures("bills")
def test_the_demonstrations_traffic_passes_through_the_images(
    runtime_settings: RuntimeSettings, tmp_path: Path
) -> None:
    shared = environment_of(runtime_settings)
    for module in ("qos_runtime.create_topics", "qos_processing.migrate"):
        prepared = run_image("processing", "python", "-m", module, env=shared)
        assert prepared.returncode == 0, prepared.stderr

    sources, keys = credentials(tmp_path)
    ports = {name: choose_port() for name in ("intake", "processing", "metrics")}
    urls = {name: f"http://127.0.0.1:{port}" for name, port in ports.items()}
    own = {
        "intake": {"QOS_INTAKE_SOURCES_FILE": "/etc/qos/sources.toml"},
        "processing": {},
        "metrics": {"QOS_METRICS_STAFF_OPEN": "true"},
    }
    with ExitStack() as stack:
        running = {
            name: stack.enter_context(
                running_image(
                    name,
                    env={**shared, **own[name], f"QOS_{name.upper()}_PORT": str(port)},
                    ready=f"{urls[name]}/health/ready",
                    volumes=[f"{sources}:/etc/qos/sources.toml:ro"] if name == "intake" else [],
                )
            )
            for name, port in ports.items()
        }
        for name, service in running.items():
            process = container_process(service, f"qos_{name}")
            assert set(process.uids()) == set(process.gids()) == {USER}
            assert mount_options(process.pid, "/").startswith("ro,")
            assert mount_options(process.pid, "/tmp").startswith("rw,")  # noqa: S108  the container's
            status = Path(f"/proc/{process.pid}/status").read_text("utf-8")
            assert "NoNewPrivs:\t1\n" in status
            assert "CapBnd:\t0000000000000000\n" in status
            assert healthy(name, ports[name])

        sent = run_image(
            "tools",
            *("qos", "traffic", "--once", "--url", urls["intake"], "--keys", "/etc/qos/keys.toml"),
            *("--today", str(TODAY), "--cases", str(CASES)),
            volumes=[f"{keys}:/etc/qos/keys.toml:ro"],
        )
        assert sent.returncode == 0, sent.stdout + sent.stderr
        simulation = simulate(seed=1, today=TODAY, cases=CASES, calendar=Calendar.load())
        total = len(simulation.procedures) + len(simulation.events)
        assert f"{total:,} events of the year up to {simulation.last_day} are sent." in sent.stdout
        system = System(urls["intake"], urls["metrics"], [urls["processing"]], [running["processing"]], {})
        system.wait_until_processed(total)
        asyncio.run(compare_with_fold(urls["metrics"], simulation, tmp_path, window="28d"))

        assert {name: service.stop(within=60) for name, service in running.items()} == dict.fromkeys(running, 0)
        assert not healthy("intake", ports["intake"])


def credentials(directory: Path) -> tuple[Path, Path]:
    """The sources file for intake, and the keys for the traffic; each can be read by the images' user."""
    keys = {source: new_key() for source in SOURCES}
    entries = (
        stanza(key=key, source=source, name=source.replace("/", "-"), max_age_days="unlimited")
        for source, key in keys.items()
    )
    files = directory / "sources.toml", directory / "keys.toml"
    files[0].write_text("\n".join(entries), "utf-8")
    files[1].write_text("".join(f'"{source}" = "{key}"\n' for source, key in keys.items()), "utf-8")
    return files


def mount_options(pid: int, directory: str) -> str:
    """With what options the process sees what is mounted there last."""
    mounts = [line.split() for line in Path(f"/proc/{pid}/mountinfo").read_text("utf-8").splitlines()]
    return [fields[5] for fields in mounts if fields[4] == directory][-1]


def healthy(name: str, port: int) -> bool:
    """What the image's health check says of the service on this port."""
    variable = f"QOS_{name.upper()}_PORT"
    return run_image(name, "python", "-m", "qos_runtime.probe", variable, env={variable: str(port)}).returncode == 0

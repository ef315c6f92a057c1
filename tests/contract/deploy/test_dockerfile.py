"""The Dockerfile and the scripts around it: linted, pinned, and in agreement with what the services read."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

from support.environment import usual_port, variables

ROOT = Path(__file__).parents[3]
IMAGES = ROOT / "deploy" / "images"
DOCKERFILE = (IMAGES / "Dockerfile").read_text("utf-8")
BIN = Path(sys.executable).parent
SERVICES = ("intake", "processing", "metrics")


def stage(name: str) -> str:
    """The instructions from `FROM ... AS name` to the next stage."""
    found = re.search(rf"^FROM \S+ AS {name}\n(.*?)(?=^FROM |\Z)", DOCKERFILE, re.MULTILINE | re.DOTALL)
    assert found is not None, name
    return found[1]


@pytest.mark.parametrize(
    "command", [["hadolint", "Dockerfile"], ["shellcheck", "-x", "build.sh", "run.sh", "../compose/prepare.sh"]]
)
def test_linters_find_nothing(command: list[str]) -> None:
    program, *arguments = command
    found = subprocess.run([BIN / program, *arguments], cwd=IMAGES, capture_output=True, text=True, check=False)
    assert found.returncode == 0, found.stdout + found.stderr


def test_the_base_image_is_pinned_by_its_digest_and_can_be_another() -> None:
    assert re.search(r"^ARG BASE_IMAGE=debian:bookworm-\d{8}-slim@sha256:[0-9a-f]{64}$", DOCKERFILE, re.MULTILINE)
    sources = set(re.findall(r"^FROM (\S+)", DOCKERFILE, re.MULTILINE)) - set(
        re.findall(r"^FROM \S+ AS (\S+)$", DOCKERFILE, re.MULTILINE)
    )
    assert sources == {"${BASE_IMAGE}"}


@pytest.mark.parametrize("service", SERVICES)
def test_a_service_listens_where_the_image_says_and_is_asked_there(service: str) -> None:
    told = stage(service)
    name = f"QOS_{service.upper()}"
    assert dict(re.findall(r"(QOS_\w+)=(\S+)", told)) == {
        f"{name}_HOST": "0.0.0.0",  # noqa: S104  a container's address isn't known before it runs
        f"{name}_PORT": str(usual_port(service)),
    }
    assert {f"{name}_HOST", f"{name}_PORT"} <= variables(service)
    assert f"EXPOSE {usual_port(service)}\n" in told
    assert f'CMD ["python", "-m", "qos_runtime.probe", "{name}_PORT"]' in told
    assert f'\nCMD ["python", "-m", "qos_{service}"]' in told


def test_nothing_runs_as_root() -> None:
    users = re.findall(r"^USER (\S+)$", DOCKERFILE, re.MULTILINE)
    assert users == ["10001:10001"]
    assert all(f"FROM runtime AS {name}\n" in DOCKERFILE for name in (*SERVICES, "tools"))


@pytest.mark.parametrize("script", ["build.sh", "run.sh"])
def test_a_script_explains_itself_and_refuses_what_it_does_not_know(script: str) -> None:
    helped = subprocess.run([IMAGES / script, "--help"], capture_output=True, text=True, check=False)
    assert helped.returncode == 0
    assert f"deploy/images/{script} [OPTION]... " in helped.stdout
    refused = subprocess.run([IMAGES / script, "--no-such-thing"], capture_output=True, text=True, check=False)
    assert refused.returncode == 2
    assert "--no-such-thing" in refused.stderr
    assert "What to do: see --help." in refused.stderr

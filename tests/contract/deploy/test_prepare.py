"""deploy/compose/prepare.sh: secrets of this machine's own, in a form that the services take."""

import shutil
import subprocess
import tomllib
from hashlib import sha256
from pathlib import Path

import pytest

from qos_intake.sources import load_sources
from qos_local.simulation.sources import SOURCES
from support.compose import ROOT


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A copy of the project, as far as the script goes."""
    (tmp_path / "deploy" / "compose").mkdir(parents=True)
    shutil.copy(ROOT / "deploy/compose/prepare.sh", tmp_path / "deploy/compose/prepare.sh")
    return tmp_path


def prepare(project: Path) -> "subprocess.CompletedProcess[str]":
    return subprocess.run([project / "deploy/compose/prepare.sh"], capture_output=True, text=True, check=False)


def variables(path: Path) -> dict[str, str]:
    return dict(line.split("=", 1) for line in path.read_text("utf-8").splitlines() if "=" in line)


def test_every_variable_has_a_value_of_its_own(project: Path) -> None:
    made = prepare(project)
    assert made.returncode == 0, made.stderr
    values = variables(project / ".env")
    assert values.keys() == variables(ROOT / ".env.example").keys()
    assert len(set(values.values())) == len(values)
    assert min(map(len, values.values())) >= 48
    token = (project / "deploy/compose/secrets/staff-token").read_text("utf-8").strip()
    assert values["QOS_METRICS_STAFF_TOKEN_SHA256"] == sha256(token.encode()).hexdigest()


def test_the_traffics_keys_open_intake_to_its_sources(project: Path) -> None:
    prepare(project)
    secrets = project / "deploy/compose/secrets"
    sources = load_sources(secrets / "sources.toml", max_age_days=1)
    keys = tomllib.loads((secrets / "traffic-keys.toml").read_text("utf-8"))
    assert keys.keys() == set(SOURCES)
    for uri, key in keys.items():
        found = sources.authenticate(key)
        assert found is not None
        assert (found.uri, found.max_age, found.organisations) == (uri, None, None)


def test_nobody_else_on_the_machine_can_read_a_secret(project: Path) -> None:
    prepare(project)
    secrets = project / "deploy/compose/secrets"
    assert (project / ".env").stat().st_mode & 0o777 == 0o600
    assert secrets.stat().st_mode & 0o777 == 0o700
    # Mounted one by one into containers, whose user is another one.
    assert (secrets / "sources.toml").stat().st_mode & 0o777 == 0o644
    assert (secrets / "staff-token").stat().st_mode & 0o777 == 0o600


def test_what_is_there_is_never_replaced(project: Path) -> None:
    prepare(project)
    before = (project / ".env").read_bytes(), (project / "deploy/compose/secrets/sources.toml").read_bytes()
    again = prepare(project)
    assert again.returncode == 1
    assert "nothing is changed" in again.stderr
    assert before == ((project / ".env").read_bytes(), (project / "deploy/compose/secrets/sources.toml").read_bytes())


def test_git_takes_no_secret() -> None:
    ignored = subprocess.run(
        ["git", "check-ignore", ".env", "deploy/compose/secrets/sources.toml"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert ignored.stdout.split() == [".env", "deploy/compose/secrets/sources.toml"]

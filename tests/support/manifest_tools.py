"""kustomize and the policy checker, as deploy/k8s/tools pins them, made once in the user's cache directory.

Nothing needs to be there before but uv: the Go compiler that builds kustomize comes from a package too.
"""

import fcntl
import hashlib
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import platformdirs
import pytest
import uv

from support.absent import absent

ROOT = Path(__file__).parents[2]
TOOLS = ROOT / "deploy" / "k8s" / "tools"
_KUSTOMIZE = "sigs.k8s.io/kustomize/kustomize/v5"
_PINS = ("requirements.txt", "go.mod", "go.sum")


class ToolsMissing(RuntimeError):
    """A tool could not be installed: the message has what the installer said."""


@dataclass(frozen=True, slots=True)
class ManifestTools:
    """Where the tools are. Neither needs a cluster or a network."""

    kustomize: Path
    python: Path

    def render(self, directory: Path) -> str:
        """The YAML documents of a kustomization. Raises AssertionError with what kustomize says when it can't be."""
        built = subprocess.run([self.kustomize, "build", directory], capture_output=True, text=True, check=False)
        assert built.returncode == 0, built.stderr
        return built.stdout

    def check_policies(self, files: Sequence[Path]) -> dict[str, list[str]]:
        """What checkov finds in these files of manifests, by the file's name. Raises AssertionError when it can't."""
        named = [argument for file in files for argument in ("--file", str(file))]
        command = [self.python, "-m", "checkov.main", "--config-file", TOOLS / "checkov.yaml", "--output", "json"]
        checked = subprocess.run([*command, *named], capture_output=True, text=True, check=False)
        assert checked.stdout.startswith("{"), checked.stdout + checked.stderr
        report = json.loads(checked.stdout)
        found: dict[str, list[str]] = {file.name: [] for file in files}
        for finding in report["results"]["failed_checks"]:
            said = f"{finding['check_id']} {finding['check_name']}: {finding['resource']}"
            found[Path(finding["file_path"]).name].append(said)
        assert checked.returncode == (1 if any(found.values()) else 0), checked.stderr
        assert report["summary"]["passed"] > 0, checked.stdout
        return found


@pytest.fixture(scope="session")
def manifest_tools() -> ManifestTools:
    """The tools."""
    try:
        return installed()
    except ToolsMissing as missing:
        absent(f"kustomize and checkov can't be installed from their packages: {missing}")


def installed() -> ManifestTools:
    """The tools that the present pins name, made now when they aren't there. Raises ToolsMissing."""
    pins = hashlib.sha256(b"".join((TOOLS / name).read_bytes() for name in _PINS)).hexdigest()
    home = platformdirs.user_cache_path("qos") / "manifest-tools" / pins[:16]
    tools = ManifestTools(home / "kustomize", home / "venv" / "bin" / "python")
    home.mkdir(parents=True, exist_ok=True)
    with (home / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # of several test processes one makes them
        if not tools.kustomize.exists():
            _install(tools)
    return tools


def _install(tools: ManifestTools) -> None:
    installer, environment = uv.find_uv_bin(), tools.python.parents[1]
    _run([installer, "venv", "--quiet", "--clear", "--python", sys.executable, environment])
    pinned = ["--require-hashes", TOOLS / "requirements.txt"]
    _run([installer, "pip", "sync", "--quiet", "--python", tools.python, *pinned])
    _build(tools.python.with_name("go"), tools.kustomize)


def _build(go: Path, target: Path) -> None:
    """Build kustomize as go.mod and go.sum pin it; what the compiler fetches and keeps is gone afterwards."""
    with tempfile.TemporaryDirectory(prefix="qos-kustomize-") as directory:
        environment = {
            "CGO_ENABLED": "0",
            "GOCACHE": f"{directory}/cache",
            "GOFLAGS": "-modcacherw -mod=readonly",
            "GOMODCACHE": f"{directory}/modules",
            "GOTOOLCHAIN": "local",
        }
        made = target.with_suffix(".new")
        _run([go, "build", "-o", made, _KUSTOMIZE], cwd=TOOLS, environment=environment)
        made.replace(target)


def _run(command: Sequence[str | Path], *, cwd: Path = ROOT, environment: Mapping[str, str] | None = None) -> None:
    variables = {**os.environ, **(environment or {})}
    done = subprocess.run(command, cwd=cwd, env=variables, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise ToolsMissing(f"`{Path(command[0]).name} {command[1]}` failed: {done.stderr.strip()}")

"""The targets that the documentation promises are there, and CI runs what a person runs."""

import re
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]


def test_help_names_every_target_that_a_person_calls() -> None:
    shown = subprocess.run(
        ["make", "--no-print-directory", "help"], cwd=ROOT, capture_output=True, text=True, check=True
    )
    for target in ("help", "demo", "test", "lint", "up", "down", "bench", "chaos"):
        assert re.search(rf"^  make {target} +\S", shown.stdout, re.MULTILINE), target


def test_an_old_python_is_told_what_is_needed(tmp_path: Path) -> None:
    """Dry: nothing but the first command of the recipe, in a copy of the Makefile with nothing around it."""
    (tmp_path / "Makefile").write_text((ROOT / "Makefile").read_text("utf-8"), "utf-8")
    for name in re.findall(r"^(?:MEMBERS|PINS) := (.*)$", (ROOT / "Makefile").read_text("utf-8"), re.MULTILINE):
        for part in name.split():
            path = tmp_path / (f"{part}/pyproject.toml" if "/" in part else f"requirements/{part}.txt")
            path.parent.mkdir(parents=True, exist_ok=True)
            path.touch()
    refused = subprocess.run(["make", "up", "PYTHON="], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert refused.returncode != 0
    assert "Python 3.11 or later is needed" in refused.stderr


@pytest.mark.parametrize("path", [".ci/run", ".github/workflows/ci.yml"])
def test_ci_runs_the_same_commands(path: str) -> None:
    text = (ROOT / path).read_text("utf-8")
    assert ("make test" if path == ".ci/run" else "bash .ci/run") in text


def test_ci_lets_no_test_skip_for_want_of_a_broker() -> None:
    assert "export REQUIRE_REAL=1" in (ROOT / ".ci" / "run").read_text("utf-8")

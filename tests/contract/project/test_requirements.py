"""The pins are complete, hashed, and name no place to fetch from."""

import re
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
REQUIREMENTS = ROOT / "requirements"
MEMBERS = sorted(path for path in ROOT.glob("*/*/pyproject.toml") if path.parts[-3] in {"shared", "services", "deploy"})
TOOLS = [ROOT / place / "requirements.txt" for place in ("deploy/k8s/tools", "tests/support/compose_loader")]
PINNED = [REQUIREMENTS / f"{name}.txt" for name in ("base", "local", "dev", "uv")]
# In an environment of its own, so its versions are too.
MANIFEST_TOOLS = ROOT / "deploy" / "k8s" / "tools" / "requirements.txt"


def normal(requirement: str) -> str:
    """`aiokafka[lz4]>=0.14` -> `aiokafka`; `Faust_Streaming` -> `faust-streaming`."""
    name = re.match(r"[A-Za-z0-9._-]+", requirement)
    assert name is not None, requirement
    return re.sub(r"[-_.]+", "-", name[0]).lower()


def pins(path: Path) -> dict[str, str]:
    found = re.findall(r"^([A-Za-z0-9._-]+)(?:\[[^]]*\])?==([^ ;\\]+)", path.read_text("utf-8"), re.MULTILINE)
    return {normal(name): version for name, version in found}


def asked(path: Path) -> set[str]:
    """What an .in file asks for, with what it includes."""
    names: set[str] = set()
    for line in path.read_text("utf-8").splitlines():
        if line.startswith("-r "):
            names |= asked(path.parent / line.removeprefix("-r ").strip())
        elif line and not line.startswith("#"):
            names.add(normal(line))
    return names


@pytest.mark.parametrize("path", [*PINNED, MANIFEST_TOOLS], ids=lambda path: path.name)
def test_every_pin_has_a_hash_and_no_address(path: Path) -> None:
    text = path.read_text("utf-8")
    assert "://" not in text
    assert "index-url" not in text
    blocks = re.split(r"\n(?=[A-Za-z0-9])", text)
    assert all("--hash=sha256:" in block for block in blocks if re.match(r"[A-Za-z0-9]", block))


@pytest.mark.parametrize("path", [*PINNED, MANIFEST_TOOLS], ids=lambda path: path.name)
def test_every_requirement_is_pinned(path: Path) -> None:
    assert asked(path.with_suffix(".in")) <= pins(path).keys()


def test_all_files_pin_the_same_versions() -> None:
    every = pins(REQUIREMENTS / "dev.txt")
    for path in PINNED:
        assert pins(path).items() <= every.items(), path.name


@pytest.mark.parametrize("member", MEMBERS, ids=lambda path: path.parent.name)
def test_what_a_member_needs_is_pinned_where_it_is_installed_from(member: Path) -> None:
    project = tomllib.loads(member.read_text("utf-8"))["project"]
    where = REQUIREMENTS / ("local.in" if project["name"] == "qos-local" else "base.in")
    own = {normal(tomllib.loads(path.read_text("utf-8"))["project"]["name"]) for path in MEMBERS}
    assert {normal(name) for name in project["dependencies"]} - own <= asked(where)


def test_the_build_backends_are_pinned_too() -> None:
    backends = {
        normal(name)
        for member in MEMBERS
        for name in tomllib.loads(member.read_text("utf-8"))["build-system"]["requires"]
    }
    assert backends | {"editables"} <= pins(REQUIREMENTS / "dev.txt").keys()

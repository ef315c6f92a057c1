"""The documents name every measure, indicator and criterion that there is."""

import re
import tomllib
from dataclasses import fields
from pathlib import Path

import pytest

from qos_domain.criteria import DeclaredCriterion, MeasuredCriterion, load, parse
from qos_domain.evidence import EXISTENCES, MEASUREMENTS
from qos_domain.indicators import Indicators
from qos_domain.measures import MEASURES

DOCS = Path(__file__).parents[3] / "docs"
INDICATORS = (DOCS / "indicators.md").read_text("utf-8")
LEVELS = (DOCS / "levels.md").read_text("utf-8")


@pytest.mark.parametrize("name", MEASURES)
def test_every_measure_is_explained(name: str) -> None:
    assert f"`{name}`" in INDICATORS


@pytest.mark.parametrize("name", [field.name for field in fields(Indicators)])
def test_every_indicator_is_explained(name: str) -> None:
    assert re.search(rf"`{name}[`.]", INDICATORS)


@pytest.mark.parametrize("name", [*MEASUREMENTS, *EXISTENCES])
def test_everything_that_can_be_measured_is_named(name: str) -> None:
    assert f"`{name}`" in LEVELS


def test_the_table_of_criteria_is_the_default_file() -> None:
    rows = re.findall(r"^\| `([a-z0-9-]+)` \| (\d) \| (\w+)", LEVELS, re.MULTILINE)
    basis = {DeclaredCriterion: "declared", MeasuredCriterion: "measured"}
    expected = [
        (criterion.id, str(criterion.level), basis.get(type(criterion), rows[index][2]))
        for index, criterion in enumerate(load().criteria)
    ]
    assert rows == expected


def test_the_example_of_a_file_is_one() -> None:
    example = re.search(r"```toml\n(.*?)```", LEVELS, re.DOTALL)
    assert example is not None
    text = example[1]
    used = {entry["principle"] + str(entry["level"]) for entry in tomllib.loads(text)["criteria"]}
    missing = [
        f'\n[[criteria]]\nid = "{principle}-{level}-more"\nprinciple = "{principle}"\nlevel = {level}\n'
        'title = { ja = "基準" }\nbasis = "declared"\nattribute = "form_assisted"\n'
        for principle in ("faster", "simpler", "easier")
        for level in (1, 2, 3)
        if f"{principle}{level}" not in used
    ]
    assert parse(text + "".join(missing)).version == "mine-1"

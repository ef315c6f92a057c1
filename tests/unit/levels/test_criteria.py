"""The criteria file: the default one, and what a bad one is told."""

import tomllib
from datetime import date
from importlib.resources import files
from pathlib import Path

import pytest

from qos_domain.criteria import LEVELS, PRINCIPLES, InvalidCriteria, bundled_versions, load, parse, parse_json
from qos_domain.levels import Assessor
from qos_domain.measures import Measure
from qos_domain.periods import Span
from support.evidence import a_procedure, criterion_toml
from support.sums import AS_OF, online

DEFAULT = (files("qos_domain") / "data" / "criteria-tokyo-1.toml").read_text("utf-8")
HEAD = 'version = "mine-1"\ntitle = { ja = "基準" }\n'
DECLARED = 'basis = "declared"\nattribute = "status_visible"'


def a_file(**more: str) -> str:
    """A file of nine declared criteria, one per principle and level; `faster_2` replaces that one's body."""
    return HEAD + "".join(
        criterion_toml(principle, level, more.get(f"{principle}_{level}", DECLARED))
        for principle in PRINCIPLES
        for level in LEVELS
    )


def test_the_default_is_tokyos_table() -> None:
    criteria = load()
    assert (criteria.version, criteria.windows, criteria.least_cases) == ("tokyo-1", (28, 90, 365), 10)
    thresholds = {
        entry["id"]: (entry["indicator"], entry.get("comparison"), entry.get("threshold"))
        for entry in tomllib.loads(DEFAULT)["criteria"]
        if entry["basis"] != "declared"
    }
    assert thresholds == {
        "faster-2-compliance": ("online_compliance", "at_least", 0.9),
        "faster-3-online-median": ("online_median_to_standard_period", "at_most", 0.5),
        "simpler-1-paper": ("online_paper_share", "at_most", 0.05),
        "simpler-2-cashless-share": ("online_cashless_share", "at_least", 0.5),
        "simpler-3-batch-application": ("batch_application", None, None),
        "easier-1-smartphone-application": ("smartphone_application", None, None),
        "easier-1-feedback": ("feedback", None, None),
        "easier-2-satisfaction": ("satisfaction_mean", "at_least", 3.5),
        "easier-2-abandonment": ("abandonment", "at_most", 0.2),
        "easier-3-satisfaction": ("satisfaction_mean", "at_least", 4.0),
        "easier-3-trend": ("satisfaction_mean", None, None),
    }
    assert "tokyo-1" in bundled_versions()


def test_the_spans_that_evidence_is_gathered_over() -> None:
    assert load().spans(date(2025, 5, 14)) == {
        "28d": Span(date(2025, 4, 17), date(2025, 5, 14)),
        "90d": Span(date(2025, 2, 14), date(2025, 5, 14)),
        "365d": Span(date(2024, 5, 15), date(2025, 5, 14)),
        "month": Span(date(2025, 4, 1), date(2025, 4, 30)),
        "month-3": Span(date(2025, 1, 1), date(2025, 1, 31)),
    }


def test_only_what_the_criteria_read_needs_to_be_gathered() -> None:
    needed: set[Measure] = {"met", "breached", "rating", "payments", "started_pending", "batched", "device"}
    assert needed <= load().measures
    assert parse(a_file()).measures == frozenset()


def test_a_file_of_ones_own(tmp_path: Path) -> None:
    path = tmp_path / "criteria.toml"
    body = 'basis = "measured"\nindicator = "completion"\ncomparison = "at_least"\nthreshold = 0.8\nwindows = [30]'
    path.write_text(a_file(easier_1=body + "\nleast_cases = 3"), "utf-8")
    criteria = load(str(path))
    assert set(criteria.spans(AS_OF)) == {"30d"}
    evidence = {"30d": online(started=4, started_submitted=3)}
    found = Assessor(criteria).readings(a_procedure(), evidence, AS_OF)["easier"]
    assert (found.criteria[0].status, found.evidenced.possible_level) == ("not_met", 0)


@pytest.mark.parametrize(
    ("text", "field", "rule"),
    [
        ("version = ", "file", "TOML"),
        ('title = { ja = "基準" }\ncriteria = []', "file", "version"),
        (HEAD + "criteria = []", "criteria", "principle faster, level 1"),
        (HEAD + "thresholds = 3\ncriteria = []", "file", "thresholds"),
        (HEAD + "windows = []\ncriteria = []", "windows", "length >= 1"),
        (HEAD + "least_cases = 0\ncriteria = []", "least_cases", ">= 1"),
        (a_file(simpler_1='basis = "guessed"'), "criteria[3].basis", "guessed"),
        (a_file(simpler_1='basis = "declared"'), "criteria[3]", "attribute"),
        (a_file(simpler_1='basis = "declared"\nattribute = "fast"'), "criteria[3].attribute", "fast"),
        (a_file(simpler_1=DECLARED + "\nthreshold = 1"), "criteria[3]", "threshold"),
        (a_file(simpler_1=DECLARED + '\napplies = "never"'), "criteria[3].applies", "never"),
        (
            a_file(faster_3='basis = "measured"\nindicator = "completion"\ncomparison = "at_least"\nthreshold = "x"'),
            "criteria[2].threshold",
            "float",
        ),
        (
            a_file(faster_3='basis = "measured"\nindicator = "luck"\ncomparison = "at_least"\nthreshold = 1'),
            "criteria[2].indicator",
            "luck",
        ),
        (a_file(faster_3='basis = "trend"\nindicator = "satisfaction_mean"\nmonths = 0'), "criteria[2].months", ">= 1"),
        (a_file().replace('"easier-3"', '"easier-2"'), "criteria[8].id", "no other"),
        (a_file().replace("level = 3", "level = 4"), "criteria[2].level", "4"),
    ],
)
def test_a_bad_file_is_told_the_field_and_the_rule(text: str, field: str, rule: str) -> None:
    with pytest.raises(InvalidCriteria) as refused:
        parse(text)
    assert refused.value.field == field
    assert rule in refused.value.rule


@pytest.mark.parametrize("name", ["tokyo-99", "no/such/file.toml", ""])
def test_unknown_criteria_name_those_there_are(name: str) -> None:
    with pytest.raises(InvalidCriteria, match="tokyo-1"):
        load(name)


def test_a_file_that_is_no_text_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "criteria.toml"
    path.write_bytes(b"\xff\xfe")
    with pytest.raises(InvalidCriteria, match="UTF-8"):
        load(str(path))


def test_criteria_are_kept_as_they_were_understood(tmp_path: Path) -> None:
    """Comments and their order of keys are no part of it; a threshold is."""
    kept = parse_json(parse(f"# another comment\n{DEFAULT}").content)
    assert kept == load()
    assert kept.digest == load().digest
    other = parse(DEFAULT.replace("threshold = 0.9", "threshold = 0.8"))
    assert other.digest != kept.digest
    path = tmp_path / "kept.json"
    path.write_text(other.content, encoding="utf-8")
    assert load(str(path)) == other
    with pytest.raises(InvalidCriteria, match="file: JSON"):
        parse_json("{")

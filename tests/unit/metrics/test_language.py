"""Two languages, each complete: a page never shows a gap, and names are spoken in their own language."""

import re
from datetime import UTC, date, datetime
from importlib.resources import files
from string import Formatter
from zoneinfo import ZoneInfo

import pytest

from qos_domain.vocabulary import Channel, OrganisationKind, ProcedureKind, Unit
from qos_metrics.language import Language, Writer, choose, texts

TOKYO = ZoneInfo("Asia/Tokyo")
JAPANESE, ENGLISH = Writer("ja", TOKYO), Writer("en", TOKYO)


def placeholders(text: str) -> set[str]:
    return {name for _, name, _, _ in Formatter().parse(text) if name}


def test_both_languages_say_the_same_things() -> None:
    japanese, english = texts("ja"), texts("en")
    assert japanese.keys() == english.keys()
    for name in japanese:
        assert placeholders(japanese[name]) == placeholders(english[name]), name


def test_every_text_that_a_template_names_is_there() -> None:
    named = set()
    for template in (files("qos_metrics") / "templates").iterdir():
        named |= set(re.findall(r"\bt\('([a-z0-9_]+)'[,)]", template.read_text("utf-8")))
    assert len(named) > 60
    assert named <= texts("en").keys()


@pytest.mark.parametrize(
    ("prefix", "vocabulary"),
    [("channel", Channel), ("organisation", OrganisationKind), ("kind", ProcedureKind), ("unit", Unit)],
)
def test_every_word_of_the_vocabulary_has_a_text(prefix: str, vocabulary: object) -> None:
    words = vocabulary.__args__  # type: ignore[attr-defined]
    assert {f"{prefix}_{word}" for word in words} <= texts("ja").keys()


@pytest.mark.parametrize(
    ("asked", "accepted", "found"),
    [
        ("en", "ja", "en"),
        ("ja", None, "ja"),
        (None, None, "ja"),
        (None, "", "ja"),
        (None, "en-GB,en;q=0.9,ja;q=0.5", "en"),
        (None, "ja;q=0.4, en-US;q=0.8", "en"),
        (None, "fr-FR, en;q=0.2", "en"),
        (None, "fr, de", "ja"),
        (None, "en;q=nonsense, ja", "ja"),
        ("xx", "en", "en"),
    ],
)
def test_the_language_asked_for_goes_before_the_browsers(
    asked: str | None, accepted: str | None, found: Language
) -> None:
    assert choose(asked, accepted) == found


def test_numbers_and_days_are_written_as_people_write_them() -> None:
    assert (ENGLISH.number(12345), ENGLISH.number(4.25, 1)) == ("12,345", "4.2")
    assert (ENGLISH.percent(0.8863), JAPANESE.percent(0.8863)) == ("88.6 %", "88.6%")
    assert (ENGLISH.percent(0.95), JAPANESE.percent(1)) == ("95 %", "100%")
    assert (ENGLISH.day(date(2026, 4, 1)), JAPANESE.day(date(2026, 4, 1))) == ("1 Apr 2026", "2026年4月1日")
    assert JAPANESE.instant(datetime(2025, 4, 30, 15, 30, tzinfo=UTC)) == "2025年5月1日 00:30:00"


def test_a_name_without_a_translation_stays_japanese_and_says_so() -> None:
    assert (ENGLISH.pick("道路占用許可", "Road occupation permit"), ENGLISH.lang_of("道路", "Road")) == (
        "Road occupation permit",
        "en",
    )
    assert (ENGLISH.pick("道路占用許可", None), ENGLISH.lang_of("道路", None)) == ("道路占用許可", "ja")
    assert (JAPANESE.pick("道路", "Road"), JAPANESE.lang_of("道路", "Road")) == ("道路", "ja")

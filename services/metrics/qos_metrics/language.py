"""The languages of the pages: which one a request wants, its texts, and how it writes numbers and days."""

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from functools import cache
from importlib.resources import files
from typing import Literal, TypeAlias, get_args
from zoneinfo import ZoneInfo

from qos_domain.periods import Month

Language: TypeAlias = Literal["ja", "en"]
LANGUAGES: tuple[Language, ...] = get_args(Language)
DEFAULT: Language = "ja"


@cache
def texts(language: Language) -> Mapping[str, str]:
    """All texts of a language, by name."""
    return tomllib.loads((files("qos_metrics") / "locales" / f"{language}.toml").read_text("utf-8"))


def choose(asked: str | None, accept_language: str | None) -> Language:
    """The language asked for by name, else the one of ours that the browser likes most, else Japanese."""
    for language in LANGUAGES:
        if asked == language:
            return language
    best, best_quality = DEFAULT, 0.0
    for part in (accept_language or "").split(","):
        tag, _, parameter = part.strip().partition(";")
        quality = _quality(parameter)
        for language in LANGUAGES:
            if tag.lower().split("-")[0] == language and quality > best_quality:
                best, best_quality = language, quality
    return best


def _quality(parameter: str) -> float:
    name, _, value = parameter.strip().partition("=")
    if name != "q":
        return 1.0
    try:
        return float(value)
    except ValueError:
        return 0.0


@dataclass(frozen=True, slots=True)
class Writer:
    """Writes in one language. Unknown names of texts are a KeyError: a page must not show a gap."""

    language: Language
    time_zone: ZoneInfo

    def __call__(self, name: str, **values: object) -> str:
        return texts(self.language)[name].format(**values)

    def pick(self, ja: str, en: str | None) -> str:
        """A name in this language; in Japanese where there is no English one."""
        return en if self.language == "en" and en else ja

    def lang_of(self, ja: str, en: str | None) -> Language:
        """The language that `pick` gives, so that a screen reader pronounces it right."""
        return "ja" if self.pick(ja, en) is ja else "en"

    def number(self, value: float, digits: int = 0) -> str:
        return f"{value:,.{digits}f}"

    def percent(self, share: float, digits: int = 1) -> str:
        """One decimal, none for a whole percentage: 95 %, 88.6 %."""
        text = f"{100 * share:.{digits}f}"
        text = text.removesuffix(".0") if digits == 1 else text
        return f"{text}%" if self.language == "ja" else f"{text} %"

    def day(self, day: date) -> str:
        if self.language == "ja":
            return f"{day.year}年{day.month}月{day.day}日"
        return f"{day.day} {day:%b} {day.year}"

    def month(self, month: Month) -> str:
        if self.language == "ja":
            return f"{month.year}年{month.month}月"
        return f"{month.span.start:%B} {month.year}"

    def instant(self, instant: datetime) -> str:
        local = instant.astimezone(self.time_zone)
        return f"{self.day(local.date())} {local:%H:%M:%S}"

    def level(self, level: int) -> str:
        return self("level", level=level)

"""What figures and levels are made with: a calendar, a set of criteria. Each version that was ever in force is kept.

A version never changes its content: what was published with it can be explained and made again years later.
"""

from typing import Literal, NamedTuple, TypeAlias

from qos_domain.calendar import Calendar
from qos_domain.criteria import Criteria
from qos_domain.errors import BrokenInvariant

RulebookKind: TypeAlias = Literal["calendar", "criteria"]


class Rulebook(NamedTuple):
    """A calendar or a set of criteria by its version. `content` is JSON text, `digest` its SHA-256 in hexadecimal."""

    kind: RulebookKind
    version: str
    digest: str
    content: str


class OtherContent(BrokenInvariant):
    """A version that was in force before, with other content: then nobody could tell what it stands for."""

    def __init__(self, rulebook: Rulebook, kept: str) -> None:
        super().__init__(
            f"{rulebook.kind} {rulebook.version!r} was in force with other content (SHA-256 {kept[:12]}..., this one is"
            f" {rulebook.digest[:12]}...): give what is new a version of its own"
        )
        self.rulebook = rulebook
        self.kept = kept


def of_calendar(calendar: Calendar) -> Rulebook:
    return Rulebook("calendar", calendar.version, calendar.digest, calendar.content)


def of_criteria(criteria: Criteria) -> Rulebook:
    return Rulebook("criteria", criteria.version, criteria.digest, criteria.content)

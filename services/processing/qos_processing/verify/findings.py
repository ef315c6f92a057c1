"""What a verification finds: how much was compared, and each thing that isn't as it should be."""

from collections import Counter
from collections.abc import Mapping
from datetime import datetime
from typing import Literal, TypeAlias, get_args

from msgspec import Struct

What: TypeAlias = Literal["cases", "buckets", "totals", "log"]
"""Rows of cases with what they contribute; day buckets; those of organisations and of everything; facts in the log."""

WHATS: tuple[What, ...] = get_args(What)
MISMATCHES_KEPT = 1_000


class Mismatch(Struct, frozen=True):
    """One figure or field: `stored` is in the tables, `expected` is what a fresh fold gives. None: there is none.

    `place` names where: procedure_id, application_id, organisation_id, date, measure and so on.
    """

    what: What
    place: Mapping[str, str]
    field: str
    stored: str | int | None
    expected: str | int | None

    def __str__(self) -> str:
        place = " ".join(f"{name}={value}" for name, value in self.place.items())
        return f"{self.what}: {place}: {self.field} is {self.stored!r}, should be {self.expected!r}"


class Verified(Struct, frozen=True):
    """The result of a verification. `mismatches` are the first ones; how many there are says `mismatch_counts`.

    `rejudging`: procedures whose cases wait to be judged anew, as after a change of the registry: their cases were not
    compared.
    """

    generation: int
    scope: str
    finished_at: datetime
    checked: Mapping[What, int]
    mismatch_counts: Mapping[What, int]
    mismatches: list[Mismatch]
    rejudging: int

    @property
    def clean(self) -> bool:
        return not any(self.mismatch_counts.values())


class Findings:
    """Collects while a verification goes on. `checked` counts what was compared, by kind."""

    def __init__(self) -> None:
        self.checked: Counter[What] = Counter()
        self.counts: Counter[What] = Counter()
        self.mismatches: list[Mismatch] = []

    def add(self, mismatch: Mismatch) -> None:
        self.counts[mismatch.what] += 1
        self.show(mismatch)

    def show(self, mismatch: Mismatch) -> None:
        """Keep one that is counted already."""
        if len(self.mismatches) < MISMATCHES_KEPT:
            self.mismatches.append(mismatch)

"""What is lost and what is doubled: the results beside the fold, as multisets."""

from collections import Counter
from collections.abc import Mapping
from typing import TypeVar

K = TypeVar("K")

_KEPT = 5


class Findings:
    """Differences between what the pure core makes of what was sent (the fold) and what the system has (the results).

    Each thing compared is a row (a case, a level, a message, a figure) or a sum (a day bucket, a total).

    `lost`: rows of the fold that the results lack, and by how much sums are too small. `doubled`: rows of the results
    that the fold has not, or not that often, and by how much sums are too large. A row with another content than the
    fold's counts as both. `first` holds the first differences of each kind, in words.
    """

    def __init__(self) -> None:
        self.checked: Counter[str] = Counter()
        self.lost: Counter[str] = Counter()
        self.doubled: Counter[str] = Counter()
        self.first: list[str] = []
        self._told: Counter[str] = Counter()

    @property
    def clean(self) -> bool:
        return not self.lost.total() and not self.doubled.total()

    def rows(self, kind: str, fold: Mapping[K, object], results: Mapping[K, object]) -> None:
        """Compare things by their keys. None stands for a thing that isn't there."""
        for key in dict.fromkeys([*fold, *results]):
            expected, found = fold.get(key), results.get(key)
            self.checked[kind] += 1
            if expected == found:
                continue
            self.lost[kind] += expected is not None
            self.doubled[kind] += found is not None
            self._tell(kind, f"{key}: the fold has {expected}, the results have {found}")

    def sums(self, kind: str, fold: Mapping[K, int], results: Mapping[K, int]) -> None:
        """Compare numbers by their keys; one that isn't there is 0."""
        for key in dict.fromkeys([*fold, *results]):
            expected, found = fold.get(key, 0), results.get(key, 0)
            self.checked[kind] += 1
            self.lost[kind] += max(0, expected - found)
            self.doubled[kind] += max(0, found - expected)
            if expected != found:
                self._tell(kind, f"{key}: the fold has {expected}, the results have {found}")

    def lack(self, kind: str, what: str) -> None:
        """One thing that the results ought to have."""
        self.lost[kind] += 1
        self._tell(kind, what)

    def surplus(self, kind: str, what: str) -> None:
        """One thing that the results ought not to have."""
        self.doubled[kind] += 1
        self._tell(kind, what)

    def _tell(self, kind: str, what: str) -> None:
        self._told[kind] += 1
        if self._told[kind] <= _KEPT:
            self.first.append(f"{kind}: {what}")

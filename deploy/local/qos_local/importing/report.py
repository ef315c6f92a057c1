"""What an import came to: counted, as a table, and row by row in a CSV file."""

import csv
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

from rich.console import Group
from rich.table import Table
from rich.text import Text

from qos_local.importing.binding import Remark

_EXAMPLES = 3


@dataclass(slots=True)
class ImportReport:
    """`rows` were read; `events` made of them (`constant_events` beside, from the mapping itself); `taken` were sent
    or written. A row is refused when any event of it is. `silent` rows meant no event, by the mapping."""

    rows: int = 0
    silent: int = 0
    events: int = 0
    taken: int = 0
    refused: list[tuple[int, Remark]] = field(default_factory=list)
    left_out: list[tuple[int, Remark]] = field(default_factory=list)

    @property
    def refused_rows(self) -> int:
        return len({line for line, _ in self.refused})

    @property
    def nothing_imported(self) -> bool:
        return self.taken == 0

    def write(self, path: Path) -> None:
        """One line a refusal or an omission: line of the file, what became of it, field, reason, rule."""
        with path.open("w", encoding="utf-8", newline="") as out:
            writer = csv.writer(out)
            writer.writerow(("line", "outcome", "field", "reason", "rule"))
            for outcome, remarks in (("refused", self.refused), ("left_out", self.left_out)):
                for line, remark in sorted(remarks, key=lambda each: each[0]):
                    writer.writerow((line, outcome, remark.field, remark.reason, remark.rule))

    def rendered(self, done: str) -> Group:
        """`done` says what happened to the events: sent, written, checked."""
        lines = Text(f"{self.rows:,} rows read, {self.events:,} events made, {self.taken:,} {done}.")
        if self.silent:
            lines.append(f" {self.silent:,} rows mean no event.")
        parts: list[Text | Table] = [lines]
        if self.refused:
            parts.append(_table(f"{self.refused_rows:,} rows refused", self.refused))
        if self.left_out:
            parts.append(_table("Left out of rows that were used", self.left_out))
        return Group(*parts)


def _table(title: str, remarks: list[tuple[int, Remark]]) -> Table:
    table = Table(title=title, title_justify="left")
    table.add_column("Rows", justify="right")
    table.add_column("Field")
    table.add_column("Why")
    table.add_column("Lines")
    counts = Counter(remark for _, remark in remarks)
    examples: dict[Remark, list[int]] = {}
    for line, remark in sorted(remarks, key=lambda each: each[0]):
        lines = examples.setdefault(remark, [])
        if len(lines) < _EXAMPLES:
            lines.append(line)
    for remark, count in counts.most_common():
        shown = ", ".join(map(str, examples[remark]))
        why = remark.rule if remark.reason == "left_out" else f"{remark.rule} ({remark.reason})"
        table.add_row(f"{count:,}", remark.field, why, shown + (" ..." if count > _EXAMPLES else ""))
    return table

"""Dead letters and what became of them, as tables."""

from collections import Counter
from collections.abc import Sequence

from rich.table import Table

from qos_local.dead_letters.client import Letter, Result


def listing(letters: Sequence[Letter]) -> Table:
    table = Table("id", "appended at", "state", "reason", "field", "source", "bytes")
    for letter in letters:
        size = letter["value_bytes"]
        table.add_row(
            letter["id"],
            letter["appended_at"],
            letter["state"],
            letter["reason"],
            letter["field"],
            letter["source"] or "-",
            "-" if size is None else f"{size:,}",
        )
    return table


def sheet(letter: Letter) -> Table:
    """One letter, a line a field; its bytes where it has them, at the end."""
    table = Table(show_header=False, box=None)
    shown = {name: value for name, value in letter.items() if name != "bytes"}
    for name, value in (*shown.items(), *letter.get("bytes", {}).items()):
        table.add_row(name, "-" if value is None else str(value))
    return table


def summary(results: Sequence[Result]) -> Table:
    """How many came to what, and of those that were refused: why, with one of them to look at."""
    outcomes: Counter[tuple[str, str]] = Counter()
    first: dict[tuple[str, str], str] = {}
    for result in results:
        problem = result.get("problem")
        why = f"{problem['reason']}: {problem['detail']}" if problem else ""
        outcomes[result["status"], why] += 1
        first.setdefault((result["status"], why), result["id"])
    table = Table("outcome", "letters", "why", "for example")
    for (status, why), count in outcomes.most_common():
        table.add_row(status, f"{count:,}", why, first[status, why] if why else "")
    return table

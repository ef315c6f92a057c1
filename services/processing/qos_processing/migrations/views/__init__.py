"""Views of the schema `reporting` as data: what they show, with a comment on each column (docs/reporting.md)."""

from collections.abc import Mapping
from dataclasses import dataclass

# Of which generation of results the views speak, and what today is.
LIVE = "(SELECT generation FROM generations WHERE status = 'live')"
TODAY = "(SELECT reporting.local_date())"


@dataclass(frozen=True, slots=True)
class View:
    """`columns`: name -> (expression, comment). `source`: all that follows the list of columns."""

    name: str
    comment: str
    columns: Mapping[str, tuple[str, str]]
    source: str

    def statements(self) -> list[str]:
        columns = ",\n".join(f"{expression} AS {name}" for name, (expression, _) in self.columns.items())
        return [
            f"CREATE VIEW reporting.{self.name} AS SELECT {columns} {self.source}",
            f"COMMENT ON VIEW reporting.{self.name} IS {literal(self.comment)}",
            *(
                f"COMMENT ON COLUMN reporting.{self.name}.{name} IS {literal(comment)}"
                for name, (_, comment) in self.columns.items()
            ),
        ]


def literal(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"

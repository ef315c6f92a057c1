"""What can be wrong with a mapping, a file, or a cell."""

from pathlib import Path


class ImportFault(Exception):
    """The import can't start, or can't go on: the mapping or the file as a whole is wrong."""


class MappingFault(ImportFault):
    """A mapping says what it can't mean. `at` is the place in the mapping, such as `events[0].data.channel`."""

    def __init__(self, at: str, problem: str) -> None:
        super().__init__(f"{at}: {problem}" if at else problem)
        self.at = at
        self.problem = problem


class UnknownColumn(MappingFault):
    """A mapping names a column that the file does not have."""

    def __init__(self, at: str, column: str, columns: tuple[str, ...]) -> None:
        super().__init__(at, f"the file has no column {column!r}; its columns are: {', '.join(columns)}")
        self.column = column
        self.columns = columns


class UnreadableFile(ImportFault):
    """The file isn't a table in the encoding that the mapping names."""

    def __init__(self, path: Path, line: int, problem: str) -> None:
        super().__init__(f"{path}, line {line}: {problem}")
        self.path = path
        self.line = line


class UnreadableCell(Exception):
    """A cell can't be read as its mapping says. Holds the column and the rule, never the cell: it may be personal."""

    def __init__(self, column: str, rule: str) -> None:
        super().__init__(f"column {column}: {rule}")
        self.column = column
        self.rule = rule

"""Reads a CSV file, plain or gzip-compressed, row by row."""

import csv
import gzip
from collections.abc import Iterator
from io import BufferedReader, TextIOWrapper
from pathlib import Path
from types import TracebackType
from typing import Self

from qos_local.importing.errors import UnreadableFile
from qos_local.importing.packing import unpacked


class CsvTable:
    """The rows of a file. `columns` is its first line; `rows` yields (the line on which a row starts, its cells).

    A context manager. Raises UnreadableFile: no header, a column twice, another encoding, no CSV. `bytes_read` counts
    the bytes of the file as it lies on disk.
    """

    def __init__(self, path: Path, *, encoding: str, delimiter: str) -> None:
        self.path = path
        self._raw: BufferedReader = path.open("rb")
        self._text = TextIOWrapper(unpacked(self._raw), encoding=encoding, newline="")
        self._reader = csv.reader(self._text, delimiter=delimiter, strict=True)
        try:
            self.columns = self._header()
        except UnreadableFile:
            self.close()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        self._text.close()
        self._raw.close()

    @property
    def bytes_read(self) -> int:
        return self._raw.tell()

    @property
    def bytes_total(self) -> int:
        return self.path.stat().st_size

    def rows(self) -> Iterator[tuple[int, list[str]]]:
        """Empty lines are passed over. A row may have another number of cells than there are columns."""
        line = self._line() + 1
        while (cells := self._next()) is not None:
            if cells:
                yield line, cells
            line = self._line() + 1

    def _header(self) -> tuple[str, ...]:
        header = self._next()
        if header is None:
            raise UnreadableFile(self.path, 1, "the file is empty: its first line names the columns")
        columns = tuple(name.strip() for name in header)
        twice = {name for name in columns if columns.count(name) > 1}
        if twice:
            raise UnreadableFile(self.path, 1, f"columns that appear twice: {', '.join(sorted(twice))}")
        return columns

    def _next(self) -> list[str] | None:
        try:
            return next(self._reader, None)
        except UnicodeDecodeError as error:
            problem = f"not {error.encoding}: name the file's encoding in the mapping (encoding = ...)"
            raise UnreadableFile(self.path, self._line() + 1, problem) from error
        except (csv.Error, EOFError, gzip.BadGzipFile) as error:
            raise UnreadableFile(self.path, self._line() + 1, str(error)) from error

    def _line(self) -> int:
        return self._reader.line_num


def cell_count_rule(columns: tuple[str, ...], cells: list[str]) -> str | None:
    """What is wrong with the number of cells of a row; None if nothing is."""
    if len(cells) == len(columns):
        return None
    return f"{len(columns)} cells, one for each column; this row has {len(cells)}"

"""A CSV file as it comes: complete records out of any pieces of bytes, and nothing kept but the unfinished one."""

import codecs
import csv
from collections.abc import Iterator
from typing import Final, NamedTuple

from qos_intake.problems import Refused

MAX_RECORD_CHARACTERS: Final = 64 * 1024
# What spreadsheets write: UTF-8 with or without a byte order mark, and the Japanese Windows code page.
_CODECS: Final = {
    "utf-8": "utf-8-sig",
    "utf8": "utf-8-sig",
    "us-ascii": "utf-8-sig",
    "shift_jis": "cp932",
    "windows-31j": "cp932",
    "cp932": "cp932",
}


class Record(NamedTuple):
    """`row` counts records from 1, the header included, as a spreadsheet does. `cells` None: it isn't valid CSV."""

    row: int
    cells: list[str] | None


class CsvRecords:
    """RFC 4180, with LF or CRLF. Quoted cells may hold line ends; blank lines are skipped, and counted."""

    def __init__(self, charset: str = "utf-8") -> None:
        """Raises Refused for a character set that isn't known."""
        codec = _CODECS.get(charset.lower())
        if codec is None:
            rule = "text/csv; charset=utf-8 or shift_jis"
            raise Refused("unsupported_media_type", field="Content-Type", rule=rule)
        self._decoder = codecs.getincrementaldecoder(codec)(errors="strict")
        self._rest = ""
        self._lines: list[str] = []
        self._quotes = 0
        self._length = 0
        self._row = 0

    def feed(self, chunk: bytes, *, last: bool = False) -> Iterator[Record]:
        """The records that these bytes complete. Raises Refused when the file can't be read on: other bytes than its
        character set has, or a quote that doesn't end."""
        try:
            text = self._rest + self._decoder.decode(chunk, final=last)
        except UnicodeDecodeError:
            raise self._unreadable("text in the character set that Content-Type names") from None
        *lines, self._rest = text.split("\n")
        if last and self._rest:
            lines.append(self._rest)
        for line in lines:
            yield from self._add(line)
        if self._length + len(self._rest) > MAX_RECORD_CHARACTERS or (last and self._lines):
            raise self._unreadable(f"quotes that end, and rows of at most {MAX_RECORD_CHARACTERS} characters")

    def _add(self, line: str) -> Iterator[Record]:
        self._lines.append(line)
        self._length += len(line)
        self._quotes += line.count('"')
        if self._quotes % 2:
            if self._length > MAX_RECORD_CHARACTERS:
                raise self._unreadable(f"quotes that end, and rows of at most {MAX_RECORD_CHARACTERS} characters")
            return
        record = "\n".join(self._lines).removesuffix("\r")
        self._lines, self._quotes, self._length = [], 0, 0
        self._row += 1
        if record.strip():
            yield Record(self._row, _cells(record))

    def _unreadable(self, rule: str) -> Refused:
        return Refused("malformed_request", field=f"row {self._row + 1}", rule=rule)


def _cells(record: str) -> list[str] | None:
    try:
        return next(csv.reader([record], strict=True))
    except csv.Error:
        return None

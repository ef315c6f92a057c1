"""A CSV file as it comes: complete records out of any pieces of bytes, and nothing kept but the unfinished one."""

import codecs
import csv
from collections.abc import Iterator
from typing import Final, NamedTuple

from qos_intake.problems import Refused

MAX_RECORD_BYTES: Final = 64 * 1024
# What spreadsheets write: UTF-8, and the Japanese Windows code page. In both, a byte that is a line end or a quote is
# never a part of another character, so records can be found before they are decoded.
_CODECS: Final = {
    "utf-8": "utf-8",
    "utf8": "utf-8",
    "us-ascii": "utf-8",
    "shift_jis": "cp932",
    "windows-31j": "cp932",
    "cp932": "cp932",
}


class Record(NamedTuple):
    """`row` counts records from 1, the header included, as a spreadsheet does. `cells` None: it isn't valid CSV, or has
    other bytes than its character set."""

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
        self._codec = codec
        self._rest = b""
        self._lines: list[bytes] = []
        self._quotes = 0
        self._length = 0
        self._row = 0

    def feed(self, chunk: bytes, *, last: bool = False) -> Iterator[Record]:
        """The records that these bytes complete. Raises Refused when the file can't be read on: a row without end,
        which is most often a quote that is never closed."""
        *lines, self._rest = (self._rest + chunk).split(b"\n")
        if last and self._rest:
            lines.append(self._rest)
        for line in lines:
            self._lines.append(line)
            self._quotes += line.count(b'"')
            self._length += len(line) + 1
            self._check(self._length)
            if self._quotes % 2:
                continue
            record = b"\n".join(self._lines).removesuffix(b"\r")
            self._lines, self._quotes, self._length = [], 0, 0
            self._row += 1
            if record.strip():
                yield Record(self._row, self._cells(record))
        self._check(len(self._rest))
        if last and self._lines:
            raise self._endless()

    def _cells(self, record: bytes) -> list[str] | None:
        if self._row == 1:
            record = record.removeprefix(codecs.BOM_UTF8)
        try:
            return next(csv.reader([record.decode(self._codec)], strict=True))
        except (UnicodeDecodeError, csv.Error):
            return None

    def _check(self, length: int) -> None:
        if length > MAX_RECORD_BYTES:
            raise self._endless()

    def _endless(self) -> Refused:
        rule = f"quotes that are closed, and rows of at most {MAX_RECORD_BYTES} bytes"
        return Refused("malformed_request", field=f"row {self._row + 1}", rule=rule)

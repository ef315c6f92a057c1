"""Files may come compressed: gzip is told by its first two bytes, not by the name."""

import gzip
from io import BufferedReader
from typing import cast

_GZIP = b"\x1f\x8b"


def unpacked(raw: BufferedReader) -> BufferedReader:
    """The content of a file, plain or gzip. Reading a broken archive raises EOFError or gzip.BadGzipFile."""
    if raw.peek(2)[:2] != _GZIP:
        return raw
    return cast("BufferedReader", gzip.GzipFile(fileobj=raw))

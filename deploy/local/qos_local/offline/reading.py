"""Reads events from NDJSON files, plain or gzip-compressed: one CloudEvent in structured JSON mode a line."""

import gzip
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from io import BufferedReader
from pathlib import Path
from typing import IO, cast

from qos_domain.acceptance import AcceptanceRules, decode_row
from qos_domain.errors import RejectedEvent
from qos_domain.events import Event

_STEP_BYTES = 1 << 20


@dataclass(frozen=True, slots=True)
class RefusedLine:
    """A line that no service would accept either, and why."""

    path: Path
    line: int
    reason: RejectedEvent


def read_events(
    path: Path,
    *,
    rules: AcceptanceRules,
    refused: Callable[[RefusedLine], None],
    progress: Callable[[int], None] = lambda _: None,
) -> Iterator[Event]:
    """The events of a file, in its order; refused lines are handed over, empty ones passed over.

    `progress` is told of bytes of the file as it lies on disk. A line without `id` gets that of its content. Raises
    OSError for a file that can't be read, EOFError or gzip.BadGzipFile for a broken archive.
    """
    with path.open("rb") as raw:
        stream = _unpacked(raw)
        told = 0
        for number, line in enumerate(stream, 1):
            if raw.tell() - told >= _STEP_BYTES:
                progress(raw.tell() - told)
                told = raw.tell()
            if not line.strip():
                continue
            try:
                event = decode_row(line, rules)
            except RejectedEvent as reason:
                refused(RefusedLine(path, number, reason))
            else:
                yield event
        progress(raw.tell() - told)


def _unpacked(raw: BufferedReader) -> IO[bytes]:
    packed = raw.peek(2)[:2] == b"\x1f\x8b"
    return cast("IO[bytes]", gzip.GzipFile(fileobj=raw)) if packed else raw

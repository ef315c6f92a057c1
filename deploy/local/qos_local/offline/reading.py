"""Reads events from NDJSON files, plain or gzip-compressed: one CloudEvent in structured JSON mode a line."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from qos_domain.acceptance import AcceptanceRules, decode_row
from qos_domain.errors import RejectedEvent
from qos_domain.events import Event
from qos_local.importing.packing import unpacked

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
        stream = unpacked(raw)
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

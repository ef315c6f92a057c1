"""From rows to batches to a destination, with bounded concurrency: memory holds a few batches, never the file."""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeAlias

from qos_domain.acceptance import AcceptanceRules, encode_cloudevent
from qos_local.importing.binding import BoundMapping, Remark
from qos_local.importing.report import ImportReport
from qos_local.importing.table import CsvTable, cell_count_rule

BATCH_EVENTS = 500
BATCH_BYTES = 1_000_000

# Takes encoded events, answers for each: None, or why it is refused.
Destination: TypeAlias = Callable[[Sequence[bytes]], Awaitable[list[Remark | None]]]


@dataclass(frozen=True, slots=True)
class Row:
    """One row of a file: the line on which it starts, its events as they go over the wire, what is wrong with it."""

    line: int
    events: list[bytes]
    refused: Remark | None = None
    left_out: list[Remark] = field(default_factory=list)


def table_rows(table: CsvTable, mapping: BoundMapping, rules: AcceptanceRules) -> Iterator[Row]:
    """The rows of a CSV file by its mapping; first, as line 0, what the mapping itself registers."""
    procedures = [encode_cloudevent(event, rules) for event in mapping.procedures()]
    if procedures:
        yield Row(0, procedures)
    for line, cells in table.rows():
        wrong = cell_count_rule(table.columns, cells)
        if wrong is not None:
            yield Row(line, [], Remark("row", "wrong_cell_count", wrong))
            continue
        result = mapping.row(cells)
        encoded = [encode_cloudevent(event, rules) for event in result.events]
        yield Row(line, encoded, result.refused, result.left_out)


def event_rows(lines: Iterable[bytes]) -> Iterator[Row]:
    """The lines of an NDJSON file, as they stand; empty ones are passed over."""
    for number, line in enumerate(lines, 1):
        text = line.strip()
        if text:
            yield Row(number, [text])


async def carry(
    rows: Iterator[Row],
    destination: Destination,
    *,
    concurrency: int,
    batch_events: int = BATCH_EVENTS,
    advance: Callable[[ImportReport], None] = lambda _: None,
) -> ImportReport:
    """Bring all rows to the destination; at most `concurrency` batches are under way at once.

    `advance` is called after each batch with the report so far. The first exception of the destination ends it, with
    the batches then under way cancelled; it is raised as it is.
    """
    report = ImportReport()
    waiting: asyncio.Queue[list[tuple[int, bytes]] | None] = asyncio.Queue(maxsize=concurrency)

    async def work() -> None:
        while (batch := await waiting.get()) is not None:
            answers = await destination([event for _, event in batch])
            for (line, _), refusal in zip(batch, answers, strict=True):
                if refusal is None:
                    report.taken += 1
                else:
                    report.refused.append((line, refusal))
            advance(report)

    async def fill() -> None:
        for batch in _batches(rows, report, batch_events):
            await waiting.put(batch)
        for _ in range(concurrency):
            await waiting.put(None)

    await together(fill(), *(work() for _ in range(concurrency)))
    return report


async def together(*work: Coroutine[Any, Any, object]) -> None:
    """Do all of it at once. The first failure cancels the rest and is raised as it is."""
    try:
        async with asyncio.TaskGroup() as tasks:
            for each in work:
                tasks.create_task(each)
    except BaseExceptionGroup as group:
        raise group.exceptions[0] from None


def _batches(rows: Iterator[Row], report: ImportReport, most_events: int) -> Iterator[list[tuple[int, bytes]]]:
    batch: list[tuple[int, bytes]] = []
    size = 0
    for row in rows:
        if row.line:
            report.rows += 1
        report.events += len(row.events)
        report.left_out += [(row.line, remark) for remark in row.left_out]
        if row.refused is not None:
            report.refused.append((row.line, row.refused))
        elif not row.events:
            report.silent += 1
        for event in row.events:
            if batch and (len(batch) >= most_events or size + len(event) > BATCH_BYTES):
                yield batch
                batch, size = [], 0
            batch.append((row.line, event))
            size += len(event) + 1
    if batch:
        yield batch

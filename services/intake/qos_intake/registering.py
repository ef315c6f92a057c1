"""Registering procedures from a CSV stream: rows are published while the file still comes, and each gets its answer."""

from collections.abc import AsyncIterator, Iterator
from contextlib import suppress
from datetime import datetime
from zoneinfo import ZoneInfo

from msgspec import structs

from qos_domain.acceptance import AcceptanceRules, decode_row
from qos_intake.csv_records import CsvRecords, Record
from qos_intake.problems import Refused, problem
from qos_intake.procedure_rows import RowReader, column_of, read_header
from qos_intake.results import Answer, Rejected, Result, Unavailable, Unread
from qos_intake.service import Intake
from qos_intake.sources import Source
from qos_runtime.clock import Clock

ROWS_AT_ONCE = 500


class Registrar:
    """Registers files of procedures through intake, `ROWS_AT_ONCE` at a time."""

    def __init__(
        self, *, intake: Intake, rules: AcceptanceRules, zone: ZoneInfo, clock: Clock, max_rows: int = 100_000
    ) -> None:
        self._intake = intake
        self._rules = rules
        self._zone = zone
        self._clock = clock
        self._max_rows = max_rows

    async def register(
        self, chunks: AsyncIterator[bytes], *, charset: str, source: Source, listed_at: datetime | None
    ) -> Answer:
        """Register every good row. Reading stops at the first row that Kafka does not take, where the file can't be
        read on, and after `max_rows`: what came before stays registered. Raises Refused when the header can't be
        used, or before any row was read."""
        file = _File(CsvRecords(charset), self._max_rows)

        async def publish() -> None:
            rows, file.waiting = file.waiting, []
            if not rows:
                return
            now = self._clock.now()
            reader = RowReader(file.header, source=source.uri, rules=self._rules, zone=self._zone, listed_at=listed_at)
            results = await self._intake.take(
                [reader.document(record.cells, now) for record in rows],
                source=source,
                decode=decode_row,
                rows=[record.row for record in rows],
            )
            file.results += [_by_column(result) for result in results]
            if any(isinstance(result, Unavailable) for result in results):
                raise Refused("broker_unavailable")

        try:
            async for chunk in chunks:
                for _ in file.feed(chunk):
                    await publish()
            for _ in file.feed(b"", last=True):
                await publish()
            await publish()
        except Refused as refused:
            if not file.header:
                raise
            with suppress(Refused):
                await publish()
            return Answer.of(file.results, Unread(from_row=file.read_rows + 1, problem=refused.problem))
        if not file.header:
            read_header(None)
        return Answer.of(file.results)


class _File:
    """How far a file has been read."""

    def __init__(self, records: CsvRecords, max_rows: int) -> None:
        self._records = records
        self._max_rows = max_rows
        self.header: tuple[str, ...] = ()
        self.waiting: list[Record] = []
        self.results: list[Result] = []
        self.read_rows = 0

    def feed(self, chunk: bytes, *, last: bool = False) -> Iterator[None]:
        """Read on, and come back whenever enough rows are waiting to be published."""
        for record in self._records.feed(chunk, last=last):
            if not self.header:
                self.header = read_header(record.cells)
            elif len(self.results) + len(self.waiting) == self._max_rows:
                raise Refused("batch_too_long", field="body", rule=f"at most {self._max_rows} rows a file")
            else:
                self.waiting.append(record)
            self.read_rows = record.row
            if len(self.waiting) == ROWS_AT_ONCE:
                yield


def _by_column(result: Result) -> Result:
    """Name the column where the event's field would be named."""
    if not isinstance(result, Rejected) or result.problem.field is None:
        return result
    told = problem(result.problem.reason, field=column_of(result.problem.field), rule=result.problem.rule)
    return structs.replace(result, problem=told)

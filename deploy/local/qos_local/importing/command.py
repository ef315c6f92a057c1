"""`qos import`: a table of cases or of events, or a file of events, through intake."""

import asyncio
import gzip
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from io import BufferedReader
from pathlib import Path
from typing import Annotated, BinaryIO

import httpx
import typer
from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeElapsedColumn

from qos_domain.acceptance import DEFAULT_TYPE_PREFIX, AcceptanceRules, check_not_in_future, decode_row
from qos_domain.errors import RejectedEvent
from qos_local.importing.binding import BoundMapping, Remark
from qos_local.importing.errors import ImportFault
from qos_local.importing.mapping_file import load_mapping, shipped_mappings
from qos_local.importing.packing import unpacked
from qos_local.importing.report import ImportReport
from qos_local.importing.run import BATCH_EVENTS, Destination, Row, carry, event_rows, table_rows
from qos_local.importing.sending import IntakeAway, IntakeClient, IntakeRefused, Patience
from qos_local.importing.table import CsvTable
from qos_runtime.clock import Clock, SystemClock

_EVENT_FILES = (".ndjson", ".jsonl")
_TIMEOUT_SECONDS = 60.0


def register(app: typer.Typer) -> None:
    app.command("import")(import_file)


def import_file(  # noqa: PLR0913, PLR0917 - one argument an option
    file: Annotated[Path, typer.Argument(help="A CSV file, or NDJSON of CloudEvents; also .gz.", exists=True)],
    mapping: Annotated[
        str | None, typer.Option("--mapping", "-m", help="What the columns mean: a TOML file, or a shipped mapping.")
    ] = None,
    url: Annotated[str, typer.Option(envvar="QOS_INTAKE_URL", help="Where intake is.")] = "http://127.0.0.1:8081",
    api_key: Annotated[
        str | None, typer.Option(envvar="QOS_API_KEY", help="The key of the source; better in the environment.")
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only read and check.")] = False,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="Write the events to this NDJSON file, don't send them.")
    ] = None,
    report_file: Annotated[
        Path | None, typer.Option("--report", help="Write every refusal and omission to this CSV file.")
    ] = None,
    concurrency: Annotated[int, typer.Option(min=1, max=64, help="Batches under way at once.")] = 4,
    batch: Annotated[int, typer.Option(min=1, max=5000, help="Events in a batch.")] = BATCH_EVENTS,
    wait: Annotated[float, typer.Option(min=0, help="Seconds to go on trying while intake is away.")] = 120.0,
    event_type_prefix: Annotated[
        str, typer.Option(envvar="QOS_EVENT_TYPE_PREFIX", help="What precedes the type of every event.")
    ] = DEFAULT_TYPE_PREFIX,
) -> None:
    """Turn the rows of a file into events and send them through intake.

    Rows that can't be used are reported and don't keep the others out; a second import changes nothing. Exit code 0
    when anything was taken, 1 when nothing was or intake could not be reached, 2 when the command or the mapping is
    wrong. docs/import.md describes mappings; shipped ones: receipt-log, jp-catalogue.

    Examples:

        qos import cases.csv --mapping receipt-log --dry-run

        QOS_API_KEY=... qos import cases.csv.gz --mapping my-office.toml --report refused.csv

        QOS_API_KEY=... qos import events.ndjson
    """
    console = Console(stderr=True)
    rules = AcceptanceRules(type_prefix=event_type_prefix)
    try:
        with ExitStack() as stack:
            rows, position, total = _rows(stack, file, mapping, rules)
            if output is not None:
                destination, done = writing(stack.enter_context(output.open("wb")), rules, SystemClock()), "written"
            elif dry_run:
                destination, done = checking(rules, SystemClock()), "checked"
            else:
                destination, done = None, "sent"
            with _progress(console) as progress:
                task = progress.add_task(file.name, total=total, rows=0)
                moved = _mover(progress, task, position)
                if destination is None:
                    sending = _send(rows, url, _key(api_key), Patience(wait), concurrency, batch, moved)
                    report = asyncio.run(sending)
                else:
                    report = asyncio.run(carry(rows, destination, concurrency=1, batch_events=batch, advance=moved))
    except (ImportFault, gzip.BadGzipFile, EOFError) as fault:
        raise typer.BadParameter(str(fault)) from fault
    except (IntakeRefused, IntakeAway) as failure:
        console.print(str(failure), style="bold red", markup=False, soft_wrap=True)
        console.print("What was taken stays taken: run the same import again, nothing is counted twice.")
        raise typer.Exit(1) from failure
    Console().print(report.rendered(done))
    if report_file is not None:
        report.write(report_file)
    if report.nothing_imported:
        raise typer.Exit(1)


def checking(rules: AcceptanceRules, clock: Clock) -> Destination:
    """A destination that only says what intake would say of the events by themselves."""

    async def check(events: Sequence[bytes]) -> list[Remark | None]:
        return [check_event(event, rules, clock) for event in events]

    return check


def writing(out: BinaryIO, rules: AcceptanceRules, clock: Clock) -> Destination:
    """A destination that writes the events that are good, one a line."""

    async def write(events: Sequence[bytes]) -> list[Remark | None]:
        answers = [check_event(event, rules, clock) for event in events]
        out.writelines(event + b"\n" for event, answer in zip(events, answers, strict=True) if answer is None)
        return answers

    return write


def check_event(event: bytes, rules: AcceptanceRules, clock: Clock) -> Remark | None:
    try:
        check_not_in_future(decode_row(event, rules), clock.now(), rules)
    except RejectedEvent as error:
        return Remark(error.field, error.reason, error.rule)
    return None


def _rows(
    stack: ExitStack, file: Path, mapping: str | None, rules: AcceptanceRules
) -> tuple[Iterator[Row], Callable[[], int], int]:
    """The rows of the file, the position in it in bytes, and its size."""
    total = file.stat().st_size
    if mapping is None:
        name = file.name.removesuffix(".gz")
        if not name.endswith(_EVENT_FILES):
            known = ", ".join(shipped_mappings())
            raise ImportFault(
                f"{file.name} is no file of events (.ndjson): say what its columns mean with --mapping,"
                f" by a TOML file or one of: {known}"
            )
        raw: BufferedReader = stack.enter_context(file.open("rb"))
        return event_rows(unpacked(raw)), raw.tell, total
    chosen = load_mapping(mapping)
    table = stack.enter_context(CsvTable(file, encoding=chosen.encoding, delimiter=chosen.delimiter))
    return table_rows(table, BoundMapping(chosen, table.columns), rules), lambda: table.bytes_read, total


def _key(api_key: str | None) -> str:
    if not api_key:
        raise ImportFault("no API key: set QOS_API_KEY to the key of the source, or look first with --dry-run")
    return api_key


async def _send(
    rows: Iterator[Row],
    url: str,
    api_key: str,
    patience: Patience,
    concurrency: int,
    batch: int,
    advance: Callable[[ImportReport], None],
) -> ImportReport:
    async with httpx.AsyncClient(timeout=_TIMEOUT_SECONDS) as http:
        client = IntakeClient(http, url=url, api_key=api_key, patience=patience)
        return await carry(rows, client.send, concurrency=concurrency, batch_events=batch, advance=advance)


def _progress(console: Console) -> Progress:
    columns = (TextColumn("{task.description}"), BarColumn(), TextColumn("{task.fields[rows]:,} rows"))
    return Progress(*columns, TimeElapsedColumn(), console=console, transient=True)


def _mover(progress: Progress, task: TaskID, position: Callable[[], int]) -> Callable[[ImportReport], None]:
    return lambda report: progress.update(task, completed=position(), rows=report.rows)

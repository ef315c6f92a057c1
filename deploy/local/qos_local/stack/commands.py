"""`qos up`, `down`, `status`, `logs`, `reset`, `topics`: the local stack from the command line."""

import json
import os
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from enum import StrEnum
from time import sleep
from typing import Annotated, Self

import typer
from rich.console import Console
from rich.progress import BarColumn, Progress, SpinnerColumn, TaskID, TextColumn, TimeElapsedColumn
from rich.table import Table

from qos_local.stack.errors import StackFailed
from qos_local.stack.home import Home, tail
from qos_local.stack.stack import SERVICES, Addresses, Stack, describe, given_addresses, make_topics, require_database

console = Console(soft_wrap=True, highlight=False)
topics = typer.Typer(help="Kafka topics: create the missing ones, compare the others with their definitions.")


class Service(StrEnum):
    KAFKA = "kafka"
    POSTGRES = "postgres"


def register(app: typer.Typer) -> None:
    for command in (up, down, status, logs, reset):
        app.command()(command)
    app.add_typer(topics, name="topics", no_args_is_help=True)


def up() -> None:
    """Start Kafka and PostgreSQL, create the topics, and say where they are.

    Real ones, from packages, under `.qos/` (QOS_HOME chooses another directory). What runs already is left alone,
    and data of an earlier start is used again. Other ports are taken when the usual ones (9092, 5432) are busy.
    With KAFKA_BOOTSTRAP_SERVERS and DATABASE_URL set, nothing is started: those are used.

    Examples:

        qos up

        set -a; . .qos/env; set +a      # the addresses, for programs of your own

        QOS_HOME=/tmp/other qos up      # a second stack beside the first
    """
    addresses = bring_up(console)
    console.print(f"Kafka       {addresses.kafka_bootstrap_servers}")
    console.print(f"PostgreSQL  {_without_password(addresses)}")
    home = Home.from_environment()
    if home.env_file.exists():
        console.print(f"Addresses with the password are in {home.env_file}")


def down() -> None:
    """Stop Kafka and PostgreSQL. Their data stays for the next `qos up`."""
    Stack(Home.from_environment()).down()
    console.print("Kafka and PostgreSQL are stopped.")


def status(as_json: Annotated[bool, typer.Option("--json", help="For programs: one JSON object.")] = False) -> None:
    """Say what runs and where. Exit code 0 when both services run, else 1.

    Examples:

        qos status

        qos status --json | jq -r .kafka.port
    """
    stack = Stack(Home.from_environment())
    records = {service: stack.running(service) for service in SERVICES}
    if as_json:
        found = {name: {"pid": one.pid, "port": one.port} if one else None for name, one in records.items()}
        typer.echo(json.dumps({"home": str(stack.home.root), **found}))
    else:
        table = Table("service", "state", "address", "pid", "log", title=str(stack.home.root), title_justify="left")
        for name, record in records.items():
            state, address, pid = ("running", f"127.0.0.1:{record.port}", str(record.pid)) if record else ("-", "", "")
            table.add_row(name, state, address, pid, str(stack.home.log(name)))
        console.print(table)
    if not all(records.values()):
        raise typer.Exit(1)


def logs(
    service: Annotated[Service | None, typer.Argument(help="Whose log; both when left out.")] = None,
    lines: Annotated[int, typer.Option("--lines", "-n", min=1, help="How many of the last lines.")] = 50,
    follow: Annotated[bool, typer.Option("--follow", "-f", help="Go on until Ctrl-C (needs a service).")] = False,
) -> None:
    """Show the end of a service's log.

    Examples:

        qos logs kafka -n 200

        qos logs postgres --follow
    """
    home = Home.from_environment()
    if follow and service is None:
        raise typer.BadParameter("--follow needs a service: kafka or postgres")
    for name in [service.value] if service else SERVICES:
        if service is None:
            console.print(f"== {home.log(name)}", style="bold")
        typer.echo(tail(home.log(name), lines))
    if follow and service is not None:
        _follow(home, service.value)


def reset(
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Don't ask.")] = False,
) -> None:
    """Stop both services and delete all their data (the downloads stay in the cache).

    Examples:

        qos reset

        qos reset --yes && qos up       # afresh
    """
    home = Home.from_environment()
    if not yes:
        typer.confirm(f"Delete all events and results under {home.root}?", abort=True)
    Stack(home).reset()
    console.print(f"{home.root} is empty.")


@topics.command("create")
def create_topics() -> None:
    """Create the topics that are missing. Those that exist are never changed, only compared."""
    report = make_topics(addresses_in_use())
    console.print(f"{len(report.created)} created, {len(report.existing)} there already.")
    _complain(report.differing)


@topics.command("check")
def check_topics() -> None:
    """Compare the topics with their definitions. Exit code 1 when one is missing or differs."""
    report = describe(addresses_in_use())
    for name in report.missing:
        console.print(f"{name}: missing", style="red")
    _complain(report.differing)
    if report.missing:
        raise typer.Exit(1)
    console.print(f"{len(report.existing)} topics are as defined.")


def bring_up(out: Console) -> Addresses:
    """The addresses of a stack that answers and has its topics: the given one, else the local one, started if need be.

    Raises StackFailed; ends the program with 130 on Ctrl-C, when everything it had started is stopped again.
    """
    home = Home.from_environment()
    addresses = given_addresses(os.environ, home)
    if addresses is None:
        with _interruptible(out), Reporter(out) as reporter:
            addresses = Stack(home).up(say=reporter.say, progress=reporter)
    else:
        require_database(addresses)
    _complain(make_topics(addresses).differing)
    return addresses


@contextmanager
def _interruptible(out: Console) -> Iterator[None]:
    before = signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        yield
    except KeyboardInterrupt:
        out.print("Interrupted: what was being started is stopped again.")
        raise typer.Exit(130) from None
    finally:
        signal.signal(signal.SIGTERM, before)


class Reporter:
    """Tells what is being done: on a terminal a line that moves and goes away, elsewhere (CI) a line for each step."""

    def __init__(self, out: Console) -> None:
        self._out = out
        columns = (SpinnerColumn(), TextColumn("{task.description}"), BarColumn(), TimeElapsedColumn())
        self._progress = Progress(*columns, console=out, transient=True, disable=not out.is_terminal)
        self._step: TaskID | None = None

    def __enter__(self) -> Self:
        self._progress.start()
        return self

    def __exit__(self, *error: object) -> None:
        if not self._progress.disable:
            self._progress.stop()

    def say(self, service: str) -> None:
        """A service is being started; the step before is done."""
        self._next(f"Starting {service}", None)

    def begin(self, files: int) -> None:
        self._next(f"Downloading Kafka ({files} files, once)", files)

    @contextmanager
    def file(self, name: str, size: int) -> Iterator[Callable[[int], None]]:  # noqa: ARG002  one bar for all files
        step = self._step
        yield lambda count: self._progress.update(step, advance=count / size) if step is not None else None

    def _next(self, what: str, total: int | None) -> None:
        if self._progress.disable:
            self._out.print(what)
            return
        if self._step is not None:
            self._progress.remove_task(self._step)
        self._step = self._progress.add_task(what, total=total)


def addresses_in_use() -> Addresses:
    """Those of the environment, or of the local stack. Raises StackFailed when it doesn't run."""
    home = Home.from_environment()
    addresses = given_addresses(os.environ, home) or Stack(home).addresses()
    if addresses is None:
        raise StackFailed(service="stack", problem="it isn't running", remedy="start it with `qos up`")
    return addresses


def _complain(differing: tuple[object, ...]) -> None:
    for difference in differing:
        console.print(f"Warning: topic {difference}", style="yellow")


def _without_password(addresses: Addresses) -> str:
    before, at, after = addresses.database_url.rpartition("@")
    scheme, _, credentials = before.partition("://")
    return f"{scheme}://{credentials.split(':')[0]}{at}{after}"


def _follow(home: Home, service: str) -> None:
    with home.log(service).open(encoding="utf-8", errors="replace") as log, _interruptible(console):
        log.seek(0, os.SEEK_END)
        while True:
            line = log.readline()
            if line:
                typer.echo(line, nl=False)
            else:
                sleep(0.2)

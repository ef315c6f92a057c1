"""`qos dead-letters list | show | redrive | discard`."""

import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from enum import StrEnum
from itertools import islice
from typing import Annotated, Any, TypeAlias
from zoneinfo import ZoneInfo

import httpx
import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

from qos_local.dead_letters import output, repair
from qos_local.dead_letters.client import Action, DeadLetterClient, IntakeAway, Letter, OperatorRefused
from qos_local.due_date_options import instant

app = typer.Typer(
    help="What could not be used: look at it, drive it in again, or leave it. docs/dead-letters.md says when.",
    no_args_is_help=True,
)
_TIMEOUT_SECONDS = 120.0


class State(StrEnum):
    OPEN = "open"
    REDRIVEN = "redriven"
    DISCARDED = "discarded"
    ALL = "all"


class Format(StrEnum):
    TABLE = "table"
    JSON = "json"


Event: TypeAlias = dict[str, Any]
Url: TypeAlias = Annotated[str, typer.Option(envvar="QOS_INTAKE_URL", help="Where intake is.")]
Key: TypeAlias = Annotated[
    str | None, typer.Option("--key", envvar="QOS_OPERATOR_KEY", help="An operator's key; better in the environment.")
]
Wait: TypeAlias = Annotated[float, typer.Option(min=0, help="Seconds to go on trying while intake is away.")]
Reason: TypeAlias = Annotated[str | None, typer.Option(help="Why it can't be used, such as unknown_type.")]
Topic: TypeAlias = Annotated[str | None, typer.Option(help="The original's topic, without prefix.")]
Source: TypeAlias = Annotated[str | None, typer.Option(help="The CloudEvents source, where it can be read.")]
Position: TypeAlias = Annotated[str | None, typer.Option(help="topic-partition-offset, or topic-partition.")]
Since: TypeAlias = Annotated[str | None, typer.Option(help="Appended at or after: 2026-04-01 or 2026-04-01T09:00.")]
Until: TypeAlias = Annotated[str | None, typer.Option(help="Appended before.")]
Chosen: TypeAlias = Annotated[State, typer.Option(help="Which ones.")]
Shape: TypeAlias = Annotated[Format, typer.Option("--format", help="json: for programs.")]
TimeZone: TypeAlias = Annotated[str, typer.Option(envvar="QOS_TIME_ZONE", help="Of times without an offset.")]
Ids: TypeAlias = Annotated[list[str] | None, typer.Argument(help="Letters, by id; or choose them by options.")]
Everything: TypeAlias = Annotated[bool, typer.Option("--all", help="All open ones, where nothing else chooses.")]
Yes: TypeAlias = Annotated[bool, typer.Option("--yes", "-y", help="Don't ask.")]
LOCAL = "http://127.0.0.1:8081"
TOKYO = "Asia/Tokyo"


@app.command("list")
def list_letters(  # noqa: PLR0913, PLR0917 - one argument an option
    reason: Reason = None,
    topic: Topic = None,
    source: Source = None,
    position: Position = None,
    since: Since = None,
    until: Until = None,
    state: Chosen = State.OPEN,
    limit: Annotated[int, typer.Option(min=1, help="At most so many.")] = 100,
    shape: Shape = Format.TABLE,
    time_zone: TimeZone = TOKYO,
    url: Url = LOCAL,
    key: Key = None,
    wait: Wait = 10.0,
) -> None:
    """List dead letters, without their bytes: those may be personal.

    Examples:

        qos dead-letters list --reason unknown_type --since 2026-04-01

        qos dead-letters list --position applications-3 --state all --format json
    """
    filters = _filters(reason, topic, source, position, since, until, state, time_zone)
    with _client(url, key, wait) as client:
        found = list(islice(client.letters(filters, page=min(limit + 1, 1_000)), limit + 1))
    if shape is Format.JSON:
        typer.echo(json.dumps(found[:limit], ensure_ascii=False, indent=2))
        return
    Console(soft_wrap=True).print(output.listing(found[:limit]))
    if len(found) > limit:
        typer.echo(f"There are more than {limit}: choose fewer by options, or see more with --limit.")


@app.command("show")
def show_letter(
    letter_id: Annotated[str, typer.Argument(metavar="ID", help="topic-partition-offset")],
    with_bytes: Annotated[bool, typer.Option("--bytes", help="Also the original's bytes: restricted.")] = False,
    shape: Shape = Format.TABLE,
    url: Url = LOCAL,
    key: Key = None,
    wait: Wait = 10.0,
) -> None:
    """Show a dead letter: why it can't be used, and what was decided about it.

    With --bytes also what it holds, which nobody has checked: it may be personal data. Don't copy it anywhere.

    Examples:

        qos dead-letters show applications-3-1042

        qos dead-letters show applications-3-1042 --bytes --format json | jq -r .bytes.text > event.json
    """
    with _client(url, key, wait) as client:
        letter = client.letter(letter_id, with_bytes=with_bytes)
    if with_bytes:
        typer.secho(letter["bytes"]["restricted"], fg="yellow", err=True)
    if shape is Format.JSON:
        typer.echo(json.dumps(letter, ensure_ascii=False, indent=2))
    else:
        Console(soft_wrap=True, markup=False, highlight=False).print(output.sheet(letter))


@app.command("redrive")
def redrive(  # noqa: PLR0913, PLR0917 - one argument an option
    ids: Ids = None,
    reason: Reason = None,
    topic: Topic = None,
    source: Source = None,
    position: Position = None,
    since: Since = None,
    until: Until = None,
    state: Chosen = State.OPEN,
    everything: Everything = False,
    changes: Annotated[
        list[str] | None, typer.Option("--set", help="Repair the one letter: field=value; field= takes it out.")
    ] = None,
    edit: Annotated[
        typer.FileText | None, typer.Option(help="Send this event instead of the one letter's: a JSON file, or -.")
    ] = None,
    yes: Yes = False,
    time_zone: TimeZone = TOKYO,
    url: Url = LOCAL,
    key: Key = None,
    wait: Wait = 120.0,
) -> None:
    """Drive dead letters in again, by the way that every event comes in by.

    They keep their event's source and id, so doing it twice changes nothing. What is still refused stays open, with
    the new reason. Exit code 0 when all came right, 1 when some did not, 2 when the command is wrong.

    Examples:

        qos dead-letters redrive --reason unknown_type --since 2026-04-01

        qos dead-letters redrive applications-3-1042 --set data.channel=online

        qos dead-letters redrive applications-3-1042 --edit event.json
    """
    filters = _chosen(ids, _filters(reason, topic, source, position, since, until, state, time_zone), everything)
    if (changes or edit) and len(ids or ()) != 1:
        raise typer.BadParameter("a repair is of one letter: give its id")
    if changes and edit:
        raise typer.BadParameter("--set and --edit exclude each other")
    with _client(url, key, wait) as client:
        letters = _letters(client, ids, filters)
        try:
            if edit is not None:
                event: Event | None = repair.whole(edit.read())
            elif changes:
                event = repair.with_fields(client.letter(letters[0]["id"], with_bytes=True), changes)
            else:
                event = None
        except repair.CantRepair as error:
            raise typer.BadParameter(str(error)) from error
        _settle(client, "redrive", letters, event=event, yes=yes)


@app.command("discard")
def discard(  # noqa: PLR0913, PLR0917 - one argument an option
    ids: Ids = None,
    reason: Reason = None,
    topic: Topic = None,
    source: Source = None,
    position: Position = None,
    since: Since = None,
    until: Until = None,
    everything: Everything = False,
    yes: Yes = False,
    time_zone: TimeZone = TOKYO,
    url: Url = LOCAL,
    key: Key = None,
    wait: Wait = 120.0,
) -> None:
    """Leave open dead letters for good: they were looked at, and don't count towards the limit any more.

    They are kept for their 30 days all the same, and `redrive ID` still takes them.

    Examples:

        qos dead-letters discard applications-3-1042

        qos dead-letters discard --reason tombstone --until 2026-04-01
    """
    filters = _filters(reason, topic, source, position, since, until, State.OPEN, time_zone)
    filters = _chosen(ids, filters, everything)
    with _client(url, key, wait) as client:
        _settle(client, "discard", _letters(client, ids, filters), event=None, yes=yes)


def _filters(
    reason: str | None,
    topic: str | None,
    source: str | None,
    position: str | None,
    since: str | None,
    until: str | None,
    state: State,
    time_zone: str,
) -> dict[str, str]:
    named = {
        "reason": reason,
        "topic": topic,
        "source": source,
        "position": position,
        "since": _time("--since", since, time_zone),
        "until": _time("--until", until, time_zone),
        "state": None if state is State.ALL else state.value,
    }
    return {name: value for name, value in named.items() if value is not None}


def _time(option: str, text: str | None, time_zone: str) -> str | None:
    if text is None:
        return None
    try:
        moment: datetime = instant(text, ZoneInfo(time_zone))
    except ValueError as error:
        raise typer.BadParameter(str(error), param_hint=option) from error
    return moment.isoformat()


def _chosen(ids: Sequence[str] | None, filters: dict[str, str], everything: bool) -> dict[str, str]:
    """The filters. Refuses a command that chooses nothing, or in two ways."""
    narrowed = filters.keys() - {"state"}
    if ids and (narrowed or everything):
        raise typer.BadParameter("give ids, or options that choose, but not both")
    if not ids and not narrowed and not everything:
        raise typer.BadParameter("say which: ids, options such as --reason, or --all")
    return filters


def _letters(client: DeadLetterClient, ids: Sequence[str] | None, filters: dict[str, str]) -> list[Letter]:
    return [client.letter(each) for each in ids] if ids else list(client.letters(filters))


def _settle(client: DeadLetterClient, action: Action, letters: list[Letter], *, event: Event | None, yes: bool) -> None:
    if not letters:
        typer.echo("There are none.")
        return
    if not yes and len(letters) > 1:
        typer.confirm(f"{action.capitalize()} {len(letters):,} dead letters?", abort=True)
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn())
    console = Console(stderr=True)
    with Progress(*columns, TimeElapsedColumn(), TimeRemainingColumn(), console=console, transient=True) as progress:
        task = progress.add_task(action, total=len(letters))
        results = client.settle(action, letters, event=event, done=lambda count: progress.advance(task, count))
    Console(soft_wrap=True).print(output.summary(results))
    if any(result["status"] not in {"redriven", "discarded"} for result in results):
        raise typer.Exit(1)


@contextmanager
def _client(url: str, key: str | None, wait: float) -> Iterator[DeadLetterClient]:
    """A client for the block; what a person can mend is told in a sentence, and ends the command with 1."""
    if not key:
        raise typer.BadParameter(
            "no operator's key: set QOS_OPERATOR_KEY (python -m qos_intake.keys operator --name NAME makes one)"
        )
    try:
        with httpx.Client(timeout=_TIMEOUT_SECONDS) as http:
            yield DeadLetterClient(http, url=url, key=key, patience_seconds=wait)
    except (OperatorRefused, IntakeAway) as failure:
        typer.secho(str(failure), fg="red", bold=True, err=True)
        typer.echo("What was settled stays so: run the same command again, nothing counts twice.", err=True)
        raise typer.Exit(1) from failure

"""`qos rulebooks`: the calendars and criteria that were ever in force, as they are kept."""

import asyncio
import sys
from typing import Annotated

import asyncpg
import typer
from rich.console import Console

from qos_local.results.ground import settings_in_use
from qos_local.stack.errors import StackFailed
from qos_processing import rulebooks
from qos_runtime.errors import NotConfigured
from qos_runtime.postgres import DatabaseError

_EXIT_FAILED = 1
_EXIT_REFUSED = 2
_DIGITS = 12


def register(app: typer.Typer) -> None:
    app.command("rulebooks")(show_rulebooks)


def show_rulebooks(
    kind: Annotated[str | None, typer.Argument(help="calendar or criteria; else all are listed.")] = None,
    version: Annotated[str | None, typer.Argument(help="The version whose content is written.")] = None,
) -> None:
    """List the calendars and criteria that were ever in force, or write one of them as a file.

    The file is one that QOS_CALENDAR or QOS_CRITERIA takes: what was published by it can be made again.

    Exit code 0: done. 1: the database doesn't answer. 2: there is no such version.

    Examples:

        qos rulebooks

        qos rulebooks calendar jp-tokyo-1 > calendar.json

        qos rulebooks criteria tokyo-1 > criteria.json
    """
    console = Console(stderr=True, soft_wrap=True, highlight=False)
    if (kind is None) != (version is None):
        raise typer.BadParameter("name both, such as calendar jp-tokyo-1, or neither", param_hint="KIND VERSION")
    try:
        found = asyncio.run(_lines(settings_in_use().database_url, kind, version))
    except (NotConfigured, StackFailed) as error:
        console.print(f"Not read: {error}", markup=False, style="bold red")
        raise typer.Exit(_EXIT_REFUSED) from error
    except DatabaseError as error:
        console.print(f"Not read: the database doesn't answer ({error})", markup=False, style="bold red")
        raise typer.Exit(_EXIT_FAILED) from error
    if found is None:
        console.print(f"No {kind} {version!r} was ever in force: `qos rulebooks` lists those that were", markup=False)
        raise typer.Exit(_EXIT_REFUSED)
    sys.stdout.writelines(f"{line}\n" for line in found)


async def _lines(database_url: str, kind: str | None, version: str | None) -> list[str] | None:
    connection = await asyncpg.connect(database_url)
    try:
        if kind is not None and version is not None:
            content = await rulebooks.content(connection, kind, version)
            return None if content is None else [content]
        return [
            f"{one.kind:<9} {one.version:<24} since {first_used_at:%Y-%m-%d} SHA-256 {one.digest[:_DIGITS]}"
            for one, first_used_at in await rulebooks.all_kept(connection)
        ]
    finally:
        await connection.close()

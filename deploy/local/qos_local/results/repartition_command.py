"""`qos repartition`: more partitions, by an ordered copy into new topics and a swap."""

import asyncio
import sys
from collections.abc import Awaitable, Callable
from typing import Annotated

import typer
from rich.console import Console

from qos_domain.errors import BrokenInvariant, TransientFailure
from qos_local.results.ground import settings_in_use
from qos_local.results.steps import Steps
from qos_local.stack.errors import StackFailed
from qos_processing.repartition import report, swapping
from qos_processing.repartition.copying import Copier
from qos_processing.repartition.pair import Pair, RepartitionRefused, pair
from qos_processing.repartition.report import EXIT_BROKEN_OFF, EXIT_REFUSED
from qos_runtime.clock import SystemClock
from qos_runtime.errors import NotConfigured, TopicsNotReady

app = typer.Typer(
    no_args_is_help=True,
    rich_markup_mode="markdown",
    help="More partitions: copy the topics in order into new ones, then move the results there.",
)
_console = Console(stderr=True, soft_wrap=True, highlight=False)

Prefix = Annotated[str, typer.Option("--to-prefix", help="QOS_TOPIC_PREFIX of the new topics, as v2.")]
Partitions = Annotated[int, typer.Option("--to-partitions", min=1, help="QOS_PARTITIONS of the new topics.")]


@app.command("copy")
def copy_topics(
    to_prefix: Prefix,
    to_partitions: Partitions,
    finish: Annotated[
        bool, typer.Option("--finish", help="End when all is copied and nothing was appended for five seconds.")
    ] = False,
) -> None:
    """Copy the input topics and what goes out (all but dead letters) into new topics, in order, and follow them.

    Services go on meanwhile. New topics are created where they are missing. Records that can't be accepted are left
    out: they are dead letters. Ended by Ctrl-C or in any other way, the same command goes on where it stopped.

    Exit code 0: old and new topics are equal (with --finish). 1: broken off, run it again. 2: it can't be done as
    things are.

    Examples:

        qos repartition copy --to-prefix v2. --to-partitions 12

        qos repartition copy --to-prefix v2. --to-partitions 12 --finish
    """

    async def work(topics: Pair) -> str:
        with Steps(_console) as steps:
            return report.copied(topics, await Copier(topics, progress=steps.show).run(finish=finish))

    _run(to_prefix, to_partitions, work)


@app.command("swap")
def swap_topics(
    to_prefix: Prefix,
    to_partitions: Partitions,
    leave_dead_letters: Annotated[
        bool, typer.Option("--leave-dead-letters", help="Leave open dead letters on the old topics.")
    ] = False,
    refold: Annotated[
        bool, typer.Option("--refold", help="Let workers read the new topics from their beginning.")
    ] = False,
) -> None:
    """Move the results from the old topics to the new ones, in one transaction. Intake and workers are stopped.

    What waits in the outbox is published, and the last records are copied. Refused unless all is processed. Results
    stay as they are; only partition numbers and offsets change. Then start all services with the new prefix and count.

    Exit code 0: done. 1: broken off, run it again. 2: it can't be done as things are; the message says what is missing.

    Examples:

        qos repartition swap --to-prefix v2. --to-partitions 12
    """

    async def work(topics: Pair) -> str:
        with Steps(_console) as steps:
            done = await swapping.swap(
                topics,
                clock=SystemClock(),
                leave_dead_letters=leave_dead_letters,
                refold=refold,
                progress=steps.show,
            )
        return report.swapped(topics, done)

    _run(to_prefix, to_partitions, work)


@app.command("drop-old")
def drop_old_topics(
    to_prefix: Prefix,
    to_partitions: Partitions,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Don't ask.")] = False,
) -> None:
    """Delete the old topics, for ever: when the results stand on the new ones, and all of the old ones is copied.

    The environment still names the old topics (QOS_TOPIC_PREFIX, QOS_PARTITIONS).

    Examples:

        qos verify --everything --log && qos repartition drop-old --to-prefix v2. --to-partitions 12
    """

    async def work(topics: Pair) -> str:
        return report.dropped(await swapping.drop_old(topics))

    if not yes:
        typer.confirm("Delete the old topics for ever?", abort=True)
    _run(to_prefix, to_partitions, work)


def _run(prefix: str, partitions: int, work: Callable[[Pair], Awaitable[str]]) -> None:
    async def run() -> str:
        return await work(pair(settings_in_use(), prefix=prefix, partitions=partitions))

    try:
        told = asyncio.run(run())
    except (NotConfigured, TopicsNotReady, RepartitionRefused, BrokenInvariant, StackFailed) as error:
        _console.print(f"Not done: {error}", markup=False, style="bold red")
        raise typer.Exit(EXIT_REFUSED) from error
    except TransientFailure as error:
        _console.print(f"Broken off, run it again: {error}", markup=False, style="bold red")
        raise typer.Exit(EXIT_BROKEN_OFF) from error
    except KeyboardInterrupt:
        _console.print("Stopped. The same command goes on from here.")
        raise typer.Exit(EXIT_BROKEN_OFF) from None
    sys.stdout.write(f"{told}\n")

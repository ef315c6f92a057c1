"""`qos demo`: everything at once, for a first look."""

import asyncio
import os
import signal
from typing import Annotated

import httpx
import typer

from qos_local.demo.interrupting import until_interrupted
from qos_local.demo.show import Demo, Plan
from qos_local.importing.sending import IntakeAway, IntakeRefused
from qos_local.offline.summary import console_of_summaries
from qos_local.stack.commands import bring_up
from qos_local.stack.errors import StackFailed
from qos_local.stack.home import Home
from qos_local.stack.stack import SERVICES, Stack, given_addresses
from qos_runtime.clock import SystemClock


def register(app: typer.Typer) -> None:
    app.command("demo")(demo)


def demo(
    once: Annotated[bool, typer.Option("--once", help="End after the table.")] = False,
    seed: Annotated[int, typer.Option(help="Another seed, other applications.")] = 1,
    cases: Annotated[int, typer.Option(min=10, help="How many applications.")] = 20_000,
    workers: Annotated[int, typer.Option(min=1, max=8, help="How many processing workers.")] = 2,
    rate: Annotated[float, typer.Option(min=0.1, max=200, help="Live happenings a second, after the table.")] = 4.0,
) -> None:
    """Start everything, send a simulated year of ten procedures through it, and show their levels.

    Kafka and PostgreSQL are those of `qos up` (started if need be, and then stopped at the end), or those that
    KAFKA_BOOTSTRAP_SERVERS and DATABASE_URL name. Every run has topics and a database of its own; those of the run
    before are removed. After the table it goes on with live traffic until Ctrl-C, which stops all that it started.

    Examples:

        qos demo

        qos demo --once --cases 2000
    """
    console = console_of_summaries()
    home = Home.from_environment()
    stack = Stack(home)
    ours = given_addresses(os.environ, home) is None and not any(map(stack.running, SERVICES))
    addresses = bring_up(console)
    plan = Plan(seed=seed, cases=cases, workers=workers, rate=rate, once=once)
    show = Demo(plan, console=console, home=home, addresses=addresses, clock=SystemClock())
    try:
        interrupted = asyncio.run(until_interrupted(show.show()))
    except (IntakeAway, IntakeRefused, httpx.HTTPError) as failure:
        raise StackFailed(
            service="demonstration",
            problem=f"a service does not answer as it should ({type(failure).__name__}: {failure})",
            remedy=f"see the logs in {home.root}",
        ) from failure
    finally:
        if ours:
            # Whoever presses Ctrl-C again is waited for: a broker that is cut off has to recover.
            signal.signal(signal.SIGINT, signal.SIG_IGN)
            with console.status("Stopping Kafka and PostgreSQL"):
                stack.down()
    if interrupted:
        console.print("Stopped.")
        if not show.checked:
            raise typer.Exit(130)

"""The `qos` command line: every subcommand, listed in one place."""

import sys

import typer
from rich.console import Console

from qos_local import calendar_command, due_date_command
from qos_local.alerting import command as alerting_command
from qos_local.dashboards import command as dashboards_command
from qos_local.dead_letters import command as dead_letters_command
from qos_local.demo import command as demo_command
from qos_local.demo import traffic_command
from qos_local.importing import command as import_command
from qos_local.offline import fold_command
from qos_local.results import publish_command, rebuild_command, recover_command, restate_command, verify_command
from qos_local.simulation import command as simulate_command
from qos_local.stack import commands as stack
from qos_local.stack.errors import StackFailed

app = typer.Typer(
    name="qos",
    help="Measure the quality of administrative procedures: local stack, demonstration, import, tools on the core.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode="markdown",
    context_settings={"help_option_names": ["-h", "--help"]},
)

stack.register(app)
app.add_typer(calendar_command.app, name="calendar")
app.add_typer(dead_letters_command.app, name="dead-letters")
app.command("due-date")(due_date_command.due_date)
simulate_command.register(app)
fold_command.register(app)
import_command.register(app)
demo_command.register(app)
alerting_command.register(app)
dashboards_command.register(app)
traffic_command.register(app)
verify_command.register(app)
rebuild_command.register(app)
recover_command.register(app)
publish_command.register(app)
restate_command.register(app)


def main() -> None:
    """Run a command; what a person can mend is told in a sentence, not in a traceback."""
    try:
        app()
    except StackFailed as failure:
        console = Console(stderr=True, soft_wrap=True)
        if failure.log_tail:
            console.print(failure.log_tail, markup=False, highlight=False, style="dim")
        console.print(f"{failure.service}: {failure.problem}.", markup=False, highlight=False, style="bold red")
        console.print(f"What to do: {failure.remedy}.", markup=False, highlight=False)
        sys.exit(1)

"""`python -m qos_processing.recover`: fill an empty database after the former one was lost whole.

From the log, and from what went out: sla-events, qos-levels, publications, dead-letters and their decisions. Configured
by the environment as a worker is; no worker may run. Killed or failed, run it again. Exit code 0: done, start the
workers; 1: it failed, run it again; 2: it can't be begun as things are.

    python -m qos_processing.migrate && python -m qos_processing.recover
    python -m qos_processing.recover --processes 4 --records-in-memory 1000000

With --after-backup: the database was restored from a backup. Only what was said since is read back.
"""

import argparse
import asyncio
import sys

from qos_domain.calendar import Calendar, UnknownCalendar
from qos_domain.errors import BrokenInvariant, TransientFailure
from qos_processing.rebuild.arguments import add_loading_arguments
from qos_processing.rebuild.filling import Options
from qos_processing.rebuild.refusals import RebuildFailed, RebuildRefused
from qos_processing.recover.after_backup import read_back
from qos_processing.recover.recovering import Recovery
from qos_processing.recover.refusals import RecoveryRefused
from qos_processing.telling import Telling
from qos_runtime.clock import SystemClock
from qos_runtime.errors import NotConfigured, TopicsNotReady
from qos_runtime.logging import configure_logging
from qos_runtime.settings import RuntimeSettings

EXIT_DONE = 0
EXIT_FAILED = 1
EXIT_REFUSED = 2
AGAIN = "Run it again: until a recovery that was begun has ended, no worker can write"


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m qos_processing.recover",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add_loading_arguments(parser)
    parser.add_argument("--after-backup", action="store_true", help="the database was restored from a backup")
    return parser.parse_args()


async def _work(settings: RuntimeSettings, given: argparse.Namespace) -> list[str]:
    calendar, telling = Calendar.load(settings.calendar, settings.time_zone), Telling("recovering")
    if given.after_backup:
        return (await read_back(settings, calendar=calendar, progress=telling)).lines()
    options = Options(given.processes, given.records_in_memory)
    recovery = Recovery(settings, calendar=calendar, clock=SystemClock(), options=options, progress=telling)
    return (await recovery.run()).lines()


def main() -> int:
    given = _arguments()
    try:
        settings = RuntimeSettings.from_environment()
        configure_logging(service="qos-recover", level=settings.log_level, log_format=settings.log_format)
        lines = asyncio.run(_work(settings, given))
    except (NotConfigured, TopicsNotReady, UnknownCalendar, RebuildRefused, RecoveryRefused) as error:
        sys.stderr.write(f"Not begun: {error}\n")
        return EXIT_REFUSED
    except (RebuildFailed, BrokenInvariant, TransientFailure) as error:
        sys.stderr.write(f"Failed: {error}. {AGAIN}.\n")
        return EXIT_FAILED
    sys.stdout.write("\n".join(lines) + "\n")
    return EXIT_DONE


if __name__ == "__main__":
    sys.exit(main())

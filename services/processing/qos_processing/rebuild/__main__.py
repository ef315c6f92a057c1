"""`python -m qos_processing.rebuild`: fold the whole log anew, beside the live results, and let the new ones take over.

Configured by the environment as a worker is. Workers and readers go on. Exit code 0: done; 1: it failed, the live
results are as they were, run it again; 2: it can't be begun as things are; 130: ended by Ctrl-C, the same as 1.
"""

import argparse
import asyncio
import sys

import msgspec

from qos_domain.calendar import Calendar, UnknownCalendar
from qos_domain.errors import BrokenInvariant, TransientFailure
from qos_processing.rebuild.arguments import add_loading_arguments
from qos_processing.rebuild.filling import Options
from qos_processing.rebuild.rebuilding import Rebuild, drop_old
from qos_processing.rebuild.refusals import RebuildFailed, RebuildRefused
from qos_processing.telling import Telling
from qos_runtime.clock import SystemClock
from qos_runtime.errors import NotConfigured
from qos_runtime.logging import configure_logging, get_logger
from qos_runtime.settings import RuntimeSettings

EXIT_DONE = 0
EXIT_FAILED = 1
EXIT_REFUSED = 2
EXIT_INTERRUPTED = 130

_log = get_logger(__name__)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m qos_processing.rebuild", description=__doc__)
    add_loading_arguments(parser)
    parser.add_argument("--yes", action="store_true", help="there is room on the database's disk: don't look")
    parser.add_argument(
        "--calendar", help="with this calendar (a version, or a file) instead of that of the live results"
    )
    parser.add_argument("--drop-old", action="store_true", help="drop what was live before, and do nothing else")
    return parser.parse_args()


async def _work(settings: RuntimeSettings, given: argparse.Namespace) -> None:
    if given.drop_old:
        _log.info("old_generations_dropped", generations=await drop_old(settings))
        return
    rebuild = Rebuild(
        settings,
        calendar=Calendar.load(given.calendar or settings.calendar, settings.time_zone),
        clock=SystemClock(),
        options=Options(
            given.processes,
            given.records_in_memory,
            room_is_there=given.yes,
            another_calendar=given.calendar is not None,
        ),
        progress=Telling("rebuilding"),
    )
    await rebuild.run()


def main() -> int:
    given = _arguments()
    try:
        settings = RuntimeSettings.from_environment()
        configure_logging(service="qos-rebuild", level=settings.log_level, log_format=settings.log_format)
        asyncio.run(_work(settings, given))
    except (NotConfigured, UnknownCalendar, msgspec.DecodeError, RebuildRefused) as error:
        sys.stderr.write(f"Not begun: {error}\n")
        return EXIT_REFUSED
    except (RebuildFailed, BrokenInvariant, TransientFailure) as error:
        sys.stderr.write(f"Failed, and the live results are as they were: {error}\n")
        return EXIT_FAILED
    except KeyboardInterrupt:
        sys.stderr.write("Stopped, and the live results are as they were\n")
        return EXIT_INTERRUPTED
    return EXIT_DONE


if __name__ == "__main__":
    sys.exit(main())

"""`python -m qos_processing.restate`: say what the present data says of published months, as a nightly job does.

Configured by the environment as a worker is. Exit code 0: done; 1: it failed, run it again; 2: it can't be begun as
things are.
"""

import argparse
import asyncio
import sys

from qos_domain.calendar import UnknownCalendar
from qos_domain.errors import BrokenInvariant, TransientFailure
from qos_domain.periods import InvalidWindow, Month
from qos_processing.publish.__main__ import Telling, rules
from qos_processing.publish.refusals import PublicationRefused
from qos_processing.publish.report import EXIT_DONE, EXIT_FAILED, EXIT_REFUSED
from qos_processing.restate.report import as_json, as_text
from qos_processing.restate.restating import Restating
from qos_runtime.clock import SystemClock
from qos_runtime.errors import NotConfigured
from qos_runtime.logging import configure_logging
from qos_runtime.settings import RuntimeSettings


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m qos_processing.restate", description=__doc__)
    parser.add_argument("period", nargs="?", help="the month, such as 2026-10 (default: all that were published)")
    parser.add_argument("--format", choices=["text", "json"], default="text")
    return parser.parse_args()


def main() -> int:
    given = _arguments()
    try:
        month = None if given.period is None else Month.named(given.period)
        settings = RuntimeSettings.from_environment()
        configure_logging(service="qos-restate", level=settings.log_level, log_format=settings.log_format)
        restating = Restating(settings, rules(settings), SystemClock(), Telling())
        restated = asyncio.run(restating.run(month))
    except (InvalidWindow, PublicationRefused, NotConfigured, UnknownCalendar) as error:
        sys.stderr.write(f"Not restated: {error}\n")
        return EXIT_REFUSED
    except (BrokenInvariant, TransientFailure) as error:
        sys.stderr.write(f"Failed: {error}\n")
        return EXIT_FAILED
    sys.stdout.write(f"{as_json(restated) if given.format == 'json' else as_text(restated)}\n")
    return EXIT_DONE


if __name__ == "__main__":
    sys.exit(main())

"""`python -m qos_processing.restore_log`: put back into the log what the results still tell of it.

For when the tail of a topic partition is lost. Configured by the environment as a worker is. Exit code 0: done, or
there is nothing to do; 1: it was broken off, run it again; 2: it can't be begun as things are.
"""

import argparse
import asyncio
import sys

from qos_domain.errors import BrokenInvariant, TransientFailure
from qos_processing.log_shares import RECORDS_AT_ONCE
from qos_processing.rebuild.arguments import at_least_one
from qos_processing.restore_log.report import EXIT_BROKEN_OFF, EXIT_DONE, EXIT_REFUSED, as_text
from qos_processing.restore_log.restoring import Request, UnknownPosition, position_of, restore
from qos_processing.telling import Telling
from qos_runtime.clock import SystemClock
from qos_runtime.errors import NotConfigured, TopicsNotReady
from qos_runtime.logging import configure_logging
from qos_runtime.settings import RuntimeSettings


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m qos_processing.restore_log", description=__doc__)
    parser.add_argument(
        "partitions", nargs="*", help="only these, as applications-3; else those that differ at their end"
    )
    parser.add_argument("--everything", action="store_true", help="compare all partitions from their beginning")
    parser.add_argument("--dry-run", action="store_true", help="say what would be done, and change nothing")
    parser.add_argument(
        "--records-in-memory",
        type=at_least_one,
        default=RECORDS_AT_ONCE,
        help=f"so many at once, 0.6 kB each (default: {RECORDS_AT_ONCE:,})",
    )
    return parser.parse_args()


def main() -> int:
    given = _arguments()
    try:
        settings = RuntimeSettings.from_environment()
        configure_logging(service="qos-restore-log", level=settings.log_level, log_format=settings.log_format)
        positions = [position_of(each, settings) for each in given.partitions]
        request = Request(positions, given.everything, given.dry_run, given.records_in_memory)
        findings = asyncio.run(restore(settings, request, clock=SystemClock(), progress=Telling("restoring_log")))
    except (NotConfigured, TopicsNotReady, UnknownPosition, BrokenInvariant) as error:
        sys.stderr.write(f"Not begun: {error}\n")
        return EXIT_REFUSED
    except TransientFailure as error:
        sys.stderr.write(f"Broken off, run it again: {error}\n")
        return EXIT_BROKEN_OFF
    sys.stdout.write(f"{as_text(findings, dry_run=given.dry_run)}\n")
    return EXIT_DONE


if __name__ == "__main__":
    sys.exit(main())

"""`python -m qos_processing.publish`: publish the last complete month, as a monthly job does.

Configured by the environment as a worker is. Exit code 0: it is published, by this run or before; 1: it failed, and
nothing of it counts: run it again; 2: it can't be published as things are.
"""

import argparse
import asyncio
import sys
from time import monotonic

from qos_domain import criteria
from qos_domain.calendar import Calendar, UnknownCalendar
from qos_domain.errors import BrokenInvariant, TransientFailure
from qos_domain.periods import InvalidWindow, Month
from qos_domain.publication import MonthRefused
from qos_processing.publish.publishing import Published, Publishing, Rules
from qos_processing.publish.refusals import PublicationFailed, PublicationRefused
from qos_processing.publish.report import EXIT_DONE, EXIT_FAILED, EXIT_REFUSED, as_json, as_text
from qos_runtime.clock import SystemClock
from qos_runtime.errors import NotConfigured
from qos_runtime.logging import configure_logging, get_logger
from qos_runtime.settings import RuntimeSettings

_log = get_logger(__name__)
_TELL_EVERY_SECONDS = 10.0


class Telling:
    """Logs how far it is, now and then."""

    def __init__(self) -> None:
        self._next = monotonic() + _TELL_EVERY_SECONDS

    def __call__(self, step: str, done: int, total: int) -> None:
        if monotonic() >= self._next:
            self._next = monotonic() + _TELL_EVERY_SECONDS
            _log.info("publishing", step=step, done=done, total=total)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m qos_processing.publish", description=__doc__)
    parser.add_argument("period", nargs="?", help="the month, such as 2026-10 (default: the last complete one)")
    parser.add_argument("--dry-run", action="store_true", help="say what would be published, and write nothing")
    parser.add_argument("--format", choices=["text", "json"], default="text")
    return parser.parse_args()


def rules(settings: RuntimeSettings) -> Rules:
    """By what workers of these settings judge and assess. Raises UnknownCalendar."""
    return Rules(calendar=Calendar.load(settings.calendar, settings.time_zone), criteria=criteria.load())


def main() -> int:
    given = _arguments()
    try:
        month = None if given.period is None else Month.named(given.period)
        settings = RuntimeSettings.from_environment()
        configure_logging(service="qos-publish", level=settings.log_level, log_format=settings.log_format)
        publishing = Publishing(settings, rules(settings), SystemClock(), Telling())
        published: Published = asyncio.run(publishing.run(month, dry_run=given.dry_run))
    except (InvalidWindow, MonthRefused, PublicationRefused, NotConfigured, UnknownCalendar) as error:
        sys.stderr.write(f"Not published: {error}\n")
        return EXIT_REFUSED
    except (PublicationFailed, BrokenInvariant, TransientFailure) as error:
        sys.stderr.write(f"Failed, and nothing of it counts: {error}\n")
        return EXIT_FAILED
    sys.stdout.write(f"{as_json(published) if given.format == 'json' else as_text(published)}\n")
    return EXIT_DONE


if __name__ == "__main__":
    sys.exit(main())

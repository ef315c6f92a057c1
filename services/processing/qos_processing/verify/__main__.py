"""`python -m qos_processing.verify`: compare the live tables with a fresh fold, as a nightly job does.

Configured by the environment as a worker is. Exit code 0: all is as it should be; 1: something is not, and is listed
on standard output; 2: it could not be verified.
"""

import argparse
import asyncio
import sys

from qos_domain.calendar import Calendar, UnknownCalendar
from qos_domain.errors import BrokenInvariant, TransientFailure
from qos_processing.telling import Telling
from qos_processing.verify.report import EXIT_NOT_VERIFIED, as_json, as_text, exit_code
from qos_processing.verify.settings import VerifySettings
from qos_processing.verify.verification import SAMPLE, Scope, verify
from qos_runtime.clock import SystemClock
from qos_runtime.errors import NotConfigured
from qos_runtime.logging import configure_logging


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m qos_processing.verify", description=__doc__)
    parser.add_argument("procedures", nargs="*", help="only these procedures; else a sample of all")
    parser.add_argument("--sample", type=int, default=SAMPLE, help=f"about so many cases (default: {SAMPLE:,})")
    parser.add_argument("--seed", type=int, default=0, help="which sample (default: 0)")
    parser.add_argument("--everything", action="store_true", help="all cases and procedures, no sample")
    parser.add_argument("--log", action="store_true", help="compare with the log in Kafka, too: reads all of it")
    parser.add_argument("--format", choices=["text", "json"], default="text")
    given = parser.parse_args()
    if given.sample < 1:
        parser.error("--sample: at least 1")
    return given


def _settings(*, log: bool) -> VerifySettings:
    """Raises NotConfigured."""
    settings = VerifySettings.from_environment()
    if log and not settings.kafka_bootstrap_servers:
        raise NotConfigured(setting="KAFKA_BOOTSTRAP_SERVERS", remedy="set it: --log reads the log")
    return settings


def main() -> int:
    given = _arguments()
    sample = None if given.everything or given.procedures else given.sample
    scope = Scope(tuple(given.procedures), sample, given.seed, given.log)
    try:
        settings = _settings(log=given.log)
        configure_logging(service="qos-verify", level=settings.log_level, log_format=settings.log_format)
        calendar = Calendar.load(settings.calendar, settings.time_zone)
        verified = asyncio.run(
            verify(settings, scope, calendar=calendar, clock=SystemClock(), progress=Telling("verifying"))
        )
    except (NotConfigured, UnknownCalendar, BrokenInvariant, TransientFailure) as error:
        sys.stderr.write(f"Not verified: {error}\n")
        return EXIT_NOT_VERIFIED
    sys.stdout.write(f"{as_json(verified) if given.format == 'json' else as_text(verified)}\n")
    return exit_code(verified)


if __name__ == "__main__":
    sys.exit(main())

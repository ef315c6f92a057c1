"""Arguments of the commands that load the log by several processes."""

import argparse
import os

from qos_processing.log_shares import RECORDS_AT_ONCE


def add_loading_arguments(parser: argparse.ArgumentParser) -> None:
    """How many processes load, and how much each of them holds."""
    parser.add_argument(
        "--processes", type=at_least_one, default=os.cpu_count() or 1, help="loaders at a time (default: cores)"
    )
    parser.add_argument(
        "--records-in-memory",
        type=at_least_one,
        default=RECORDS_AT_ONCE,
        help=f"so many records a loader holds, 0.6 kB each (default: {RECORDS_AT_ONCE:,})",
    )


def at_least_one(text: str) -> int:
    """For `type=`: a whole number from 1 on."""
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError("at least 1")
    return number

"""`python -m qos_processing.repartition`: more partitions, by an ordered copy into new topics and a swap.

The environment is that of the services as they run (KAFKA_BOOTSTRAP_SERVERS, DATABASE_URL, QOS_TOPIC_PREFIX,
QOS_PARTITIONS and so on). Exit code 0: done; 1: it was broken off, run it again; 2: it can't be done as things are.
"""

import argparse
import asyncio
import sys

from qos_domain.errors import BrokenInvariant, TransientFailure
from qos_processing.repartition.copying import Copier
from qos_processing.repartition.pair import Pair, RepartitionRefused, pair
from qos_processing.repartition.report import EXIT_BROKEN_OFF, EXIT_DONE, EXIT_REFUSED, copied, dropped, swapped
from qos_processing.repartition.swapping import drop_old, swap
from qos_processing.telling import Telling
from qos_runtime.clock import SystemClock
from qos_runtime.errors import NotConfigured, TopicsNotReady
from qos_runtime.logging import configure_logging
from qos_runtime.settings import RuntimeSettings


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m qos_processing.repartition", description=__doc__)
    parser.add_argument("--to-prefix", required=True, help="QOS_TOPIC_PREFIX of the new topics")
    parser.add_argument("--to-partitions", required=True, type=int, help="QOS_PARTITIONS of the new topics")
    steps = parser.add_subparsers(dest="step", required=True)
    copy = steps.add_parser("copy", help="copy, and follow the old topics")
    copy.add_argument("--finish", action="store_true", help="end when all is copied and nothing is appended any more")
    move = steps.add_parser("swap", help="let the results stand on the new topics")
    move.add_argument("--leave-dead-letters", action="store_true", help="leave open ones on the old topics")
    move.add_argument("--refold", action="store_true", help="let workers read the new topics from their beginning")
    drop = steps.add_parser("drop-old", help="delete the old topics, for ever")
    drop.add_argument("--yes", action="store_true", required=True, help="they are not needed any more")
    return parser.parse_args()


async def _step(topics: Pair, given: argparse.Namespace) -> str:
    if given.step == "copy":
        return copied(topics, await Copier(topics, progress=Telling("copying_topics")).run(finish=given.finish))
    if given.step == "swap":
        done = await swap(
            topics,
            clock=SystemClock(),
            leave_dead_letters=given.leave_dead_letters,
            refold=given.refold,
            progress=Telling("copying_topics"),
        )
        return swapped(topics, done)
    return dropped(await drop_old(topics))


def main() -> int:
    given = _arguments()
    try:
        settings = RuntimeSettings.from_environment()
        configure_logging(service="qos-repartition", level=settings.log_level, log_format=settings.log_format)
        topics = pair(settings, prefix=given.to_prefix, partitions=given.to_partitions)
        told = asyncio.run(_step(topics, given))
    except (NotConfigured, TopicsNotReady, RepartitionRefused, BrokenInvariant) as error:
        sys.stderr.write(f"Not done: {error}\n")
        return EXIT_REFUSED
    except TransientFailure as error:
        sys.stderr.write(f"Broken off, run it again: {error}\n")
        return EXIT_BROKEN_OFF
    sys.stdout.write(f"{told}\n")
    return EXIT_DONE


if __name__ == "__main__":
    sys.exit(main())

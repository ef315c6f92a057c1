"""What was done, for people, and what comes next; and the exit codes."""

from collections.abc import Sequence

from qos_processing.repartition.copying import Copied
from qos_processing.repartition.pair import Pair
from qos_processing.repartition.swapping import Swapped

EXIT_DONE = 0
EXIT_BROKEN_OFF = 1
EXIT_REFUSED = 2


def copied(topics: Pair, done: Copied) -> str:
    reasons = "".join(f" {reason}: {count:,}." for reason, count in sorted(done.refused.items()))
    return (
        f"Old and new topics are equal. This run copied {done.records:,} records to {topics.new.topic_prefix!r}, and"
        f" left out {done.refused.total():,} that can't be accepted.{reasons} If intake is stopped and the workers have"
        " caught up: stop the workers, then `qos repartition swap`."
    )


def swapped(topics: Pair, done: Swapped) -> str:
    return (
        f"The results of {done.procedures:,} procedures stand at {done.records:,} records of the new topics. Start all"
        f" services with QOS_TOPIC_PREFIX={topics.new.topic_prefix} and QOS_PARTITIONS={topics.new.partitions}. The old"
        " topics are kept until `qos repartition drop-old`."
    )


def dropped(names: Sequence[str]) -> str:
    return f"Deleted: {', '.join(names) or 'nothing was there'}."

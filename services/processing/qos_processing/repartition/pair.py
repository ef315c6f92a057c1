"""The topics as they are and as they are to be, and why a step isn't taken."""

from dataclasses import dataclass

from pydantic import ValidationError

from qos_domain.events import INPUT_TOPICS
from qos_runtime.settings import RuntimeSettings
from qos_runtime.topics import PUBLICATIONS, QOS_LEVELS, SLA_EVENTS, TOPICS

COPIED: tuple[str, ...] = (*INPUT_TOPICS, PUBLICATIONS, QOS_LEVELS, SLA_EVENTS)
"""What is copied: all but dead letters, whose unchecked bytes are kept for a short time only, and what is decided of
them.
"""

COPIED_FROM = "qos-copied-from"
"""A header of each copied record: the partition and the offset at which it stood (`applications-3-1042`)."""


class RepartitionRefused(Exception):
    """The step isn't taken as things are, and nothing was changed; the message says what to do."""


@dataclass(frozen=True, slots=True)
class Pair:
    """`old` are the settings of the services as they run, `new` those with the other prefix and partition count."""

    old: RuntimeSettings
    new: RuntimeSettings

    @property
    def group(self) -> str:
        """In whose name Kafka keeps how far the copy is."""
        return f"{self.old.consumer_group}.copy-to.{self.new.topic_prefix}"

    @property
    def old_names(self) -> list[str]:
        return [self.old.topic(definition.name) for definition in TOPICS]


def pair(old: RuntimeSettings, *, prefix: str, partitions: int) -> Pair:
    """Raises RepartitionRefused for the prefix that is in use, one that can't be used, and fewer partitions."""
    if prefix == old.topic_prefix:
        raise RepartitionRefused(
            f"the topics have the prefix {prefix!r} already: name another one, as v2. (QOS_TOPIC_PREFIX is that of the"
            " topics as they are)"
        )
    if partitions < old.partitions:
        raise RepartitionRefused(
            f"{partitions} partitions are fewer than the {old.partitions} there are (QOS_PARTITIONS): one worker can"
            " have any number of them, so there is nothing to gain"
        )
    try:
        new = RuntimeSettings(**{**old.model_dump(), "topic_prefix": prefix, "partitions": partitions})
    except ValidationError as error:
        first = error.errors(include_input=False, include_url=False)[0]
        raise RepartitionRefused(f"{first['loc'][0]}: {first['msg']}") from None
    return Pair(old, new)

"""Whether all that was appended to the log before a month ended is in the results."""

from collections.abc import Iterable
from datetime import datetime
from itertools import product

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.errors import KafkaError

from qos_domain.errors import TransientFailure
from qos_domain.events import INPUT_TOPICS
from qos_domain.publication_events import LogPosition
from qos_processing.publish.refusals import NotTakenIn
from qos_runtime.kafka import connection
from qos_runtime.settings import RuntimeSettings


async def require_taken_in(settings: RuntimeSettings, positions: Iterable[LogPosition], end: datetime) -> None:
    """Raises NotTakenIn when a record that was appended before `end` is at or after a position (of a partition of which
    nothing was processed yet: 0), TransientFailure when no broker answers."""
    stored = {(each.topic, each.partition): each.next_offset for each in positions}
    wanted = {
        TopicPartition(settings.topic(topic), partition): (topic, partition)
        for topic, partition in product(INPUT_TOPICS, range(settings.partitions))
    }
    consumer = AIOKafkaConsumer(**connection(settings), client_id="qos-publish", group_id=None)
    try:
        await consumer.start()
        later = await consumer.offsets_for_times(dict.fromkeys(wanted, int(end.timestamp() * 1000)))
        ends = await consumer.end_offsets(list(wanted))
    except KafkaError as error:
        raise TransientFailure(f"the ends of the log are not known ({type(error).__name__})") from error
    finally:
        await consumer.stop()
    for tp, (topic, partition) in wanted.items():
        found, next_offset = later.get(tp), stored.get((topic, partition), 0)
        needed = ends[tp] if found is None else found.offset
        if next_offset < needed:
            raise NotTakenIn(topic=topic, partition=partition, stored=next_offset, needed=needed)

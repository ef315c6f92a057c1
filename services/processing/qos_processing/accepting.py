"""What becomes of a record: an event, or a dead letter. The same for the live worker, a rebuild and a verification."""

from typing import cast

from qos_domain.acceptance import AcceptanceRules, accept
from qos_domain.errors import RejectedEvent
from qos_domain.events import Event, Topic
from qos_processing.dead_letters import DeadLetter
from qos_processing.ports import Record
from qos_runtime.kafka import partition_of


def accept_record(
    topic: str, partition: int, record: Record, *, rules: AcceptanceRules, partitions: int
) -> Event | DeadLetter:
    """Decided on the record and its place alone, so that a replay decides the same. `topic` is the base name."""
    try:
        event = accept(
            topic=cast(Topic, topic), key=record.key, value=record.value, appended_at=record.appended_at, rules=rules
        )
    except RejectedEvent as rejection:
        return DeadLetter.of(topic, partition, record, rejection)
    # All of a case meets under one lock only where every record is in the partition of its key.
    if partition_of(event.data.procedure_id.encode(), partitions) != partition:
        rule = "a record is in the partition of its key's murmur2 hash, as Java's default partitioner has it"
        return DeadLetter(topic, partition, record, "wrong_partition", "key", rule)
    return event

"""What stands on a topic that processing writes itself, from its beginning to where it ends now."""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, TypeAlias

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.errors import KafkaError

from qos_domain.errors import TransientFailure
from qos_runtime.kafka import connection
from qos_runtime.settings import RuntimeSettings

if TYPE_CHECKING:
    from aiokafka import ConsumerRecord

Records: TypeAlias = "list[ConsumerRecord[bytes, bytes]]"

_POLL_MS = 500


class OwnTopic:
    """A topic's partitions, one after the other. Nobody writes to it meanwhile: the publisher before is fenced."""

    def __init__(self, consumer: AIOKafkaConsumer, name: str, progress: Callable[[str, int, int], None]) -> None:
        self._consumer = consumer
        self._name = name
        self._progress = progress

    async def forgetful(self) -> frozenset[int]:
        """The partitions of which the oldest messages are gone."""
        first = await self._consumer.beginning_offsets(sorted(self._consumer.assignment()))
        return frozenset(tp.partition for tp, offset in first.items() if offset > 0)

    async def portions(self) -> AsyncIterator[tuple[int, Records]]:
        """The records, a portion at a time, with their partition. Records of one partition come in their order."""
        partitions: list[TopicPartition] = sorted(self._consumer.assignment())
        first = await self._consumer.beginning_offsets(partitions)
        ends = await self._consumer.end_offsets(partitions)
        total, done = sum(ends.values()) - sum(first.values()), 0
        for tp in partitions:
            while (position := await self._consumer.position(tp)) < ends[tp]:
                self._progress(f"reading {self._name}", done + position - first[tp], total)
                found = await self._consumer.getmany(tp, timeout_ms=_POLL_MS)
                yield tp.partition, found.get(tp, [])
            done += ends[tp] - first[tp]
        self._progress(f"reading {self._name}", total, total)


@asynccontextmanager
async def own_topic(
    settings: RuntimeSettings, name: str, progress: Callable[[str, int, int], None]
) -> AsyncIterator[OwnTopic]:
    """Read the topic of this base name in the block. Raises TransientFailure when the broker is away."""
    consumer = AIOKafkaConsumer(
        settings.topic(name),
        **connection(settings),
        client_id="qos-recover",
        group_id=None,
        enable_auto_commit=False,
        auto_offset_reset="earliest",
        isolation_level="read_committed",
    )
    try:
        await consumer.start()
        yield OwnTopic(consumer, name, progress)
    except KafkaError as error:
        raise TransientFailure(f"the topic {name} can't be read ({type(error).__name__})") from error
    finally:
        await consumer.stop()

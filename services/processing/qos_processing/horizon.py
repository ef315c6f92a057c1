"""How far what is processed is known to reach: the instant up to which nothing in the log waits any more.

The ends of the log are noted with the time; once all offsets stored are at or past them, everything that was appended
before that time is in the results. While a backlog is worked off the horizon stands still.
"""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.errors import KafkaError

from qos_domain.errors import TransientFailure
from qos_domain.events import INPUT_TOPICS
from qos_processing import postgres_offsets
from qos_processing.transactions import Connection, Transactions
from qos_runtime.clock import Clock
from qos_runtime.kafka import connection as kafka_connection
from qos_runtime.settings import RuntimeSettings

LogPosition = tuple[str, int]
"""(topic's base name, partition number)"""


@dataclass(frozen=True, slots=True)
class _Ends:
    noted_at: datetime
    offsets: Mapping[str, int]


class Horizon:
    """The horizon of each partition number, over all input topics. `known_until` may be asked at any time."""

    def __init__(
        self, transactions: Transactions, settings: RuntimeSettings, *, clock: Clock, every_seconds: float = 2.0
    ) -> None:
        self._transactions = transactions
        self._settings = settings
        self._clock = clock
        self._every_seconds = every_seconds
        self._noted: dict[int, _Ends] = {}
        self._known_until: dict[int, datetime] = {}

    def known_until(self, partition: int) -> datetime | None:
        """Everything that was appended before this instant is processed; None while that isn't known."""
        return self._known_until.get(partition)

    async def run(self) -> None:
        """Look again and again, for ever. Raises TransientFailure when broker or database stay away.

        Begins with nothing known: what was known before may be of a database that was set back meanwhile.
        """
        self._noted.clear()
        self._known_until.clear()
        topics = {self._settings.topic(topic): topic for topic in INPUT_TOPICS}
        partitions = {
            TopicPartition(name, partition): (topic, partition)
            for name, topic in topics.items()
            for partition in range(self._settings.partitions)
        }
        consumer = AIOKafkaConsumer(**kafka_connection(self._settings), client_id="qos-horizon", group_id=None)
        try:
            await consumer.start()
            while True:
                now = self._clock.now()
                ends = await consumer.end_offsets(list(partitions))
                await self.look({position: ends[tp] for tp, position in partitions.items()}, now)
                await asyncio.sleep(self._every_seconds)
        except KafkaError as error:
            raise TransientFailure(f"the ends of the log are not known ({type(error).__name__})") from error
        finally:
            await consumer.stop()

    async def look(self, ends: Mapping[LogPosition, int], noted_at: datetime) -> None:
        """The log had these ends at `noted_at`, or later: move the horizons that what is stored allows to move."""

        async def read(connection: Connection, _doubtful: bool) -> dict[LogPosition, int]:
            return await postgres_offsets.stored_offsets(connection)

        stored = await self._transactions.run(read)
        by_partition: dict[int, dict[str, int]] = {}
        for (topic, partition), end in ends.items():
            by_partition.setdefault(partition, {})[topic] = end
        for partition, offsets in by_partition.items():
            noted = self._noted.get(partition)
            for candidate in (noted, _Ends(noted_at, offsets)):
                if candidate is None:
                    continue
                if all(stored.get((topic, partition), 0) >= end for topic, end in candidate.offsets.items()):
                    self._known_until[partition] = candidate.noted_at
                    self._noted.pop(partition, None)
                else:
                    self._noted[partition] = candidate
                    break

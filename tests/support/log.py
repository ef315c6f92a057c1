"""A log in memory, keyed and partitioned as producers do it, that is cut into batches as a worker would fetch it."""

from collections import defaultdict
from collections.abc import Iterator, Mapping
from datetime import datetime
from random import Random

from qos_domain.acceptance import AcceptanceRules, encode_cloudevent
from qos_domain.events import Event
from qos_processing.accepting import accept_record
from qos_processing.ports import Batch, Record
from qos_runtime.kafka import partition_of

RULES = AcceptanceRules()


class Log:
    """Topics as lists of records; all have the same number of partitions."""

    def __init__(self, partitions: int = 2) -> None:
        self.partitions = partitions
        self._records: defaultdict[tuple[str, int], list[Record]] = defaultdict(list)
        self._handed_out: defaultdict[tuple[str, int], int] = defaultdict(int)

    def append(self, *events: Event, at: datetime | None = None) -> None:
        """Append each event to its topic, at its own time if no other is given."""
        for event in events:
            key = event.data.procedure_id.encode()
            self.append_raw(event.topic, key, encode_cloudevent(event, RULES), at or event.time)

    def append_raw(
        self,
        topic: str,
        key: bytes | None,
        value: bytes | None,
        at: datetime,
        *,
        partition: int | None = None,
        headers: tuple[tuple[str, bytes | None], ...] = (("via", b"test"),),
    ) -> Record:
        """Append whatever bytes. `partition` is where the key belongs, if no other is given; 0 without a key."""
        if partition is None:
            partition = 0 if key is None else partition_of(key, self.partitions)
        records = self._records[topic, partition]
        records.append(Record(key, value, headers, len(records), int(at.timestamp() * 1000)))
        return records[-1]

    def hand_out_again(self, offsets: Mapping[tuple[str, int], int]) -> None:
        """`new` goes on from these offsets; from 0 where there is none."""
        self._handed_out = defaultdict(int, offsets)

    def events(self) -> list[Event]:
        """All that was appended and can be accepted."""
        records = [
            (topic, partition, record) for (topic, partition), found in self._records.items() for record in found
        ]
        accepted = (
            accept_record(topic, partition, record, rules=RULES, partitions=self.partitions)
            for topic, partition, record in records
        )
        return [event for event in accepted if isinstance(event, Event)]

    def batch(self, topic: str, partition: int, start: int = 0, end: int | None = None) -> Batch:
        """The batch of the offsets from `start` to before `end`, whether or not it was handed out."""
        records = self._records[topic, partition][start:end]
        return Batch(topic, partition, start, start + len(records), records)

    def new(self, most: int = 5_000, random: Random | None = None) -> Iterator[Batch]:
        """What wasn't handed out yet, in batches of at most `most` records. `random`: of any size, in any order of
        the partitions."""
        while waiting := [tp for tp, records in self._records.items() if self._handed_out[tp] < len(records)]:
            tp = waiting[0] if random is None else random.choice(waiting)
            start = self._handed_out[tp]
            size = most if random is None else random.randint(1, most)
            batch = self.batch(*tp, start, start + size)
            self._handed_out[tp] = batch.next_offset
            yield batch

"""Records that can't be accepted: kept with their position, their reason and their bytes, and never in the way."""

from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple

import msgspec

from qos_domain import refusals
from qos_domain.errors import BrokenInvariant, RejectedEvent
from qos_processing.ports import Message, Record
from qos_runtime.dead_letters import DeadLetterDecision, dead_letter_id, encode_dead_letter, encode_headers
from qos_runtime.topics import DEAD_LETTERS

REASONS: tuple[str, ...] = (*refusals.REASONS, "wrong_partition")
"""Every reason that a dead letter can have."""


class TooManyDeadLetters(BrokenInvariant):
    """So many records of a partition are refused that the fault is more likely ours, or one sender's, than theirs."""

    def __init__(self, *, topic: str, partition: int, dead: int, window: int, limit: int) -> None:
        super().__init__(
            f"{topic}-{partition}: {dead} of the last {window} records can't be accepted and aren't settled, the limit"
            f" is {limit}; nothing of this batch was stored. See why with `qos dead-letters list --position"
            f" {topic}-{partition}`; mend what wrote or what reads them, then settle them with `qos dead-letters"
            " redrive` or `discard` and start again: settled ones don't count. Or raise"
            " QOS_PROCESSING_DEAD_LETTER_SHARE to let them pass, and redrive them later"
        )


@dataclass(frozen=True, slots=True)
class DeadLetterLimit:
    """At most `share` of any `window` consecutive offsets of a partition may be dead letters that nobody has settled.

    It is counted from what is stored, by position: it means the same after a restart as before it. Settled ones don't
    count: an operator has seen them, and after a fault is mended the next bad record must not stop the worker again.
    """

    share: float = 0.2
    window: int = 5_000

    @property
    def most(self) -> int:
        return int(self.share * self.window)


class Decided(NamedTuple):
    """A decision about a dead letter, and when the broker appended it."""

    decision: DeadLetterDecision
    at: datetime


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """One record that can't be accepted, and the rule that it breaks. `topic` is the base name."""

    topic: str
    partition: int
    record: Record
    reason: str
    field: str
    rule: str

    @classmethod
    def of(cls, topic: str, partition: int, record: Record, rejection: RejectedEvent) -> "DeadLetter":
        return cls(topic, partition, record, rejection.reason, rejection.field, rejection.rule)

    @property
    def event_id(self) -> str:
        """The same record gives the same id."""
        return dead_letter_id(self.topic, self.partition, self.record.offset)

    @property
    def headers(self) -> str:
        """The headers as a JSON list of [name, base64 of the value, or null]; PostgreSQL's JSON takes no NUL."""
        headers = [(name.replace("\0", "\ufffd"), value) for name, value in self.record.headers]
        return msgspec.json.encode(encode_headers(headers)).decode()

    def message(self) -> Message:
        """What goes to the topic `dead-letters`: JSON, with the original bytes in base64. The original key may be as
        large as a message, so it stands there too, and not as the message's key."""
        value = encode_dead_letter(
            topic=self.topic,
            partition=self.partition,
            offset=self.record.offset,
            appended_at=self.record.appended_at,
            rejection=RejectedEvent(reason=self.reason, field=self.field, rule=self.rule),
            key=self.record.key,
            value=self.record.value,
            headers=self.record.headers,
        )
        return Message(DEAD_LETTERS, self.event_id.encode(), self.event_id, value)

"""What stands on the topics `dead-letters` and `dead-letter-decisions`, whoever could not use the original."""

from base64 import b64decode, b64encode
from collections.abc import Iterable
from datetime import datetime
from typing import Final, Literal, NamedTuple, TypeAlias

import msgspec

from qos_domain.errors import RejectedEvent
from qos_runtime.topics import MAX_EVENT_BYTES

State: TypeAlias = Literal["open", "redriven", "discarded"]
Headers: TypeAlias = tuple[tuple[str, bytes | None], ...]


KEPT_BYTES: Final = 65_536
"""Of a record that is larger than a topic takes so much of key and value each is kept: more than any event has."""


class DeadLetterBody(msgspec.Struct, frozen=True, kw_only=True):
    """JSON: where the record stood, why it can't be used, and its bytes in base64 (null where there were none).

    `topic` is the base name; `appended_at` is the broker's append time; headers are [name, base64] pairs.
    `left_out_bytes`: a broker bounds what a record takes compressed, so it may hold more than a letter can. Then the
    letter has the beginning of key and value and no headers; all of it stands where the record stood.
    """

    id: str
    topic: str
    partition: int
    offset: int
    appended_at: datetime
    reason: str
    field: str
    rule: str
    key: str | None
    value: str | None
    headers: list[tuple[str, str | None]]
    left_out_bytes: int = 0

    def original(self) -> "Original":
        """The record's own bytes."""
        return Original(
            key=_bytes(self.key),
            value=_bytes(self.value),
            headers=tuple((name, _bytes(content)) for name, content in self.headers),
        )


class Original(NamedTuple):
    """The bytes of a record that could not be used. They may hold personal data."""

    key: bytes | None
    value: bytes | None
    headers: Headers


class DeadLetterDecision(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """JSON: what an operator (`by`) had done with a dead letter; when, is the append time. The last one counts.

    `state` open: it was to be driven in again and is refused still, now for this reason. `written`: where the event
    stands that was made of it (topic-partition-offset). `edited`: it was repaired before.
    """

    id: str
    topic: str
    partition: int
    offset: int
    state: State
    by: str
    reason: str | None = None
    field: str | None = None
    rule: str | None = None
    written: str | None = None
    edited: bool = False


class Position(NamedTuple):
    """Where the original of a dead letter stands. `topic` is the base name."""

    topic: str
    partition: int
    offset: int


decode_dead_letter: Final = msgspec.json.Decoder(DeadLetterBody).decode
decode_decision: Final = msgspec.json.Decoder(DeadLetterDecision).decode
encode_decision: Final = msgspec.json.Encoder().encode


def dead_letter_id(topic: str, partition: int, offset: int) -> str:
    """The same record gives the same id."""
    return f"{topic}-{partition}-{offset}"


def position_of(letter_id: str) -> Position | None:
    """The inverse of `dead_letter_id`; None for what isn't such an id."""
    topic, _, rest = letter_id.rpartition("-")
    topic, _, partition = topic.rpartition("-")
    numbers = (partition, rest)
    if not topic or not all(each.isascii() and each.isdecimal() and len(each) < 19 for each in numbers):
        return None
    return Position(topic, int(partition), int(rest))


def encode_dead_letter(
    *,
    topic: str,
    partition: int,
    offset: int,
    appended_at: datetime,
    rejection: RejectedEvent,
    key: bytes | None,
    value: bytes | None,
    headers: Iterable[tuple[str, bytes | None]],
) -> bytes:
    """The value of the record on `dead-letters`; not larger than that topic takes, whatever the record is."""
    headers = list(headers)
    size = sum(len(name.encode()) + len(content or b"") for name, content in headers)
    size += len(key or b"") + len(value or b"")
    left_out_bytes = 0
    if size > MAX_EVENT_BYTES:
        key, value, headers = key and key[:KEPT_BYTES], value and value[:KEPT_BYTES], []
        left_out_bytes = size - len(key or b"") - len(value or b"")
    return msgspec.json.encode(
        DeadLetterBody(
            id=dead_letter_id(topic, partition, offset),
            topic=topic,
            partition=partition,
            offset=offset,
            appended_at=appended_at,
            reason=rejection.reason,
            field=rejection.field,
            rule=rejection.rule,
            key=_base64(key),
            value=_base64(value),
            headers=encode_headers(headers),
            left_out_bytes=left_out_bytes,
        )
    )


def encode_headers(headers: Iterable[tuple[str, bytes | None]]) -> list[tuple[str, str | None]]:
    """Pairs of a name and its value in base64, or null."""
    return [(name, _base64(content)) for name, content in headers]


def _base64(content: bytes | None) -> str | None:
    return None if content is None else b64encode(content).decode()


def _bytes(text: str | None) -> bytes | None:
    return None if text is None else b64decode(text)

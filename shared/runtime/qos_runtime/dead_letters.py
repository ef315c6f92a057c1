"""What a record on the topic `dead-letters` looks like, whoever could not use the original."""

from base64 import b64encode
from collections.abc import Iterable
from datetime import datetime

import msgspec

from qos_domain.errors import RejectedEvent


class DeadLetterBody(msgspec.Struct, frozen=True, kw_only=True):
    """JSON: where the record stood, why it can't be used, and its bytes in base64 (null where there were none).

    `topic` is the base name; `appended_at` is the broker's append time; headers are [name, base64] pairs.
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


def dead_letter_id(topic: str, partition: int, offset: int) -> str:
    """The same record gives the same id."""
    return f"{topic}-{partition}-{offset}"


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
    """The value of the record on `dead-letters`."""
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
        )
    )


def encode_headers(headers: Iterable[tuple[str, bytes | None]]) -> list[tuple[str, str | None]]:
    """Pairs of a name and its value in base64, or null."""
    return [(name, _base64(content)) for name, content in headers]


def _base64(content: bytes | None) -> str | None:
    return None if content is None else b64encode(content).decode()

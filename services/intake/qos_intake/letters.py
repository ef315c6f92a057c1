"""Dead letters as operators see them: what stands on the topic, and what was decided about it."""

from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Any, Final, NamedTuple

import msgspec
from msgspec import UNSET, Meta, MsgspecError, Struct, UnsetType

from qos_domain.vocabulary import EventId, Source
from qos_intake.content_modes import KAFKA_PREFIX, attributes_of
from qos_runtime.dead_letters import DeadLetterBody, DeadLetterDecision, State

RESTRICTED: Final = "These bytes were checked by nobody and may hold personal data: don't copy them anywhere."

_Type = Annotated[str, Meta(pattern=r"^[a-z0-9]+([._-][a-z0-9_]+){1,20}(?!\n)$", max_length=200)]


class Named(NamedTuple):
    """What the original says of itself, where it can be read and has the form that it must have; else None."""

    source: str | None
    id: str | None
    type: str | None


class Bytes(Struct, frozen=True, kw_only=True):
    """The original's bytes in base64, and its value as text where it is UTF-8."""

    restricted: str = RESTRICTED
    key: str | None
    value: str | None
    headers: list[tuple[str, str | None]]
    text: str | None


class LetterView(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One dead letter. `reason`, `field` and `rule` are those of the last attempt; `value_bytes` is the value's size,
    null for a tombstone; `decided_by` and `decided_at` are of the last decision; `written` is where its event stands
    since it was driven in again. `left_out_bytes`: so much of a record that was too large for a letter isn't in it."""

    id: str
    topic: str
    partition: int
    offset: int
    appended_at: datetime
    state: State
    reason: str
    field: str
    rule: str
    source: str | None
    type: str | None
    value_bytes: int | None
    left_out_bytes: int = 0
    decided_by: str | None = None
    decided_at: datetime | None = None
    written: str | None = None
    edited: bool = False
    bytes: Bytes | UnsetType = UNSET


@dataclass(frozen=True, slots=True)
class Letter:
    """A dead letter, and the last decision about it with its time."""

    body: DeadLetterBody
    decision: DeadLetterDecision | None = None
    decided_at: datetime | None = None

    @property
    def state(self) -> State:
        return self.decision.state if self.decision else "open"

    @property
    def reason(self) -> str:
        return (self.decision and self.decision.reason) or self.body.reason

    @property
    def field(self) -> str:
        return (self.decision and self.decision.field) or self.body.field

    @property
    def rule(self) -> str:
        return (self.decision and self.decision.rule) or self.body.rule

    def named(self) -> Named:
        original = self.body.original()
        texts = [(name, (content or b"").decode("utf-8", "replace")) for name, content in original.headers]
        attributes: dict[str, Any] = dict(attributes_of(texts, KAFKA_PREFIX))
        return names(original.value or b"", attributes)

    def view(self, *, with_bytes: bool = False) -> LetterView:
        """Without the bytes unless they are asked for: they may be personal."""
        body, decision, named = self.body, self.decision, self.named()
        value = body.original().value
        return LetterView(
            id=body.id,
            topic=body.topic,
            partition=body.partition,
            offset=body.offset,
            appended_at=body.appended_at,
            state=self.state,
            reason=self.reason,
            field=self.field,
            rule=self.rule,
            source=named.source,
            type=named.type,
            value_bytes=None if value is None else len(value),
            left_out_bytes=body.left_out_bytes,
            decided_by=decision.by if decision else None,
            decided_at=self.decided_at,
            written=decision.written if decision else None,
            edited=decision.edited if decision else False,
            bytes=_bytes(body, value) if with_bytes else UNSET,
        )


@dataclass(frozen=True, slots=True)
class LetterFilter:
    """Which letters are wanted; None takes all. Times are those at which the original was appended: `since` <= t <
    `until`. `position` is topic-partition-offset (one letter) or topic-partition."""

    state: State | None = None
    reason: str | None = None
    topic: str | None = None
    source: str | None = None
    position: str | None = None
    since: datetime | None = None
    until: datetime | None = None

    def takes(self, letter: Letter) -> bool:
        body = letter.body
        return (
            self.state in (None, letter.state)
            and self.reason in (None, letter.reason)
            and self.topic in (None, body.topic)
            and self.position in (None, body.id, f"{body.topic}-{body.partition}")
            and (self.since is None or self.since <= body.appended_at)
            and (self.until is None or body.appended_at < self.until)
            and (self.source is None or self.source == letter.named().source)
        )


class _Loose(Struct):
    source: Any = None
    id: Any = None
    type: Any = None


def names(document: bytes, attributes: dict[str, Any] | None = None) -> Named:
    """What a document in structured mode says of itself; `attributes` (of headers) come first."""
    try:
        loose = msgspec.convert(attributes, _Loose) if attributes else msgspec.json.decode(document, type=_Loose)
    except (MsgspecError, UnicodeDecodeError, RecursionError):
        return Named(None, None, None)
    return Named(_formed(loose.source, Source), _formed(loose.id, EventId), _formed(loose.type, _Type))


def _formed(found: object, form: Any) -> str | None:  # noqa: ANN401  an annotated type
    try:
        text: str = msgspec.convert(found, form)
    except msgspec.ValidationError:
        return None
    return text


def _bytes(body: DeadLetterBody, value: bytes | None) -> Bytes:
    try:
        text = None if value is None else value.decode()
    except UnicodeDecodeError:
        text = None
    return Bytes(key=body.key, value=body.value, headers=body.headers, text=text)

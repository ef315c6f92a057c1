"""Accepting a record: from bytes to an Event, or a reason why not.

Acceptance depends on the record alone (topic, key, bytes, append time), never on what is known so far, so that a replay
accepts the same (domain document, Events). Intake asks the same functions before it publishes.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import lru_cache, partial
from typing import Annotated, Final, Literal, NamedTuple, TypeAlias

import msgspec
from msgspec import UNSET, DecodeError, Meta, Raw, Struct, UnsetType, ValidationError

from qos_domain.bounds import check_bounds
from qos_domain.errors import RejectedEvent
from qos_domain.events import (
    EVENT_TYPES,
    PAYLOAD_DECODERS,
    TYPE_OF,
    ApplicationSubmitted,
    Event,
    EventPayload,
    Topic,
)
from qos_domain.ids import row_id
from qos_domain.refusals import invalid, malformed, refusal, refused
from qos_domain.upcasting import UPCASTS, Upcast, Upcasts, current_version, lift, lifts
from qos_domain.vocabulary import EventId, Instant, Source

DEFAULT_TYPE_PREFIX: Final = "jp.lg.tokyo.qos."
MAX_EVENT_BYTES: Final = 64 * 1024


@dataclass(frozen=True, slots=True)
class AcceptanceRules:
    """`type_prefix` precedes every short type on the wire; `max_future` is what clocks may differ by."""

    type_prefix: str = DEFAULT_TYPE_PREFIX
    max_future: timedelta = timedelta(minutes=5)


class _Attributes(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, gc=False):
    """The CloudEvents attributes that are taken. Trace context is checked for its form and not kept."""

    specversion: Literal["1.0"]
    source: Source
    type: Annotated[str, Meta(max_length=200)]
    time: Instant
    data: Raw
    subject: str | None = None
    datacontenttype: str | None = None
    dataschema: str | None = None
    corrects: EventId | None = None
    traceparent: Annotated[str, Meta(pattern=r"^[0-9a-f]{2}(-[0-9a-f]+)+(?!\n)$", max_length=128)] | None = None
    tracestate: Annotated[str, Meta(max_length=512)] | None = None


class _Envelope(_Attributes, frozen=True, kw_only=True, forbid_unknown_fields=True, gc=False):
    id: EventId


class _Row(_Attributes, frozen=True, kw_only=True, forbid_unknown_fields=True, gc=False):
    id: EventId | UnsetType = UNSET


class _CloudEvent(Struct, frozen=True, kw_only=True, omit_defaults=True, gc=False):
    """An event as it is written: the order of the fields is that of the wire."""

    specversion: str
    id: str
    source: str
    type: str
    time: datetime
    subject: str
    datacontenttype: str
    corrects: str | None = None
    data: EventPayload


class _WireType(NamedTuple):
    topic: Topic
    schema: type[EventPayload]
    dataschema: str
    decode: Callable[[Raw], EventPayload]


_ENVELOPE: Final = msgspec.json.Decoder(_Envelope)
_ROW: Final = msgspec.json.Decoder(_Row)
_ENCODER: Final = msgspec.json.Encoder()
_Decoder: TypeAlias = msgspec.json.Decoder[_Envelope] | msgspec.json.Decoder[_Row]


def dataschema(event_type: str, version: int) -> str:
    """The URI of the schema of a short type's data at a version."""
    return f"urn:procedure-qos:{event_type}:v{version}"


def accept(
    *, topic: Topic, key: bytes | None, value: bytes | None, appended_at: datetime, rules: AcceptanceRules
) -> Event:
    """The event of one Kafka record of an input topic (its base name), as the broker appended it.

    Raises RejectedEvent: what `decode_cloudevent` raises, and tombstone, wrong_topic, key_mismatch, time_in_future.
    """
    if not value:
        raise refused("tombstone", "value", "a record holds an event; nothing is ever deleted")
    event, wire = _decode(value, _ENVELOPE, rules, UPCASTS)
    if wire.topic != topic:
        raise refused("wrong_topic", "type", f"events of this type belong on {wire.topic}")
    if key != event.data.procedure_id.encode():
        raise refused("key_mismatch", "key", "the record's key is the procedure_id, in UTF-8")
    check_not_in_future(event, appended_at, rules)
    return event


def decode_cloudevent(raw: bytes | Raw, rules: AcceptanceRules, upcasts: Upcasts = UPCASTS) -> Event:
    """The event of one CloudEvent in structured JSON mode: form and schema only, no clock.

    Raises RejectedEvent with reason too_large, malformed_json, unknown_type, unknown_field, missing_field,
    invalid_field, time_without_offset or personal_data. No message ever holds a value of the event.
    """
    return _decode(raw, _ENVELOPE, rules, upcasts)[0]


def decode_row(raw: bytes | Raw, rules: AcceptanceRules) -> Event:
    """As `decode_cloudevent`, for a row of a bulk file: one without an `id` gets `ids.row_id`."""
    return _decode(raw, _ROW, rules, UPCASTS)[0]


def encode_cloudevent(event: Event, rules: AcceptanceRules) -> bytes:
    """The inverse of `decode_cloudevent`: canonical structured JSON, at the current version of the type."""
    data = event.data
    name = TYPE_OF[type(data)]
    return _ENCODER.encode(
        _CloudEvent(
            specversion="1.0",
            id=event.id,
            source=event.source,
            type=_wire_name(rules.type_prefix, name, current_version(name)),
            time=event.time,
            subject=getattr(data, "application_id", None) or data.procedure_id,
            datacontenttype="application/json",
            corrects=event.corrects,
            data=data,
        )
    )


def check_not_in_future(event: Event, at: datetime, rules: AcceptanceRules) -> None:
    """Raises RejectedEvent (time_in_future) when the event says of itself that it happens after `at` + max_future."""
    latest = at + rules.max_future
    if event.time > latest:
        raise _in_future("time", rules)
    data = event.data
    if isinstance(data, ApplicationSubmitted):
        if data.received_at is not None and data.received_at > latest:
            raise _in_future("data.received_at", rules)
        if data.started_at is not None and data.started_at > latest:
            raise _in_future("data.started_at", rules)


def _decode(raw: bytes | Raw, decoder: _Decoder, rules: AcceptanceRules, upcasts: Upcasts) -> tuple[Event, _WireType]:
    if len(memoryview(raw)) > MAX_EVENT_BYTES:
        raise refused("too_large", "value", f"at most {MAX_EVENT_BYTES} bytes an event")
    try:
        envelope = decoder.decode(raw)
    except ValidationError as error:
        schema = _Envelope if decoder is _ENVELOPE else _Row
        raise refusal(error, schema=schema, raw=bytes(raw)) from None
    except (DecodeError, UnicodeDecodeError, RecursionError):
        raise malformed("value") from None
    wire = _wire_types(rules.type_prefix).get(envelope.type) if upcasts is UPCASTS else None
    if wire is None:
        wire = _find(envelope.type, rules.type_prefix, upcasts)
    try:
        data = wire.decode(envelope.data)
    except ValidationError as error:
        raise refusal(error, schema=wire.schema, raw=bytes(envelope.data), at="data") from None
    except (DecodeError, UnicodeDecodeError, RecursionError):
        raise malformed("data") from None
    event_id = envelope.id
    if event_id is UNSET:
        event_id = row_id(source=envelope.source, time=envelope.time, data=data)
    event = Event(source=envelope.source, id=event_id, time=envelope.time, data=data, corrects=envelope.corrects)
    _check(envelope, event, wire)
    return event, wire


def _check(envelope: _Envelope | _Row, event: Event, wire: _WireType) -> None:
    """What the schemas can't say."""
    data = event.data
    subject = envelope.subject
    if subject is not None and subject != getattr(data, "application_id", None) and subject != data.procedure_id:
        raise invalid("subject", "the application_id or the procedure_id of the data, or left out")
    content_type = envelope.datacontenttype
    if content_type is not None and content_type != "application/json":
        raise invalid("datacontenttype", "application/json, or left out")
    if envelope.dataschema is not None and envelope.dataschema != wire.dataschema:
        raise invalid("dataschema", f"{wire.dataschema}, or left out")
    if event.corrects is not None and event.corrects == event.id:
        raise invalid("corrects", "the id of another event of the same source")
    check_bounds(event)


def _in_future(field: str, rules: AcceptanceRules) -> RejectedEvent:
    seconds = int(rules.max_future.total_seconds())
    return refused("time_in_future", field, f"at most {seconds} seconds after it is recorded")


def _wire_name(prefix: str, name: str, version: int) -> str:
    return f"{prefix}{name}.v{version}"


def _find(wire_name: str, prefix: str, upcasts: Upcasts) -> _WireType:
    wire = _wire_types(prefix).get(wire_name) if upcasts is UPCASTS else _describe(prefix, upcasts).get(wire_name)
    if wire is None:
        raise refused("unknown_type", "type", f"{prefix}<type>.v<version>, as GET /v1/schemas lists")
    return wire


@lru_cache(maxsize=8)
def _wire_types(prefix: str) -> Mapping[str, _WireType]:
    return _describe(prefix, UPCASTS)


def _describe(prefix: str, upcasts: Upcasts) -> Mapping[str, _WireType]:
    """Every wire type that is read: the current versions straight, older ones through their upcasts."""
    wire_types = {}
    for name, (topic, schema) in EVENT_TYPES.items():
        for version in range(1, current_version(name, upcasts) + 1):
            steps = lifts(name, version, upcasts)
            decode = partial(_decode_lifted, schema, steps) if steps else PAYLOAD_DECODERS[name].decode
            wire_types[_wire_name(prefix, name, version)] = _WireType(topic, schema, dataschema(name, version), decode)
    return wire_types


def _decode_lifted(schema: type[EventPayload], steps: tuple[Upcast, ...], raw: Raw) -> EventPayload:
    data = msgspec.json.decode(raw, type=dict[str, object])
    try:
        lifted = lift(data, steps)
    except (KeyError, TypeError, ValueError, AttributeError):
        raise invalid("data", "data of the version that the type names") from None
    return msgspec.convert(lifted, schema)

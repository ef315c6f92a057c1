"""Decoding alone: msgspec as the services use it, beside pydantic with the same fields, on the same events.

pydantic is given what it is best at: models without the rules that a schema can't say, and the JSON bytes as they are.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import islice
from time import process_time
from typing import Annotated, Literal

from msgspec import Raw, Struct
from msgspec.json import Decoder
from pydantic import BaseModel, ConfigDict, Field, TypeAdapter

from bench.backlog import events
from qos_domain.acceptance import AcceptanceRules, decode_cloudevent, encode_cloudevent
from qos_domain.events import PAYLOAD_DECODERS

_EVENTS = 50_000
_TYPES = (
    "application.submitted",
    "application.fee_paid",
    "review.started",
    "review.decided",
    "notification.sent",
)


class _Data(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    procedure_id: Annotated[str, Field(min_length=1, max_length=128)]
    application_id: Annotated[str, Field(min_length=1, max_length=128)]


class _Attachments(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    digital: int = 0
    paper: int = 0
    omitted_by_linkage: int = 0


class _Submitted(_Data):
    channel: Literal["online", "email", "counter", "mail", "phone", "other"]
    by_agent: bool | None = None
    device: Literal["smartphone", "pc", "tablet", "kiosk"] | None = None
    started_at: datetime | None = None
    received_at: datetime | None = None
    due_date: str | None = None
    attachments: _Attachments | None = None
    batch_id: str | None = None


class _FeePaid(_Data):
    payment_id: str
    method: str
    amount_yen: Annotated[int, Field(ge=0)]


class _Decided(_Data):
    outcome: Literal["approved", "rejected", "returned", "other"]


class _Sent(_Data):
    channel: Literal["electronic", "mail", "counter", "phone"]
    purpose: Literal["result", "receipt", "correction", "other"] = "result"


class _Envelope(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    specversion: Literal["1.0"]
    id: str
    source: str
    time: datetime
    subject: str | None = None
    datacontenttype: str | None = None
    corrects: str | None = None


class _SubmittedEvent(_Envelope):
    type: Literal["jp.lg.tokyo.qos.application.submitted.v1"]
    data: _Submitted


class _FeePaidEvent(_Envelope):
    type: Literal["jp.lg.tokyo.qos.application.fee_paid.v1"]
    data: _FeePaid


class _StartedEvent(_Envelope):
    type: Literal["jp.lg.tokyo.qos.review.started.v1"]
    data: _Data


class _DecidedEvent(_Envelope):
    type: Literal["jp.lg.tokyo.qos.review.decided.v1"]
    data: _Decided


class _SentEvent(_Envelope):
    type: Literal["jp.lg.tokyo.qos.notification.sent.v1"]
    data: _Sent


_PYDANTIC: TypeAdapter[BaseModel] = TypeAdapter(
    Annotated[_SubmittedEvent | _FeePaidEvent | _StartedEvent | _DecidedEvent | _SentEvent, Field(discriminator="type")]
)


@dataclass(frozen=True, slots=True)
class Decoding:
    name: str
    microseconds: float
    """Of a core, an event."""


class _Outer(Struct, frozen=True, forbid_unknown_fields=True, gc=False):
    specversion: Literal["1.0"]
    id: str
    source: str
    type: str
    time: datetime
    data: Raw
    subject: str | None = None
    datacontenttype: str | None = None
    corrects: str | None = None


_OUTER = Decoder(_Outer)
_PREFIX, _SUFFIX = len("jp.lg.tokyo.qos."), len(".v1")


def _by_schema(raw: bytes) -> object:
    outer = _OUTER.decode(raw)
    return PAYLOAD_DECODERS[outer.type[_PREFIX:-_SUFFIX]].decode(outer.data)


def measure() -> list[Decoding]:
    """Each decoder over the same events, the best of three passes."""
    rules = AcceptanceRules()
    chosen = (event for event in events(3 * _EVENTS) if event.type in _TYPES)
    raws = [encode_cloudevent(event, rules) for event in islice(chosen, _EVENTS)]
    return [
        Decoding("msgspec, schema only", _best(_by_schema, raws)),
        Decoding("pydantic, schema only", _best(_PYDANTIC.validate_json, raws)),
        Decoding(
            "msgspec and the rules that no schema can say", _best(lambda raw: decode_cloudevent(raw, rules), raws)
        ),
    ]


def _best(decode: Callable[[bytes], object], raws: Sequence[bytes]) -> float:
    def once() -> float:
        began = process_time()
        for raw in raws:
            decode(raw)
        return process_time() - began

    return min(once() for _ in range(3)) / len(raws) * 1e6

"""The ways CloudEvents come over HTTP (and over Kafka): one event in two modes, or several in one body.

Each way ends in documents of the structured mode, so that there is one acceptance for all. The project's own reader is
used and not the `cloudevents` library's: that one gives an event without id or time a random id and the present time,
takes times without an offset, and knows no batches (docs/adr/0017).
"""

from collections.abc import Callable, Iterable, Mapping
from typing import Final, NamedTuple, TypeAlias
from urllib.parse import unquote

import msgspec
from msgspec import DecodeError, Raw

from qos_domain.acceptance import AcceptanceRules, decode_cloudevent, decode_row
from qos_domain.errors import RejectedEvent
from qos_domain.events import Event
from qos_domain.refusals import malformed
from qos_intake.problems import Refused

STRUCTURED: Final = "application/cloudevents+json"
BATCHED: Final = "application/cloudevents-batch+json"
LINES: Final = ("application/x-ndjson", "application/ndjson", "application/jsonl")
JSON: Final = "application/json"
HTTP_PREFIX: Final = "ce-"
KAFKA_PREFIX: Final = "ce_"

Decode: TypeAlias = Callable[[bytes | Raw, AcceptanceRules], Event]
Document: TypeAlias = bytes | Raw | RejectedEvent

_DOCUMENTS: Final = msgspec.json.Decoder(list[Raw])
_ONE: Final = msgspec.json.Decoder(Raw)


class Body(NamedTuple):
    """The documents of a body, each with its line where it is a file of lines."""

    documents: list[Document]
    rows: list[int] | None
    single: bool
    decode: Decode = decode_cloudevent


def read_body(content_type: str, headers: Iterable[tuple[str, str]], body: bytes, *, max_events: int) -> Body:
    """Take a body apart. Raises Refused when it isn't of a known mode, or can't be taken apart at all."""
    media_type = _media_type(content_type)
    if media_type == STRUCTURED:
        return Body([body], None, single=True)
    if media_type == BATCHED:
        return Body(_batch(body, max_events), None, single=False)
    if media_type in LINES:
        rows, lines = _lines(body, max_events)
        return Body(lines, rows, single=False, decode=decode_row)
    attributes = {name: unquote(value) for name, value in attributes_of(headers, HTTP_PREFIX).items()}
    if media_type == JSON and attributes:
        return Body([binary(attributes, body)], None, single=True)
    raise _unsupported()


def attributes_of(headers: Iterable[tuple[str, str]], prefix: str) -> dict[str, str]:
    """The CloudEvents attributes among the headers, by lower-case name."""
    named = ((name.lower(), value) for name, value in headers)
    return {name.removeprefix(prefix): value for name, value in named if name.startswith(prefix)}


def binary(attributes: Mapping[str, str], data: bytes) -> Document:
    """The structured document of an event in binary mode, or its refusal when the data is no JSON document."""
    try:
        document = _ONE.decode(data)
    except (DecodeError, UnicodeDecodeError, RecursionError):
        return malformed("data")
    return msgspec.json.encode({**attributes, "datacontenttype": JSON, "data": document})


def _batch(body: bytes, max_events: int) -> list[Document]:
    try:
        documents = _DOCUMENTS.decode(body)
    except (DecodeError, UnicodeDecodeError, RecursionError):
        raise Refused("malformed_json", field="body", rule="one complete JSON array of events, in UTF-8") from None
    _limit(len(documents), max_events)
    return list(documents)


def _lines(body: bytes, max_events: int) -> tuple[list[int], list[Document]]:
    rows, lines = [], []
    for row, line in enumerate(body.split(b"\n"), start=1):
        if line.strip():
            rows.append(row)
            lines.append(line)
    _limit(len(lines), max_events)
    return rows, list(lines)


def _limit(count: int, max_events: int) -> None:
    if count > max_events:
        raise Refused("batch_too_long", field="body", rule=f"at most {max_events} events a request")


def _media_type(content_type: str) -> str:
    media_type, *parameters = (part.strip().lower() for part in content_type.split(";"))
    for parameter in parameters:
        name, _, value = parameter.partition("=")
        if name == "charset" and value.strip('"') not in ("utf-8", "utf8", "us-ascii"):
            raise _unsupported()
    return media_type


def _unsupported() -> Refused:
    rule = f"{STRUCTURED}, {BATCHED}, {LINES[0]}, or {JSON} with ce- headers; in UTF-8"
    return Refused("unsupported_media_type", field="Content-Type", rule=rule)

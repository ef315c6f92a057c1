"""Publications as immutable events: their shapes, their digests, and how they are read back (docs/publications.md).

The topic `publications` holds, for each publication, one `publication.issued` for every procedure, every organisation
and for everything, then one `publication.completed`: only with that the others count. A publication that was broken
off has none, and its events are passed over. `publication.restated` says what the present data says of a published
scope; of several the one with the latest `restated_at` holds.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from hashlib import sha256
from typing import TypeAlias, TypeVar

import msgspec

from qos_domain.publication import PublicationScope, Statement
from qos_domain.registry import VersionName
from qos_domain.restatement import Cause, Step

ISSUED = "publication.issued"
COMPLETED = "publication.completed"
RESTATED = "publication.restated"


@dataclass(frozen=True, slots=True, kw_only=True)
class PublicationLineage:
    """What a statement rests on: versions of criteria, calendar, registry (of the last day; None for several
    procedures) and logic; and how far the log was taken in.

    `positions`: for each input topic the next offset, in the partition of the procedure; of several procedures the
    `LogPosition`s of the publication hold. `processed_until` is when the newest record before them was appended.
    """

    criteria: str
    calendar: str
    registry: VersionName | None
    logic_version: int
    positions: Mapping[str, int]
    processed_until: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class LogPosition:
    """Records of the topic (its base name) before `next_offset` were taken in. `topic_id` names the topic for as long
    as it exists: one made anew under the same name has other offsets. None where it isn't known."""

    topic: str
    partition: int
    next_offset: int
    topic_id: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class PublicationIssued:
    """What one publication says of one scope. `id` is that of the procedure or organisation, '' for everything;
    `organisation_id` the owner's (of a procedure, on the last day)."""

    publication_id: str
    period: str
    scope: PublicationScope
    id: str
    organisation_id: str | None
    statement: Statement
    lineage: PublicationLineage

    @property
    def digest(self) -> str:
        """SHA-256 of the canonical content, in hexadecimal."""
        return sha256(canonical(self)).hexdigest()


@dataclass(frozen=True, slots=True, kw_only=True)
class PublicationCompleted:
    """A publication, whole. `digest` is `digest_of` those of all its scopes, so that none can be missing or changed."""

    publication_id: str
    period: str
    as_of: date
    issued_at: datetime
    procedures: int
    organisations: int
    digest: str
    criteria: str
    calendar: str
    logic_version: int
    positions: tuple[LogPosition, ...]
    processed_until: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class PublicationRestated:
    """What the present data says of a published scope: the last of `steps` (none: what was published). `published` is
    the digest of what it restates, `late_events` how many events of the scope came after the publication (None: not
    known)."""

    publication_id: str
    period: str
    scope: PublicationScope
    id: str
    published: str
    restated_at: datetime
    steps: tuple[Step, ...]
    lineage: PublicationLineage
    late_events: int | None

    @property
    def causes(self) -> tuple[Cause, ...]:
        return tuple(step.cause for step in self.steps)


PublicationEvent: TypeAlias = PublicationIssued | PublicationCompleted | PublicationRestated
DATA_OF: Mapping[str, type[PublicationEvent]] = {
    ISSUED: PublicationIssued,
    COMPLETED: PublicationCompleted,
    RESTATED: PublicationRestated,
}
TYPE_OF_DATA: Mapping[type[PublicationEvent], str] = {data: name for name, data in DATA_OF.items()}


class UnreadablePublication(ValueError):
    """A record of `publications` that this program can't read. `rule` says why."""

    def __init__(self, rule: str) -> None:
        super().__init__(f"not a publication event: {rule}")
        self.rule = rule


_CANONICAL = msgspec.json.Encoder(order="deterministic")


def canonical(value: object) -> bytes:
    """JSON with sorted keys and no blanks: the same content gives the same bytes."""
    return _CANONICAL.encode(value)


def digest_of(digests: Iterable[tuple[PublicationScope, str, str]]) -> str:
    """SHA-256 of the digests of all scopes (scope, id, digest), in the order of their names, one a line."""
    lines = (f"{scope} {id_} {digest}\n" for scope, id_, digest in sorted(digests))
    return sha256("".join(lines).encode()).hexdigest()


class _Envelope(msgspec.Struct):
    type: str
    data: msgspec.Raw


_ENVELOPES = msgspec.json.Decoder(_Envelope)
_E = TypeVar("_E", bound=PublicationEvent)


def read_event(value: bytes, *, type_prefix: str) -> PublicationEvent | None:
    """What a record of `publications` says. None for an event of another type, which is another reader's.

    Raises UnreadablePublication for what isn't a CloudEvent, or has not the content that its type asks for.
    """
    try:
        envelope = _ENVELOPES.decode(value)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise UnreadablePublication(str(error)) from error
    name = envelope.type.removeprefix(type_prefix).removesuffix(".v1")
    if name not in DATA_OF or envelope.type != f"{type_prefix}{name}.v1":
        return None
    return decode_data(DATA_OF[name], bytes(envelope.data))


def decode_data(kind: type[_E], data: bytes) -> _E:
    """The data of an event of this kind. Raises UnreadablePublication."""
    try:
        return msgspec.json.decode(data, type=kind)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise UnreadablePublication(str(error)) from error

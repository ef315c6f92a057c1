"""A set of facts as a join-semilattice: joining is union, so order, repetition and lateness can't matter.

A fact is an event as it is kept: named by (source, id), its payload in canonical JSON. The same name with other content
is a conflict: the content with the smaller (time, SHA-256 of the data) stays, whatever comes first, and the fact is
marked for ever.
"""

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from hashlib import sha256
from typing import TypeAlias

import msgspec
from msgspec import Raw, Struct

from qos_domain.events import EVENT_TYPES, PAYLOAD_DECODERS, TYPE_OF, Event, EventPayload
from qos_domain.tolerance import convert_known

FactName: TypeAlias = tuple[str, str]


class Fact(Struct, frozen=True, array_like=True):
    """One event of a case (or of a procedure's registry) as it is stored. `time` is in UTC."""

    source: str
    id: str
    type: str
    time: datetime
    data: Raw
    corrects: str | None = None
    conflict: bool = False

    @property
    def payload(self) -> EventPayload:
        """As this program knows it. A newer one that shares the tables, or did until it was rolled back, may have
        stored optional fields beside: no figure rests on them, or its logic version would be another one. They stay in
        `data`.
        """
        try:
            return PAYLOAD_DECODERS[self.type].decode(self.data)
        except msgspec.ValidationError:
            return convert_known(msgspec.json.decode(self.data), EVENT_TYPES[self.type][1])


Facts: TypeAlias = Mapping[FactName, Fact]

_PAYLOAD_ENCODER = msgspec.json.Encoder(order="deterministic")
_FACTS_ENCODER = msgspec.json.Encoder()
_FACTS_DECODER = msgspec.json.Decoder(list[Fact])
NO_FACTS: Facts = {}


def fact_of(event: Event) -> Fact:
    return Fact(
        event.source,
        event.id,
        TYPE_OF[type(event.data)],
        event.time.astimezone(UTC),
        Raw(_PAYLOAD_ENCODER.encode(event.data)),
        event.corrects,
    )


def event_of(fact: Fact) -> Event:
    """The event that the fact was made of: `fact_of` makes the same of it, but for a conflict with other content."""
    return Event(source=fact.source, id=fact.id, time=fact.time, data=fact.payload, corrects=fact.corrects)


def join(facts: Facts, more: Iterable[Fact]) -> Facts:
    """The union of both; `facts` itself when nothing is new. Commutative, associative and idempotent."""
    joined: dict[FactName, Fact] | None = None
    for fact in more:
        name = (fact.source, fact.id)
        known = (facts if joined is None else joined).get(name)
        kept = fact if known is None else _kept(known, fact)
        if kept is not known:
            if joined is None:
                joined = dict(facts)
            joined[name] = kept
    return facts if joined is None else joined


def standing(facts: Facts) -> list[Fact]:
    """The facts that no other one of the same source corrects, in no particular order."""
    void = {(fact.source, fact.corrects) for fact in facts.values() if fact.corrects is not None}
    if not void:
        return list(facts.values())
    return [fact for name, fact in facts.items() if name not in void]


def encode_facts(facts: Facts) -> str:
    """Canonical JSON text: the same facts give the same text."""
    return _FACTS_ENCODER.encode([facts[name] for name in sorted(facts)]).decode()


def decode_facts(text: str | bytes) -> Facts:
    return {(fact.source, fact.id): fact for fact in _FACTS_DECODER.decode(text)}


def _kept(known: Fact, other: Fact) -> Fact:
    if _content(known) == _content(other):
        return known if known.conflict or not other.conflict else other
    winner = min(known, other, key=_rank)
    return winner if winner.conflict else msgspec.structs.replace(winner, conflict=True)


def _content(fact: Fact) -> tuple[datetime, bytes, str, str | None]:
    return (fact.time, bytes(fact.data), fact.type, fact.corrects)


def _rank(fact: Fact) -> tuple[datetime, bytes, str, str]:
    return (fact.time, sha256(bytes(fact.data)).digest(), fact.type, fact.corrects or "")

"""Who may emit what and who operates: the sources file, and whose a key is.

Keys are random with 256 bits, so a plain SHA-256 is the right hash: there is nothing to guess that a slow, salted hash
would protect, and a slow hash would cost every request. The hashes of all sources are compared in constant time.
"""

import hmac
import tomllib
from collections.abc import Collection
from dataclasses import dataclass
from datetime import timedelta
from fnmatch import fnmatchcase
from hashlib import sha256
from pathlib import Path
from typing import Annotated, Literal, TypeVar

import msgspec
from msgspec import Meta, Struct

from qos_domain.events import EVENT_TYPES
from qos_domain.vocabulary import Source as SourceUri
from qos_runtime.errors import NotConfigured

SETTING = "QOS_INTAKE_SOURCES_FILE"
EVERY = "*"

Name = Annotated[str, Meta(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,63}(?!\n)$")]
KeyHash = Annotated[str, Meta(pattern=r"^[0-9a-f]{64}(?!\n)$")]
OrganisationId = Annotated[str, Meta(pattern=r"^(\*|[A-Za-z0-9][A-Za-z0-9._:/#-]{0,127})(?!\n)$")]
Days = Annotated[int, Meta(ge=1)]


class _Entry(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    source: SourceUri
    name: Name
    key_sha256: Annotated[tuple[KeyHash, ...], Meta(min_length=1)]
    organisations: Annotated[tuple[OrganisationId, ...], Meta(min_length=1)]
    event_types: Annotated[tuple[str, ...], Meta(min_length=1)]
    max_age_days: Days | Literal["unlimited"] | None = None
    inbox: bool = False


class _Operator(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    name: Name
    key_sha256: Annotated[tuple[KeyHash, ...], Meta(min_length=1)]


class _File(Struct, frozen=True, forbid_unknown_fields=True):
    sources: Annotated[tuple[_Entry, ...], Meta(min_length=1)]
    operators: tuple[_Operator, ...] = ()


@dataclass(frozen=True, slots=True)
class Source:
    """One emitting system.

    `uri` is the CloudEvents source of all its events, `name` a short one for topics, metrics and logs. `organisations`
    None means any. `event_types` are short types. `max_age` None means any age.
    """

    uri: str
    name: str
    key_hashes: tuple[bytes, ...]
    organisations: frozenset[str] | None
    event_types: frozenset[str]
    max_age: timedelta | None
    inbox: bool = False

    def serves(self, organisations: Collection[str]) -> bool:
        """Whether it may emit for a procedure that belongs, or belonged, to these organisations."""
        return self.organisations is None or not self.organisations.isdisjoint(organisations)


@dataclass(frozen=True, slots=True)
class Operator:
    """Somebody of the staff, who may settle dead letters; `name` is what is kept of who did it."""

    name: str
    key_hashes: tuple[bytes, ...]


class Sources:
    """All sources of this deployment, and who operates it."""

    def __init__(self, sources: Collection[Source], operators: Collection[Operator] = ()) -> None:
        self.all = tuple(sources)
        self.operators = tuple(operators)

    def authenticate(self, key: str) -> Source | None:
        """The source that a key belongs to. Takes as long for a wrong key as for a right one."""
        return _owner(key, self.all)

    def operator(self, key: str) -> Operator | None:
        """The operator that a key belongs to; as `authenticate`."""
        return _owner(key, self.operators)


_Holder = TypeVar("_Holder", Source, Operator)


def _owner(key: str, holders: Collection[_Holder]) -> _Holder | None:
    given = key_hash(key)
    found = None
    for holder in holders:
        for known in holder.key_hashes:
            if hmac.compare_digest(given, known):
                found = holder
    return found


def key_hash(key: str) -> bytes:
    """What is kept of a key."""
    return sha256(key.encode()).digest()


def load_sources(path: Path, *, max_age_days: int) -> Sources:
    """The sources of a TOML file (docs/events.md, Sources); `max_age_days` is for those that don't say.

    Raises NotConfigured when the file is missing, isn't TOML or doesn't fit, naming the entry and the field.
    """
    try:
        document = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise NotConfigured(setting=SETTING, remedy=f"the file can't be read ({type(error).__name__})") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise NotConfigured(setting=SETTING, remedy=f"the file must be TOML ({error})") from error
    try:
        file = msgspec.convert(document, _File)
    except msgspec.ValidationError as error:
        raise NotConfigured(setting=SETTING, remedy=f"an entry doesn't fit ({error})") from error
    _refuse_repeats(file)
    operators = [_operator(entry) for entry in file.operators]
    return Sources([_source(entry, max_age_days) for entry in file.sources], operators)


def _operator(entry: _Operator) -> Operator:
    return Operator(entry.name, tuple(bytes.fromhex(each) for each in entry.key_sha256))


def _source(entry: _Entry, max_age_days: int) -> Source:
    event_types = frozenset(
        name for name in EVENT_TYPES if any(fnmatchcase(name, pattern) for pattern in entry.event_types)
    )
    for pattern in entry.event_types:
        if not any(fnmatchcase(name, pattern) for name in EVENT_TYPES):
            raise NotConfigured(setting=SETTING, remedy=f"{entry.name}: event type {pattern!r} names no type")
    age = max_age_days if entry.max_age_days is None else entry.max_age_days
    return Source(
        uri=entry.source,
        name=entry.name,
        key_hashes=tuple(bytes.fromhex(each) for each in entry.key_sha256),
        organisations=None if EVERY in entry.organisations else frozenset(entry.organisations),
        event_types=event_types,
        max_age=None if age == "unlimited" else timedelta(days=age),
        inbox=entry.inbox,
    )


def _refuse_repeats(file: _File) -> None:
    """A source, a name or a key that stands twice would make it a matter of luck which entry decides."""
    for what, values in (
        ("source", [entry.source for entry in file.sources]),
        ("name", [entry.name for entry in file.sources]),
        ("operator", [entry.name for entry in file.operators]),
        ("key_sha256", [key for keys in (file.sources, file.operators) for entry in keys for key in entry.key_sha256]),
    ):
        if len(set(values)) < len(values):
            raise NotConfigured(setting=SETTING, remedy=f"the same {what} stands in it twice")

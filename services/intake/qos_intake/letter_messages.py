"""What operators ask about dead letters, and what they are answered."""

from collections.abc import Sequence
from typing import Annotated, Any, Final

from msgspec import Meta, Struct

from qos_domain.vocabulary import Instant
from qos_intake.letters import LetterView
from qos_intake.redriving import Settled

MOST_AT_ONCE: Final = 500

_Id = Annotated[str, Meta(min_length=1, max_length=300)]


class Order(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A letter to be driven in again; with `event`, that event instead of the original."""

    id: _Id
    event: dict[str, Any] | None = None


class RedriveRequest(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`since`: none of the originals is older; it spares reading what is."""

    letters: Annotated[tuple[Order, ...], Meta(min_length=1, max_length=MOST_AT_ONCE)]
    since: Instant | None = None


class DiscardRequest(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`since` as in a redrive."""

    ids: Annotated[tuple[_Id, ...], Meta(min_length=1, max_length=MOST_AT_ONCE)]
    since: Instant | None = None


class LetterPage(Struct, frozen=True, kw_only=True):
    """Dead letters; `cursor` asks for those that follow, null at the end."""

    letters: Sequence[LetterView]
    cursor: str | None


class SettledAnswer(Struct, frozen=True, kw_only=True):
    """One result for each letter, in their order."""

    results: Sequence[Settled]

"""Old versions of a payload are lifted on read, one version at a time, as raw JSON data.

A version is the suffix of the wire type (`...fee_paid.v1`). An upcast is a pure function from the `data` of one
version to the `data` of the next. The current version of a type is one more than its newest upcast; a type without
upcasts is at version 1. Records on the log are never rewritten. An upcast sees data that nobody has checked: where a
part is missing it may raise KeyError, TypeError, ValueError or AttributeError, and the event is refused.
"""

from collections.abc import Callable, Mapping
from typing import TypeAlias

Data: TypeAlias = dict[str, object]
Upcast: TypeAlias = Callable[[Data], Data]
# (short type, version it reads) -> what makes of its data that of the next version
Upcasts: TypeAlias = Mapping[tuple[str, int], Upcast]

UPCASTS: Upcasts = {}


def current_version(event_type: str, upcasts: Upcasts = UPCASTS) -> int:
    """The version that `events.py` describes."""
    return 1 + max((version for name, version in upcasts if name == event_type), default=0)


def lifts(event_type: str, version: int, upcasts: Upcasts = UPCASTS) -> tuple[Upcast, ...]:
    """The upcasts from `version` to the current one, in order.

    Raises KeyError where the chain has a hole: no upcast reads one of the versions between.
    """
    return tuple(upcasts[event_type, each] for each in range(version, current_version(event_type, upcasts)))


def lift(data: Data, steps: tuple[Upcast, ...]) -> Data:
    for step in steps:
        data = step(data)
    return data

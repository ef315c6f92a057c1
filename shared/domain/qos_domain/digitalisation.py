"""How many procedures can be applied for online, and what keeps the others (docs/indicators.md, Digitalisation)."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from typing import Literal, TypeAlias

from qos_domain.figures import Share
from qos_domain.procedures import Procedure
from qos_domain.vocabulary import Barrier

BarrierOrUnstated: TypeAlias = Barrier | Literal["not_stated"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Digitalisation:
    """`online` is, of the procedures within their organisation's own discretion, the share with an online channel.

    `channels_unknown` are among them and say nothing of their channels: not online, as far as anyone said. The others
    are `beyond_discretion`, or say nothing of it (`discretion_unknown`). `barriers` counts those beyond it that have no
    online channel.
    """

    procedures: int
    online: Share
    channels_unknown: int
    discretion_unknown: int
    beyond_discretion: int
    beyond_discretion_online: int
    barriers: Mapping[BarrierOrUnstated, int]


def has_online_channel(procedure: Procedure, as_of: date) -> bool | None:
    """Whether a version offers an online channel; without a list of channels, whether it is digital since a day up to
    as_of; None when it says neither."""
    if procedure.channels is not None:
        return any(map(procedure.is_online, procedure.channels))
    return None if procedure.digital_since is None else procedure.digital_since <= as_of


def digitalisation(procedures: Iterable[Procedure], as_of: date) -> Digitalisation:
    """From the versions in force on as_of, one per procedure, without the retired ones."""
    count = within = online = channels_unknown = unknown = beyond = beyond_online = 0
    barriers: dict[BarrierOrUnstated, int] = {}
    for procedure in procedures:
        count += 1
        is_online = has_online_channel(procedure, as_of)
        if procedure.within_discretion is None:
            unknown += 1
        elif procedure.within_discretion:
            within += 1
            online += is_online is True
            channels_unknown += is_online is None
        else:
            beyond += 1
            beyond_online += is_online is True
            if not is_online:
                barrier = procedure.barrier or "not_stated"
                barriers[barrier] = barriers.get(barrier, 0) + 1
    return Digitalisation(
        procedures=count,
        online=Share.of(online, within),
        channels_unknown=channels_unknown,
        discretion_unknown=unknown,
        beyond_discretion=beyond,
        beyond_discretion_online=beyond_online,
        barriers=dict(sorted(barriers.items())),
    )

"""How long alerts hold, wait and repeat: as written, or divided for a rehearsal."""

import math
from dataclasses import dataclass
from datetime import timedelta

_UNITS = (("d", 86_400), ("h", 3_600), ("m", 60), ("s", 1))


@dataclass(frozen=True, slots=True)
class Tempo:
    """`speed` divides every duration: at 3600 an hour becomes a second. Nothing becomes less than a second."""

    speed: float = 1.0

    def of(self, **duration: float) -> str:
        """`timedelta`'s arguments as Prometheus writes a duration: `10h`, `1m30s`."""
        return written(timedelta(**duration) / self.speed)


def written(duration: timedelta) -> str:
    """A duration in Prometheus' notation, rounded up to whole seconds, at least one."""
    left = max(1, math.ceil(duration.total_seconds()))
    parts = []
    for unit, seconds in _UNITS:
        count, left = divmod(left, seconds)
        if count:
            parts.append(f"{count}{unit}")
    return "".join(parts)

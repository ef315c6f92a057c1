"""What a fault is: something that happens to a running system, and is over when `inject` returns."""

from random import Random
from typing import Literal, Protocol, TypeAlias

from chaos.ground import Ground

Part: TypeAlias = Literal["intake", "metrics", "workers", "postgres", "broker", "outgoing"]


class Fault(Protocol):
    """One kind of fault, to be derived from. It keeps nothing between two injections: what it needs is drawn from the
    dice.
    """

    name: str
    """As in the table and in `--faults`: `worker-killed`."""
    summary: str
    """What it does, in one line of `--help`."""
    parts: frozenset[Part]
    """What it needs for itself: of two faults that share a part, one waits until the other is over."""

    def lacking(self) -> str | None:
        """What this machine lacks for it, and how to get it; None when nothing."""
        return None

    async def inject(self, ground: Ground, dice: Random) -> float:
        """Do it, and return when it is over: what was away answers again, what was taken is given back.

        Returns the instant (`time.monotonic()`) from which the recovery counts: the kill, or the end of the fault.
        Raises AssertionError when the fault did not happen as it should. Cancelled, it gives back what `Ground.close`
        does not clear up (that ends all processes and deletes the directory).
        """

"""Which faults a seed injects, in which order, which together: by dice that only the seed throws."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from chaos.fault import Fault
from qos_local.simulation.dice import dice

PER_SEED = 4
_LONGEST_PAUSE_SECONDS = 4.0


@dataclass(frozen=True, slots=True)
class Step:
    """After a pause, one fault or two at once."""

    pause_seconds: float
    faults: tuple[Fault, ...]

    def __str__(self) -> str:
        return "+".join(fault.name for fault in self.faults)


def schedule(seed: int, faults: Sequence[Fault], *, per_seed: int = PER_SEED) -> list[Step]:
    """Some of the faults in a random order, two of them at once where they don't need the same part.

    Seeds that follow each other take their faults from one pack after the other, each shuffled anew, so that any
    row of seeds has each fault about as often.
    """
    wanted = min(per_seed, len(faults))
    drawn = list(_drawn(seed * wanted, wanted, faults))
    rng = dice(seed, "schedule")
    rng.shuffle(drawn)
    steps = [(fault,) for fault in drawn]
    pairs = [
        (first, second)
        for first in range(len(drawn))
        for second in range(first + 1, len(drawn))
        if not drawn[first].parts & drawn[second].parts
    ]
    together: list[tuple[Fault, ...]] = list(steps)
    if pairs:
        first, second = rng.choice(pairs)
        together = [*steps[:first], (drawn[first], drawn[second]), *steps[first + 1 : second], *steps[second + 1 :]]
    return [Step(rng.uniform(0.0, _LONGEST_PAUSE_SECONDS), step) for step in together]


def _drawn(place: int, count: int, faults: Sequence[Fault]) -> Iterator[Fault]:
    """So many different ones, from a place on in the endless row of packs."""
    found: set[str] = set()
    while len(found) < count:
        pack, at = divmod(place, len(faults))
        order = dice(pack, "pack").sample(range(len(faults)), len(faults))
        fault = faults[order[at]]
        place += 1
        if fault.name not in found:
            found.add(fault.name)
            yield fault

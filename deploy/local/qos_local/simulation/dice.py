"""Seeded chance: the same seed and name give the same throws, whatever else is simulated beside."""

from collections.abc import Mapping
from math import log
from random import Random
from typing import TypeVar

T = TypeVar("T", bound=str)


def dice(seed: int, name: str) -> Random:
    return Random(f"{seed}/{name}")  # noqa: S311 - a simulation keeps no secret


def pick(rng: Random, mix: Mapping[T, float]) -> T:
    """One key of `mix`, by weight. Raises IndexError for an empty mix."""
    return rng.choices(tuple(mix), tuple(mix.values()))[0]


def blend(before: Mapping[T, float], now: Mapping[T, float], progress: float) -> dict[T, float]:
    """The mix at `progress` (0..1) of the way from `before` to `now`."""
    names = dict.fromkeys([*before, *now])
    return {name: before.get(name, 0.0) * (1 - progress) + now.get(name, 0.0) * progress for name in names}


def whole(rng: Random, mean: float) -> int:
    """A whole number >= 0 whose mean is about `mean`."""
    base = int(mean)
    return base + (rng.random() < mean - base)


def lognormal_days(rng: Random, median: float, spread: float) -> int:
    """Whole days >= 0, half of them at most about `median`."""
    return int(rng.lognormvariate(log(median), spread) + 0.5)

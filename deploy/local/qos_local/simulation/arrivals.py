"""When applications arrive, and by which channel."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from itertools import accumulate
from random import Random

from qos_domain.calendar import Calendar
from qos_domain.procedures import Procedure
from qos_domain.vocabulary import Channel
from qos_local.simulation.dice import blend, pick
from qos_local.simulation.profiles import Profile

# These reach an office only while it is open.
_OFFICE_HOURS_ONLY: frozenset[Channel] = frozenset({"counter", "mail", "phone"})
_WEEKEND_WEIGHT = 0.25


@dataclass(frozen=True, slots=True)
class Arrival:
    at: datetime
    channel: Channel


def share_out(cases: int, yearly: Mapping[str, int]) -> dict[str, int]:
    """`cases` divided in proportion to `yearly` (largest remainders); each gets at least one."""
    total = sum(yearly.values())
    exact = {name: cases * count / total for name, count in yearly.items()}
    shares = {name: max(1, int(value)) for name, value in exact.items()}
    by_remainder = sorted(exact, key=lambda name: int(exact[name]) - exact[name])
    for name in by_remainder[: max(0, cases - sum(shares.values()))]:
        shares[name] += 1
    return shares


def arrivals(
    rng: Random, profile: Profile, versions: Sequence[Procedure], days: Sequence[date], count: int, calendar: Calendar
) -> list[Arrival]:
    """`count` arrivals within `days` (consecutive local dates), in order of time.

    The channel mix moves from the profile's first to its last; a channel that the version of the day does not offer
    is not used.
    """
    weights = accumulate(
        profile.months[day.month - 1] * (1.0 if calendar.is_business_day(day) else _WEEKEND_WEIGHT) for day in days
    )
    places = rng.choices(range(len(days)), cum_weights=list(weights), k=count)
    return sorted(
        (_arrival(rng, profile, versions, days, place, calendar) for place in places), key=lambda arrival: arrival.at
    )


def _arrival(
    rng: Random, profile: Profile, versions: Sequence[Procedure], days: Sequence[date], place: int, calendar: Calendar
) -> Arrival:
    day = days[place]
    offered = [version for version in versions if version.effective_from <= day][-1].channels or ()
    mix = blend(profile.channels_before, profile.channels_now, place / len(days))
    channel = pick(rng, {name: weight for name, weight in mix.items() if name in offered})
    if channel in _OFFICE_HOURS_ONLY:
        opened = next(_open_days(days, place, calendar))
        return Arrival(moment(rng, opened, 9, 17, calendar), channel)
    hours = (8, 23) if rng.random() < 0.9 else (0, 24)
    return Arrival(moment(rng, day, *hours, calendar), channel)


def _open_days(days: Sequence[date], place: int, calendar: Calendar) -> Iterator[date]:
    """The nearest business days, first from `place` on, then before it (the last days may be a weekend)."""
    for day in (*days[place:], *reversed(days[:place])):
        if calendar.is_business_day(day):
            yield day


def moment(rng: Random, day: date, from_hour: int, to_hour: int, calendar: Calendar) -> datetime:
    """An instant of a local day, to the second."""
    midnight = datetime.combine(day, time(), tzinfo=calendar.time_zone)
    return midnight + timedelta(seconds=rng.randrange(from_hour * 3600, to_hour * 3600))

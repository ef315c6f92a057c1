"""The life that a run sends: a simulated one, told late, twice, out of order, and now and then in two ways."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from random import Random

import msgspec

from qos_domain.calendar import Calendar
from qos_domain.events import ApplicationSubmitted, Event, ProcedureRegistered
from qos_local.simulation.dice import dice
from qos_local.simulation.simulate import simulate
from qos_local.simulation.sources import E_APPLICATION
from qos_runtime.kafka import partition_of

_LATE = 0.05
_TWICE = 0.04
_CONTRADICTED = 0.003
_JITTER = 0.002
_REGISTERED_LATE = 0.3


@dataclass(frozen=True, slots=True)
class Traffic:
    """`events` in the order in which they are sent; `probed` are procedures for probes, one of each partition number.

    `last_day` is that of the simulation: nothing but probes happens later.
    """

    events: Sequence[Event]
    probed: Sequence[str]
    last_day: date


def traffic(seed: int, *, today: date, cases: int, calendar: Calendar, partitions: int) -> Traffic:
    """A pure function of its arguments.

    The simulation tells of the last 400 days, so that nearly all of it is late already. On top of that a twentieth of
    the events comes at any later place, a twenty-fifth comes again, three in a thousand come again with another time
    (the same id with other content), and neighbours change places. Some procedures are registered only after their
    cases came, and later versions come at any place, so that cases are judged anew.
    """
    simulation = simulate(seed=seed, today=today, cases=cases, calendar=calendar)
    rng = dice(seed, "traffic")
    probed = _probed(simulation.procedures[0], partitions)
    placed = [(-2.0, event) for event in probed]
    placed += _registry(rng, simulation.procedures)
    for number, event in enumerate(simulation.events):
        placed += _told(rng, number / len(simulation.events), event)
    placed.sort(key=lambda entry: entry[0])
    return Traffic(
        events=[event for _, event in placed],
        probed=[event.data.procedure_id for event in probed],
        last_day=simulation.last_day,
    )


def probe(procedure_id: str, name: str, at: datetime) -> Event:
    """An application of now whose results are looked for."""
    data = ApplicationSubmitted(procedure_id=procedure_id, application_id=name, channel="online")
    return Event(source=E_APPLICATION, id=name, time=at, data=data)


def _told(rng: Random, place: float, event: Event) -> Iterator[tuple[float, Event]]:
    first = rng.uniform(place, 1.0) if rng.random() < _LATE else place + rng.gauss(0, _JITTER)
    yield first, event
    if rng.random() < _TWICE:
        yield rng.uniform(first, 1.0), event
    if rng.random() < _CONTRADICTED:
        other = msgspec.structs.replace(event, time=event.time - timedelta(minutes=rng.randrange(1, 600)))
        yield rng.uniform(0.0, 1.0), other


def _registry(rng: Random, events: Sequence[Event]) -> Iterator[tuple[float, Event]]:
    for event in events:
        later = not isinstance(event.data, ProcedureRegistered)
        if later or rng.random() < _REGISTERED_LATE:
            yield rng.uniform(0.0, 0.9), event
        else:
            yield -1.0, event


def _probed(like: Event, partitions: int) -> list[Event]:
    """Registrations of one procedure for each partition number."""
    assert isinstance(like.data, ProcedureRegistered)
    found: dict[int, Event] = {}
    number = 0
    while len(found) < partitions:
        name = f"probed-{number}"
        number += 1
        partition = partition_of(name.encode(), partitions)
        if partition not in found:
            data = msgspec.structs.replace(like.data, procedure_id=name)
            found[partition] = Event(source=like.source, id=f"{name}:1", time=like.time, data=data)
    return list(found.values())

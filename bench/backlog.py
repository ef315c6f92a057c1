"""A backlog to measure on: the simulation's ten procedures, in as many municipalities as the number of events needs."""

from collections.abc import Callable, Iterable, Iterator
from datetime import UTC, datetime

from msgspec import structs

from qos_domain.acceptance import AcceptanceRules, encode_cloudevent
from qos_domain.calendar import Calendar
from qos_domain.events import Event
from qos_local.simulation.simulate import Simulation, simulate
from qos_runtime.kafka import producer
from qos_runtime.settings import RuntimeSettings

MUNICIPALITIES = 20
_CASES_AT_LEAST = 10
_EVENTS_A_CASE = 4.5


def events(count: int, *, seed: int = 1) -> Iterator[Event]:
    """`count` events, registrations first, then as they would be sent: municipalities interleaved, cases over 400 days.

    The municipalities share their lives but not their procedures, so 200 procedures are spread over the partitions.
    """
    calendar = Calendar.load()
    cases = max(_CASES_AT_LEAST, int(count / MUNICIPALITIES / _EVENTS_A_CASE) + 1)
    today = calendar.local_date(datetime.now(UTC))
    simulation = simulate(seed=seed, today=today, cases=cases, calendar=calendar)
    left = count
    for event in _interleaved(simulation):
        if not left:
            return
        left -= 1
        yield event
    if left:
        raise ValueError(f"the simulation of {cases} cases is {left} events short of {count}")


def _interleaved(simulation: Simulation) -> Iterator[Event]:
    for group in (simulation.procedures, simulation.events):
        for event in group:
            for municipality in range(MUNICIPALITIES):
                yield _moved(event, municipality)


def _moved(event: Event, municipality: int) -> Event:
    procedure_id = f"{event.data.procedure_id}.m{municipality}"
    corrects = None if event.corrects is None else f"{event.corrects}.m{municipality}"
    return Event(
        source=event.source,
        id=f"{event.id}.m{municipality}",
        time=event.time,
        data=structs.replace(event.data, procedure_id=procedure_id),
        corrects=corrects,
    )


def registrations(source: str) -> list[Event]:
    """The registry's events alone, as told by `source`."""
    calendar = Calendar.load()
    today = calendar.local_date(datetime.now(UTC))
    simulation = simulate(seed=1, today=today, cases=_CASES_AT_LEAST, calendar=calendar)
    return [
        structs.replace(_moved(event, municipality), source=source)
        for event in simulation.procedures
        for municipality in range(MUNICIPALITIES)
    ]


async def fill(settings: RuntimeSettings, wanted: Iterable[Event], *, progress: Callable[[int], None]) -> None:
    """Append the events to the input topics, acknowledged. `progress` is told how many more were sent, now and then."""
    rules = AcceptanceRules(type_prefix=settings.event_type_prefix)
    sender = producer(settings, client_id="bench", linger_ms=20)
    await sender.start()
    try:
        for number, event in enumerate(wanted, 1):
            await sender.send(
                settings.topic(event.topic), encode_cloudevent(event, rules), key=event.data.procedure_id.encode()
            )
            if number % 1_000 == 0:
                progress(1_000)
        await sender.flush()
    finally:
        await sender.stop()

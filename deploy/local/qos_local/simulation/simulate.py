"""The whole simulation: ten procedures, their applications over some 400 days, as the events that tell of them."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta

from qos_domain.calendar import Calendar
from qos_domain.events import Event, ProcedureRegistered, ProcedureUpdated
from qos_domain.procedures import Procedure
from qos_local.simulation.arrivals import Arrival, arrivals, moment, share_out
from qos_local.simulation.backlog import served_on
from qos_local.simulation.dice import dice
from qos_local.simulation.lives import Office, abandoned_start, life
from qos_local.simulation.offices import Registration, registrations
from qos_local.simulation.profiles import PROFILES, Profile
from qos_local.simulation.slips import as_told, with_slips
from qos_local.simulation.sources import REGISTRY
from qos_local.simulation.voices import feedback, inquiries

DAYS = 400
# How long before the end the drowning office lost its people.
_REORGANISED_DAYS_AGO = 190


@dataclass(frozen=True, slots=True)
class Simulation:
    """`procedures` are the registry's events; `events` the applications', in the order in which they are sent. Nothing
    happens after `last_day`."""

    last_day: date
    procedures: tuple[Event, ...]
    events: tuple[Event, ...]


def simulate(
    *, seed: int, today: date, cases: int, calendar: Calendar, progress: Callable[[int], None] = lambda _: None
) -> Simulation:
    """`cases` applications (and some forms never sent) of the 400 days before `today`; nothing happens on or after it.

    A pure function of its arguments. `progress` is told of each number of cases done. Raises ValueError for
    `cases` < 10 (one a procedure), CalendarRange where the calendar does not reach.
    """
    if cases < len(PROFILES):
        raise ValueError(f"cases is {cases}: at least {len(PROFILES)}, one for each procedure")
    days = [today - timedelta(days=DAYS - n) for n in range(DAYS)]
    until = datetime.combine(today, time(), tzinfo=calendar.time_zone)
    counts = share_out(cases, {name: profile.yearly_cases for name, profile in PROFILES.items()})
    registered = registrations(days[0], days[-1])
    events: list[Event] = []
    for registration in registered:
        events += _applications(seed, registration, days, counts[registration.procedure_id], until, calendar, progress)
    order = dice(seed, "order")
    return Simulation(
        last_day=days[-1],
        procedures=registry_events(registered, days[0], calendar),
        events=tuple(as_told(order, with_slips(order, events), until)),
    )


def registry_events(registered: Sequence[Registration], first_day: date, calendar: Calendar) -> tuple[Event, ...]:
    """The registrations of all procedures, told on the day before the first, each later version on its day."""

    def told(day: date, data: ProcedureRegistered | ProcedureUpdated) -> Event:
        at = datetime.combine(day, time(9), tzinfo=calendar.time_zone)
        return Event(source=REGISTRY, id=f"{data.procedure_id}:{data.effective_from}", time=at, data=data)

    events = []
    for registration in registered:
        events.append(told(first_day - timedelta(days=1), _version(ProcedureRegistered, registration.first)))
        events += [told(later.effective_from, _version(ProcedureUpdated, later)) for later in registration.later]
    return tuple(events)


def _version(
    kind: type[ProcedureRegistered] | type[ProcedureUpdated], version: Procedure
) -> ProcedureRegistered | ProcedureUpdated:
    return kind(**{name: getattr(version, name) for name in version.__struct_fields__})


def _applications(
    seed: int,
    registration: Registration,
    days: Sequence[date],
    count: int,
    until: datetime,
    calendar: Calendar,
    progress: Callable[[int], None],
) -> list[Event]:
    procedure_id = registration.procedure_id
    profile = PROFILES[procedure_id]
    rng = dice(seed, procedure_id)
    office = Office(procedure_id, profile, calendar)
    coming = arrivals(rng, profile, (registration.first, *registration.later), days, count, calendar)
    ripe = [office.decision_day(rng, arrival) for arrival in coming]
    turns = _turns(profile, coming, days, calendar)
    events: list[Event] = []
    for number, (arrival, ripe_on, turn) in enumerate(zip(coming, ripe, turns, strict=True), 1):
        application_id = f"{profile.code}-{days[0].year % 100}-{number:05}"
        decided_on = None if turn is None or rng.random() < profile.forgotten else max(ripe_on, turn)
        told = life(rng, office, application_id, arrival, decided_on)
        share = number / count
        told += feedback(rng, profile, told, arrival.channel, share)
        told += inquiries(rng, profile, procedure_id, application_id, arrival.at, until)
        events += told
        if arrival.channel == "online" and rng.random() < profile.start_recorded * profile.abandoned_per_start:
            at = moment(rng, calendar.local_date(arrival.at), 8, 23, calendar)
            events += abandoned_start(rng, office, f"{application_id}-A", at)
        progress(1)
    return events


def _turns(
    profile: Profile, coming: Sequence[Arrival], days: Sequence[date], calendar: Calendar
) -> Sequence[date | None]:
    arrived = [calendar.local_date(arrival.at) for arrival in coming]
    if profile.capacity_before is None or profile.capacity_now is None:
        return arrived
    return served_on(
        arrived,
        calendar=calendar,
        before=profile.capacity_before,
        now=profile.capacity_now,
        turns_on=days[-1] - timedelta(days=_REORGANISED_DAYS_AGO),
        last_day=days[-1],
    )

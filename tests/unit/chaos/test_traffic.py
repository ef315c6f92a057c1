"""The life that is sent has what real logs have, and is the same for the same seed."""

from datetime import date, timedelta

from chaos.traffic import Traffic, traffic
from qos_domain.calendar import Calendar
from qos_domain.events import Event
from qos_domain.facts import fact_of
from qos_runtime.kafka import partition_of

TODAY = date(2026, 4, 1)
CALENDAR = Calendar.load()


def life(seed: int) -> Traffic:
    return traffic(seed, today=TODAY, cases=300, calendar=CALENDAR, partitions=8)


def named(events: list[Event]) -> dict[tuple[str, str, str], list[Event]]:
    found: dict[tuple[str, str, str], list[Event]] = {}
    for event in events:
        found.setdefault((event.topic, event.source, event.id), []).append(event)
    return found


def test_the_same_seed_sends_the_same() -> None:
    assert life(5) == life(5)
    assert life(5).events != life(6).events


def test_events_are_late_repeated_contradicted_and_out_of_order() -> None:
    events = list(life(5).events)
    days = [CALENDAR.local_date(event.time) for event in events if event.topic != "procedures"]
    assert min(days) < TODAY - timedelta(days=365)
    latest, latest_so_far = days[0], []
    for day in days:
        latest = max(latest, day)
        latest_so_far.append((latest - day).days)
    assert max(latest_so_far) > 300, "an event a year behind those before it"
    repeated = [some for some in named(events).values() if len(some) > 1]
    contradicted = [some for some in repeated if len({bytes(fact_of(e).data) + str(e.time).encode() for e in some}) > 1]
    assert len(repeated) > 50
    assert contradicted
    assert any(event.corrects for event in events)
    registered = [place for place, event in enumerate(events) if event.topic == "procedures"]
    assert max(registered) > len(events) / 3, "cases are judged anew"


def test_each_partition_number_has_a_procedure_for_probes() -> None:
    found = life(5)
    assert {partition_of(name.encode(), 8) for name in found.probed} == set(range(8))
    assert {event.data.procedure_id for event in found.events[:8]} == set(found.probed)

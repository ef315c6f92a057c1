"""From 09:00 on 22 November 2025 events happen as one looks on."""

from datetime import UTC, datetime, timedelta

from qos_domain.acceptance import AcceptanceRules, check_not_in_future, decode_cloudevent, encode_cloudevent
from qos_domain.events import ApplicationSubmitted, ApplicationWithdrawn, Event, ReviewDecided, ReviewStarted
from qos_local.simulation.live import LiveTraffic, Waiting, waiting_in

NINE = datetime(2025, 11, 22, 0, 0, tzinfo=UTC)
RULES = AcceptanceRules()


def _happened(traffic: LiveTraffic, seconds: int) -> list[Event]:
    clock = (NINE + timedelta(seconds=second) for second in range(seconds))
    return [event for events in traffic.happenings(clock) for event in events]


def test_every_event_is_acceptable_when_it_happens() -> None:
    for second in range(500):
        now = NINE + timedelta(seconds=second)
        for event in LiveTraffic(seed=second, run="r1").happen(now):
            check_not_in_future(event, now, RULES)
            assert event.time <= now
            assert decode_cloudevent(encode_cloudevent(event, RULES), RULES) == event


def test_applications_arrive_are_examined_and_decided() -> None:
    events = _happened(LiveTraffic(seed=1, run="r1"), 600)
    types = {event.type for event in events}
    assert {"application.submitted", "review.started", "review.decided", "notification.sent"} <= types
    assert "feedback.submitted" in types


def test_two_runs_never_use_an_id_twice() -> None:
    events = _happened(LiveTraffic(seed=1, run="r1"), 300) + _happened(LiveTraffic(seed=1, run="r2"), 300)
    assert len({(event.source, event.id) for event in events}) == len(events)


def test_what_the_past_left_waiting_is_worked_on() -> None:
    waiting = [Waiting("metropolitan-housing", f"HOU-{number}", "mail", reviewed=True) for number in range(50)]
    events = _happened(LiveTraffic(seed=1, run="r1", waiting=waiting), 600)
    decided = {event.data.application_id for event in events if isinstance(event.data, ReviewDecided)}
    assert len({f"HOU-{number}" for number in range(50)} & decided) > 10


def test_waiting_is_what_was_neither_decided_nor_withdrawn() -> None:
    def event(number: int, data: object) -> Event:
        return Event(source="s", id=str(number), time=NINE + timedelta(hours=number), data=data)  # type: ignore[arg-type]

    def of(name: str) -> dict[str, str]:
        return {"procedure_id": "p", "application_id": name}

    told = [
        event(4, ReviewStarted(**of("late"))),
        event(3, ApplicationSubmitted(**of("late"), channel="online")),
        event(1, ApplicationSubmitted(**of("early"), channel="mail")),
        event(2, ApplicationSubmitted(**of("done"), channel="mail")),
        event(5, ReviewDecided(**of("done"), outcome="approved")),
        event(6, ApplicationSubmitted(**of("gone"), channel="mail")),
        event(7, ApplicationWithdrawn(**of("gone"))),
    ]
    assert waiting_in(told) == [Waiting("p", "early", "mail", False), Waiting("p", "late", "online", True)]

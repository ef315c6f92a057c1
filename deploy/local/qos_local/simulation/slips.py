"""How events really come: wrongly entered and corrected, late, twice, in another order."""

from collections.abc import Iterable, Iterator
from datetime import datetime, timedelta
from random import Random

import msgspec

from qos_domain.events import ApplicationFeePaid, ApplicationSubmitted, Event, EventPayload, ReviewDecided

_SLIP = 0.006
_LATE = 0.03
_TWICE = 0.02


def with_slips(rng: Random, events: Iterable[Event]) -> Iterator[Event]:
    """The events, a few of them first told wrongly: the right one then carries `corrects`."""
    for event in events:
        wrong = _wrong(rng, event.data) if rng.random() < _SLIP else None
        if wrong is None:
            yield event
        else:
            yield msgspec.structs.replace(event, data=wrong)
            yield msgspec.structs.replace(event, id=f"{event.id}.c", corrects=event.id)


def _wrong(rng: Random, data: EventPayload) -> EventPayload | None:
    """What a clerk typed at first; None where nothing is typed."""
    match data:
        case ApplicationFeePaid():
            return msgspec.structs.replace(data, amount_yen=data.amount_yen * 10, method="other")
        case ApplicationSubmitted() if data.channel != "online":
            return msgspec.structs.replace(data, channel="other")
        case ReviewDecided():
            return msgspec.structs.replace(data, outcome=rng.choice(("rejected", "other")))
        case _:
            return None


def as_told(rng: Random, events: Iterable[Event], until: datetime) -> list[Event]:
    """The events in the order in which the systems send them, all before `until`.

    Most follow at once, some hours or days late (a nightly batch, a system that was away), some are sent again. A
    correction is sent after what it corrects, though not always received so.
    """
    sent: list[tuple[datetime, int, Event]] = []
    for number, event in enumerate(events):
        if event.time >= until:
            continue
        delay = timedelta(seconds=rng.expovariate(1 / 20))
        if rng.random() < _LATE:
            delay += timedelta(hours=rng.uniform(1, 240))
        sent.append((min(event.time + delay, until), number, event))
        if rng.random() < _TWICE:
            again = delay + timedelta(minutes=rng.expovariate(1 / 600))
            sent.append((min(event.time + again, until), number, event))
    return [event for _, _, event in sorted(sent, key=lambda entry: entry[:2])]

"""The live traffic of the delay benchmark: cases that arrive, are examined, decided and answered, at a steady rate."""

from collections.abc import Callable, Iterator, Sequence
from datetime import datetime

from qos_domain.acceptance import AcceptanceRules, encode_cloudevent
from qos_domain.events import ApplicationSubmitted, Event, EventPayload, NotificationSent, ReviewDecided, ReviewStarted
from qos_runtime.kafka import partition_of

SOURCE = "urn:bench:load"
# One case in ten is a probe's.
_PROBE_EVERY = 10
# A case's later events follow so many cases after its arrival.
_LATER = (("started", 400), ("decided", 800), ("answered", 1_200))


def choose_probes(procedures: Sequence[str], partitions: int, count: int) -> list[str]:
    """`count` procedures in different partitions (as far as there are that many)."""
    by_partition = {partition_of(name.encode(), partitions): name for name in procedures}
    return list(by_partition.values())[:count]


class Traffic:
    """An endless stream of events. Each case is told of four times; one case in ten is a probe's."""

    def __init__(self, procedures: Sequence[str], probes: Sequence[str], *, now: Callable[[], datetime]) -> None:
        self._others = [name for name in procedures if name not in set(probes)]
        self._probes = probes
        self._now = now
        self._rules = AcceptanceRules()
        self._events = self._endless()

    def take(self, count: int) -> tuple[list[bytes], list[str]]:
        """The next `count` events, encoded; and for each application of a probe among them, the probe."""
        events = [next(self._events) for _ in range(count)]
        marks = [
            event.data.procedure_id
            for event in events
            if isinstance(event.data, ApplicationSubmitted) and event.data.procedure_id in self._probes
        ]
        return [encode_cloudevent(event, self._rules) for event in events], marks

    def _endless(self) -> Iterator[Event]:
        case = 0
        while True:
            yield self._event("submitted", case)
            for kind, cases_later in _LATER:
                if case >= cases_later:
                    yield self._event(kind, case - cases_later)
            case += 1

    def _event(self, kind: str, case: int) -> Event:
        names, number = (self._others, case) if case % _PROBE_EVERY else (self._probes, case // _PROBE_EVERY)
        procedure_id, application_id = names[number % len(names)], f"L-{case}"
        data: EventPayload
        match kind:
            case "submitted":
                data = ApplicationSubmitted(
                    procedure_id=procedure_id, application_id=application_id, channel="online", device="smartphone"
                )
            case "started":
                data = ReviewStarted(procedure_id=procedure_id, application_id=application_id)
            case "decided":
                data = ReviewDecided(procedure_id=procedure_id, application_id=application_id, outcome="approved")
            case _:
                data = NotificationSent(procedure_id=procedure_id, application_id=application_id, channel="electronic")
        return Event(source=SOURCE, id=f"{kind}-{case}", time=self._now(), data=data)

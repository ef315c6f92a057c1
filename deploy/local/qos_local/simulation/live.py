"""Traffic as it happens: applications that arrive now, and offices that work on what waits."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from math import sqrt

from qos_domain.events import (
    ApplicationFeePaid,
    ApplicationStarted,
    ApplicationSubmitted,
    ApplicationWithdrawn,
    Event,
    EventPayload,
    FeedbackSubmitted,
    NotificationSent,
    ReviewDecided,
    ReviewStarted,
)
from qos_domain.vocabulary import Channel
from qos_local.simulation.dice import dice, pick
from qos_local.simulation.profiles import PROFILES
from qos_local.simulation.sources import E_APPLICATION, OFFICE, CaseIds


@dataclass(frozen=True, slots=True)
class Waiting:
    """An application without a decision."""

    procedure_id: str
    application_id: str
    channel: Channel
    reviewed: bool


def waiting_in(events: Iterable[Event]) -> list[Waiting]:
    """The applications among `events` that are still without decision and withdrawal, oldest first."""
    submitted: dict[str, tuple[datetime, ApplicationSubmitted]] = {}
    reviewed: set[str] = set()
    over: set[str] = set()
    for event in events:
        match event.data:
            case ApplicationSubmitted() as data:
                submitted[data.application_id] = (event.time, data)
            case ReviewStarted() as data:
                reviewed.add(data.application_id)
            case ReviewDecided() | ApplicationWithdrawn() as data:
                over.add(data.application_id)
            case _:
                pass
    oldest_first = sorted(submitted.values(), key=lambda entry: (entry[0], entry[1].application_id))
    return [
        Waiting(data.procedure_id, data.application_id, data.channel, data.application_id in reviewed)
        for _, data in oldest_first
        if data.application_id not in over
    ]


class LiveTraffic:
    """An endless story of events at now. `run` sets its ids apart from those of every other run."""

    def __init__(self, *, seed: int, run: str, waiting: Iterable[Waiting] = ()) -> None:
        self._rng = dice(seed, f"live/{run}")
        self._run = run
        self._waiting = list(waiting)
        self._rated: list[Waiting] = []
        self._applications = 0
        self._events = 0
        # By the square root of the volume, so that the small procedures are seen too.
        self._volumes = {name: sqrt(profile.yearly_cases) for name, profile in PROFILES.items()}

    def happenings(self, clock: Iterable[datetime]) -> Iterator[list[Event]]:
        """For each instant of `clock` the events of one thing that happens then; none is dated after it."""
        for now in clock:
            yield self.happen(now)

    def happen(self, now: datetime) -> list[Event]:
        chance = self._rng.random()
        if self._rated and chance < 0.1:
            return self._feedback(now)
        if self._waiting and chance < 0.5:
            return self._work(now)
        return self._submission(now)

    def _event(self, source: str, at: datetime, data: EventPayload) -> Event:
        self._events += 1
        return Event(source=source, id=f"live-{self._run}-{self._events}", time=at, data=data)

    def _submission(self, now: datetime) -> list[Event]:
        rng = self._rng
        procedure_id = pick(rng, self._volumes)
        profile = PROFILES[procedure_id]
        self._applications += 1
        application_id = f"{profile.code}-L{self._run}-{self._applications}"
        ids = CaseIds(procedure_id=procedure_id, application_id=application_id)
        channel = pick(rng, profile.channels_now)
        source = E_APPLICATION if channel == "online" else OFFICE
        device = pick(rng, profile.devices) if channel == "online" else None
        events: list[Event] = []
        if channel == "online" and rng.random() < profile.start_recorded:
            started_at = now - timedelta(seconds=int(60 * profile.form_minutes * rng.lognormvariate(0, 0.6)))
            events.append(self._event(source, started_at, ApplicationStarted(**ids, channel=channel, device=device)))
        submitted = ApplicationSubmitted(
            **ids, channel=channel, device=device, by_agent=rng.random() < profile.by_agent
        )
        events.append(self._event(source, now, submitted))
        methods = profile.methods_online if channel in ("online", "email") else profile.methods_other
        if profile.fee_yen is not None and methods:
            paid = ApplicationFeePaid(
                **ids,
                payment_id=f"{application_id}-P1",
                method=pick(rng, methods),
                amount_yen=rng.randrange(profile.fee_yen[0], profile.fee_yen[1], 100),
            )
            events.append(self._event(source, now, paid))
        self._waiting.append(Waiting(procedure_id, application_id, channel, reviewed=False))
        return events

    def _work(self, now: datetime) -> list[Event]:
        """The review of one waiting application begins, or its decision is made and told."""
        case = self._waiting.pop(self._rng.randrange(len(self._waiting)))
        ids = CaseIds(procedure_id=case.procedure_id, application_id=case.application_id)
        if not case.reviewed:
            self._waiting.append(Waiting(case.procedure_id, case.application_id, case.channel, reviewed=True))
            return [self._event(OFFICE, now, ReviewStarted(**ids))]
        profile = PROFILES[case.procedure_id]
        online = case.channel in ("online", "email")
        self._rated.append(case)
        return [
            self._event(OFFICE, now, ReviewDecided(**ids, outcome=pick(self._rng, profile.outcomes))),
            self._event(OFFICE, now, NotificationSent(**ids, channel="electronic" if online else "mail")),
        ]

    def _feedback(self, now: datetime) -> list[Event]:
        case = self._rated.pop(self._rng.randrange(len(self._rated)))
        rating = self._rng.choices((1, 2, 3, 4, 5), PROFILES[case.procedure_id].ratings)[0]
        channel: Channel = "counter" if case.channel == "counter" else "online"
        rated = FeedbackSubmitted(
            procedure_id=case.procedure_id, application_id=case.application_id, rating=rating, channel=channel
        )
        return [self._event(E_APPLICATION, now, rated)]

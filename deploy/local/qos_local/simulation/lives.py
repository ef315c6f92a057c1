"""One application's life, from the opened form to the feedback, as the events that tell of it."""

from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from random import Random

from qos_domain.calendar import Calendar
from qos_domain.events import (
    ApplicationAbandoned,
    ApplicationFeePaid,
    ApplicationStarted,
    ApplicationSubmitted,
    ApplicationWithdrawn,
    Attachments,
    Event,
    EventPayload,
    NotificationRead,
    NotificationSent,
    ReviewDecided,
    ReviewExtended,
    ReviewResumed,
    ReviewStarted,
    ReviewSuspended,
)
from qos_domain.vocabulary import Channel, Device, NotificationChannel, SuspensionReason
from qos_local.simulation.arrivals import Arrival, moment
from qos_local.simulation.dice import lognormal_days, pick, whole
from qos_local.simulation.profiles import Profile, Work
from qos_local.simulation.sources import E_APPLICATION, OFFICE, CaseIds

_BY_HAND: dict[Channel, NotificationChannel] = {"counter": "counter", "phone": "phone"}


class Telling:
    """The events of one application as they come together, each with an id of its own within its source."""

    def __init__(self, procedure_id: str, application_id: str) -> None:
        self.procedure_id = procedure_id
        self.application_id = application_id
        self.events: list[Event] = []

    def tell(self, source: str, at: datetime, data: EventPayload) -> None:
        event_id = f"{self.application_id}.{len(self.events) + 1}"
        self.events.append(Event(source=source, id=event_id, time=at, data=data))


@dataclass(frozen=True, slots=True)
class Office:
    """What every life of one procedure shares."""

    procedure_id: str
    profile: Profile
    calendar: Calendar

    def work(self, channel: Channel) -> Work:
        return self.profile.online_work if channel in ("online", "email") else self.profile.other_work

    def decision_day(self, rng: Random, arrival: Arrival) -> date:
        """The business day on which the decision is ripe, were the review never suspended."""
        work = self.work(arrival.channel)
        day = self.calendar.local_date(arrival.at)
        days = lognormal_days(rng, work.median_days, work.spread)
        return self.calendar.nth_business_day_after(day, days) if days else day


def abandoned_start(rng: Random, office: Office, application_id: str, at: datetime) -> list[Event]:
    """A form that was opened and never sent; only half of the forms' systems say so."""
    telling = Telling(office.procedure_id, application_id)
    ids = CaseIds(procedure_id=office.procedure_id, application_id=application_id)
    device = pick(rng, office.profile.devices)
    telling.tell(E_APPLICATION, at, ApplicationStarted(**ids, channel="online", device=device))
    if rng.random() < 0.5:
        left_at = at + timedelta(minutes=rng.randrange(2, 90))
        telling.tell(E_APPLICATION, left_at, ApplicationAbandoned(**ids))
    return telling.events


def life(rng: Random, office: Office, application_id: str, arrival: Arrival, ripe_on: date | None) -> list[Event]:
    """All events of an application that arrives at `arrival`, in the order in which they are told.

    `ripe_on` is the day of the decision before any suspension; None: no end in sight.
    """
    profile, calendar = office.profile, office.calendar
    telling = Telling(office.procedure_id, application_id)
    ids = CaseIds(procedure_id=office.procedure_id, application_id=application_id)
    _submission(rng, office, telling, arrival)
    _receipt(rng, telling, arrival)
    arrival_date = calendar.local_date(arrival.at)
    review_at = _review_at(rng, office, arrival, ripe_on)
    if rng.random() < profile.withdrawal:
        given_up = arrival.at + timedelta(days=rng.random() * office.work(arrival.channel).median_days, minutes=30)
        if ripe_on is None or calendar.local_date(given_up) < ripe_on:
            telling.tell(
                E_APPLICATION if arrival.channel == "online" else OFFICE, given_up, ApplicationWithdrawn(**ids)
            )
            return telling.events
    telling.tell(OFFICE, review_at, ReviewStarted(**ids))
    if ripe_on is None:
        return telling.events

    at_once = ripe_on == arrival_date
    idle_days = 0 if at_once else _suspensions(rng, office, telling, review_at, online=_is_online(arrival))
    decided_on = calendar.nth_business_day_after(ripe_on, idle_days) if idle_days else ripe_on
    decided_at = max(moment(rng, decided_on, 10, 17, calendar), review_at + timedelta(minutes=rng.randrange(5, 45)))
    if rng.random() < profile.extension:
        told = calendar.nth_business_day_after(arrival_date, max(1, int(profile.other_work.median_days * 0.8)))
        until = decided_on + timedelta(days=rng.randrange(-2, 8))
        extended = ReviewExtended(**ids, extension_id=f"{application_id}-X1", due_date=until)
        telling.tell(OFFICE, moment(rng, told, 9, 17, calendar), extended)
    _fee(rng, profile, telling, arrival, decided_at)
    telling.tell(OFFICE, decided_at, ReviewDecided(**ids, outcome=pick(rng, profile.outcomes)))
    _result(rng, office, telling, arrival, decided_at)
    return telling.events


def _is_online(arrival: Arrival) -> bool:
    return arrival.channel in ("online", "email")


def _submission(rng: Random, office: Office, telling: Telling, arrival: Arrival) -> None:
    profile = office.profile
    ids = CaseIds(procedure_id=office.procedure_id, application_id=telling.application_id)
    online = _is_online(arrival)
    form = timedelta(seconds=int(rng.lognormvariate(0, 0.6) * profile.form_minutes * 60))
    device: Device | None = pick(rng, profile.devices) if arrival.channel == "online" else None
    recorded = arrival.channel == "online" and rng.random() < profile.start_recorded
    if recorded:
        started = ApplicationStarted(**ids, channel="online", device=device)
        telling.tell(E_APPLICATION, arrival.at - form, started)
    # Mail lies for a while before it is recorded: it arrived on the day of its stamp.
    recorded_at = arrival.at + timedelta(hours=rng.randrange(1, 40)) if arrival.channel == "mail" else arrival.at
    submitted = ApplicationSubmitted(
        **ids,
        channel=arrival.channel,
        by_agent=rng.random() < profile.by_agent,
        device=device,
        started_at=arrival.at - form if arrival.channel == "online" and not recorded and rng.random() < 0.3 else None,
        received_at=arrival.at if recorded_at != arrival.at else None,
        attachments=_attachments(rng, profile, online=online),
        batch_id=f"{telling.application_id}-B" if online and rng.random() < profile.batch else None,
    )
    telling.tell(E_APPLICATION if arrival.channel == "online" else OFFICE, recorded_at, submitted)


def _attachments(rng: Random, profile: Profile, *, online: bool) -> Attachments:
    count = whole(rng, profile.attachments)
    if not online:
        return Attachments(paper=count)
    omitted = whole(rng, profile.omitted_by_linkage)
    on_paper = 1 if rng.random() < profile.paper_online else 0
    return Attachments(digital=max(0, count - on_paper), paper=on_paper, omitted_by_linkage=omitted)


def _receipt(rng: Random, telling: Telling, arrival: Arrival) -> None:
    if arrival.channel == "online" and rng.random() < 0.4:
        ids = CaseIds(procedure_id=telling.procedure_id, application_id=telling.application_id)
        receipt = NotificationSent(**ids, channel="electronic", purpose="receipt")
        telling.tell(E_APPLICATION, arrival.at + timedelta(seconds=rng.randrange(5, 90)), receipt)


def _review_at(rng: Random, office: Office, arrival: Arrival, ripe_on: date | None) -> datetime:
    """Examining begins part of the way to the decision, on a business day or (quick work) on the day itself."""
    calendar = office.calendar
    arrival_date = calendar.local_date(arrival.at)
    work = office.work(arrival.channel)
    waits = int(work.median_days * work.review_after * (0.5 + rng.random()))
    day = calendar.nth_business_day_after(arrival_date, waits) if waits else arrival_date
    if ripe_on is not None and day >= ripe_on:
        day = ripe_on
    return max(moment(rng, day, 9, 15, calendar), arrival.at + timedelta(minutes=rng.randrange(2, 60)))


def _suspensions(rng: Random, office: Office, telling: Telling, review_at: datetime, *, online: bool) -> int:
    """Tell of the suspensions of a review; the number of business days that they add to it."""
    profile, calendar = office.profile, office.calendar
    reasons: list[SuspensionReason] = []
    if rng.random() < profile.correction:
        reasons.append("correction")
    if rng.random() < profile.other_suspension:
        reasons.append(pick(rng, profile.suspension_reasons))
    ids = CaseIds(procedure_id=office.procedure_id, application_id=telling.application_id)
    asked_at = review_at + timedelta(hours=1)
    added = 0
    for number, reason in enumerate(reasons, 1):
        days = max(1, lognormal_days(rng, profile.suspension_days, 0.6))
        suspension_id = f"{telling.application_id}-S{number}"
        suspended = ReviewSuspended(**ids, suspension_id=suspension_id, reason=reason)
        telling.tell(OFFICE, asked_at, suspended)
        if reason == "correction":
            asks = NotificationSent(**ids, channel="electronic" if online else "mail", purpose="correction")
            telling.tell(OFFICE, asked_at + timedelta(minutes=1), asks)
        resumed_on = calendar.nth_business_day_after(calendar.local_date(asked_at), days)
        resumed_at = moment(rng, resumed_on, 9, 16, calendar)
        telling.tell(OFFICE, resumed_at, ReviewResumed(**ids, suspension_id=suspension_id, reason=reason))
        added += days
        asked_at = resumed_at + timedelta(minutes=30)
    return added


def _fee(rng: Random, profile: Profile, telling: Telling, arrival: Arrival, decided_at: datetime) -> None:
    if profile.fee_yen is None:
        return
    online = _is_online(arrival)
    paid_at = arrival.at + timedelta(minutes=rng.randrange(1, 20))
    if online and rng.random() < 0.3:
        paid_at = arrival.at + (decided_at - arrival.at) * rng.random()
    paid = ApplicationFeePaid(
        procedure_id=telling.procedure_id,
        application_id=telling.application_id,
        payment_id=f"{telling.application_id}-P1",
        method=pick(rng, profile.methods_online if online else profile.methods_other),
        amount_yen=rng.randrange(profile.fee_yen[0], profile.fee_yen[1], 100),
    )
    telling.tell(E_APPLICATION if online else OFFICE, paid_at, paid)


def _result(rng: Random, office: Office, telling: Telling, arrival: Arrival, decided_at: datetime) -> None:
    profile, calendar = office.profile, office.calendar
    ids = CaseIds(procedure_id=office.procedure_id, application_id=telling.application_id)
    channel: NotificationChannel = _BY_HAND.get(arrival.channel, "mail")
    if _is_online(arrival) and rng.random() < profile.electronic:
        channel = "electronic"
    notified_at = decided_at + timedelta(minutes=rng.randrange(1, 55))
    if channel == "mail" and rng.random() < 0.5:
        next_day = calendar.nth_business_day_after(calendar.local_date(decided_at), 1)
        notified_at = datetime.combine(next_day, time(11), tzinfo=calendar.time_zone)
    telling.tell(OFFICE, notified_at, NotificationSent(**ids, channel=channel))
    if channel == "electronic" and rng.random() < profile.read:
        read_at = notified_at + timedelta(minutes=rng.randrange(1, 3000))
        telling.tell(E_APPLICATION, read_at, NotificationRead(**ids))

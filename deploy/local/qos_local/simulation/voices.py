"""What applicants say: feedback with comments, and inquiries at the call centre."""

from datetime import datetime, timedelta
from random import Random

from qos_domain.events import Event, FeedbackSubmitted, InquiryReceived, NotificationSent
from qos_domain.vocabulary import Channel
from qos_local.simulation.profiles import Profile
from qos_local.simulation.sources import CALL_CENTRE, E_APPLICATION

# One comment by rating; some hold what nobody should have written into them: intake masks it.
_COMMENTS: tuple[tuple[str, ...], ...] = (
    ("入力が途中で消えて最初からやり直しになった。", "No word for weeks. 03-5321-1111 に電話しても分からない。"),
    ("添付書類を結局郵送した。", "The form is hard to read on a phone."),
    ("特に問題はないが、進み具合が見えると良い。", "Fine, but I had to ask when the result would come."),
    ("思ったより早く終わった。", "Clear questions, done in ten minutes."),
    ("窓口に行かずに済んで助かった。", "Everything on the phone, also at night. Thank you!"),
)
_TOPICS = ("progress", "required documents", "how to fill in the form", "payment", "opening hours")


def feedback(rng: Random, profile: Profile, told: list[Event], channel: Channel, progress: float) -> list[Event]:
    """The rating of an application that got its result; a well-run form is rated a little better year by year."""
    results = [event for event in told if isinstance(event.data, NotificationSent) and event.data.purpose == "result"]
    if not results or rng.random() >= profile.feedback:
        return []
    data = results[0].data
    if not isinstance(data, NotificationSent):
        return []
    rating = rng.choices((1, 2, 3, 4, 5), profile.ratings)[0]
    if rating < 5 and rng.random() < progress * 0.2:
        rating += 1
    comment = rng.choice(_COMMENTS[rating - 1]) if rng.random() < 0.4 else None
    return [
        Event(
            source=E_APPLICATION,
            id=f"{data.application_id}.F",
            time=results[0].time + timedelta(minutes=rng.randrange(1, 7000)),
            data=FeedbackSubmitted(
                procedure_id=data.procedure_id,
                application_id=data.application_id,
                rating=rating,
                channel=channel if channel in ("online", "counter") else "online",
                comment=comment,
            ),
        )
    ]


def inquiries(
    rng: Random, profile: Profile, procedure_id: str, application_id: str, arrived_at: datetime, until: datetime
) -> list[Event]:
    """Contacts while an application waits; half of them are not tied to an application."""
    if rng.random() >= profile.inquiry:
        return []
    asked_at = arrived_at + min(until - arrived_at, timedelta(days=60)) * rng.random()
    return [
        Event(
            source=CALL_CENTRE,
            id=f"{application_id}.Q",
            time=asked_at,
            data=InquiryReceived(
                procedure_id=procedure_id,
                application_id=application_id if rng.random() < 0.5 else None,
                channel="phone" if rng.random() < 0.8 else "email",
                topic=rng.choice(_TOPICS),
            ),
        )
    ]

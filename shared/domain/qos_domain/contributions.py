"""What a case adds to the day buckets: a pure function of its view, without an as-of date.

An open case puts its breach in the bucket of its breach date, be that in the future: a figure as of a day sums the
buckets up to that day, so no sweep is needed for a figure to be right. The contribution that was applied is kept with
the case, and exactly that is taken away when the case changes. Domain document, Indicators (Contributions).
"""

from datetime import date, datetime

from qos_domain.calendar import Calendar
from qos_domain.case import CaseKey, CaseView, Feedback, Inquiry, Submission, is_unattached
from qos_domain.clock import Judgement, judge
from qos_domain.measures import Measure
from qos_domain.registry import History, Version
from qos_domain.rows import CaseResult, CaseRow, CaseStatus, Projection, Row
from qos_domain.vocabulary import CASHLESS_METHODS, Channel, Outcome, Stop, Unit

# Changed logic gives other contributions: it needs a new generation of tables, never a mixture.
LOGIC_VERSION = 1

ELAPSED_MEASURE: dict[Unit, Measure] = {
    "business_days": "elapsed_business_days",
    "calendar_days": "elapsed_calendar_days",
    "weeks": "elapsed_calendar_days",
    "months": "elapsed_calendar_days",
    "years": "elapsed_calendar_days",
    "hours": "elapsed_hours",
}
OUTCOME_MEASURE: dict[Outcome, Measure] = {
    "approved": "outcome_approved",
    "rejected": "outcome_rejected",
    "returned": "outcome_returned",
    "other": "outcome_other",
}


def project(key: CaseKey, view: CaseView, history: History, calendar: Calendar) -> Projection | None:
    """The row and the contributions of a case; None when no fact of it stands (each one was corrected away)."""
    if view.first_at is None:
        return None
    submission = view.submission
    reference_date = calendar.local_date(view.first_at if submission is None else submission.arrival)
    rule = history.rule(reference_date)
    if rule is None:
        counts = _Counts("", "other", online=False)
        counts.add("unregistered", reference_date)
        return Projection(CaseRow(status="unregistered", reference_date=reference_date), counts.rows)

    version = rule.version
    if submission is None or view.clock is None:
        counts = _Counts(version.organisation_id, "other", online=False)
        if not is_unattached(key):
            counts.add("unsubmitted", reference_date)
        case = CaseRow(status="unsubmitted", reference_date=reference_date, organisation_id=version.organisation_id)
    else:
        channel = submission.payload.channel
        counts = _Counts(version.organisation_id, channel, online=version.is_online(channel))
        judgement = judge(view.clock, version.procedure.clock, rule.period(channel), calendar)
        case = _end_and_result(counts, view, judgement, calendar, submission)
        _stages(counts, view, case, judgement, version.procedure.clock.stop, calendar)
        _decision(counts, view, calendar)
        _application(counts, view, submission, case.reference_date)
        for payment in view.payments:
            day, cashless = calendar.local_date(payment.at), payment.payload.method in CASHLESS_METHODS
            counts.add("payments", day, int(cashless))
            counts.add("paid_yen", day, int(cashless), payment.payload.amount_yen)
    if view.conflicts:
        counts.add("conflicts", reference_date, count=view.conflicts)
    _start(counts, view, version, calendar)
    # An event without an application is a case of its own: of its corrections the latest stands.
    inquiries = view.inquiries[-1:] if is_unattached(key) else view.inquiries
    _voices(counts, view.feedback, inquiries, version, calendar)
    return Projection(case, counts.rows)


# What a NamedTuple's own constructor does, without a Python frame: this runs some twenty times a case.
_new = tuple.__new__


class _Counts:
    """The contributions of one case as they come together, under the application's channel unless said otherwise."""

    __slots__ = ("channel", "online", "organisation_id", "rows")

    def __init__(self, organisation_id: str, channel: Channel, *, online: bool) -> None:
        self.organisation_id = organisation_id
        self.channel = channel
        self.online = online
        self.rows: dict[Row, int] = {}

    def add(self, measure: Measure, day: date, bin: int = 0, count: int = 1) -> None:  # noqa: A002 - the measures' word
        if count:
            row = _new(Row, (self.organisation_id, day.toordinal(), self.channel, self.online, measure, bin))
            self.rows[row] = self.rows.get(row, 0) + count

    def under(self, channel: Channel, *, online: bool) -> "_Counts":
        """The same counts, for what has a channel of its own, whatever the application's is."""
        other = _Counts(self.organisation_id, channel, online=online)
        other.rows = self.rows
        return other


def _end_and_result(
    counts: _Counts, view: CaseView, judgement: Judgement, calendar: Calendar, submission: Submission
) -> CaseRow:
    arrival_date, stop_date, breach_date = judgement.arrival_date, judgement.stop_date, judgement.breach_date
    status: CaseStatus = "open"
    result: CaseResult | None = None
    end_date: date | None = None
    counts.add("arrived", arrival_date)
    withdrawn_at = None if view.clock is None else view.clock.withdrawn
    withdrawn_date = None if withdrawn_at is None else max(calendar.local_date(withdrawn_at), arrival_date)
    # A due date of its own may lie before the arrival: nothing is overdue before it is there.
    breached_on = breach_date if breach_date is None else max(breach_date, arrival_date)

    if judgement.inconsistent:
        status, end_date = "inconsistent", arrival_date
        counts.add("inconsistent", arrival_date)
    elif withdrawn_date is not None and (stop_date is None or withdrawn_date < stop_date):
        # On one day the stop wins. A withdrawal before the breach leaves no result, a later one leaves the breach.
        status, end_date = "withdrawn", withdrawn_date
        counts.add("withdrawn", withdrawn_date)
        if breached_on is not None and _breached_before(withdrawn_at, withdrawn_date, judgement, breached_on):
            result = "breached"
            counts.add("breached", breached_on)
            counts.add("withdrawn_overdue", withdrawn_date)
    elif stop_date is not None:
        status, end_date = "stopped", stop_date
        if judgement.within:
            result = "met"
            counts.add("met", stop_date)
        elif breached_on is not None:
            result = "breached"
            counts.add("breached", breached_on)
            counts.add("recovered", stop_date)
    elif breached_on is not None:
        result = "breached"
        counts.add("breached", breached_on)
    if end_date is not None:
        counts.add("ended", end_date)
    return CaseRow(
        status=status,
        reference_date=arrival_date,
        organisation_id=counts.organisation_id,
        channel=counts.channel,
        online=counts.online,
        unit=judgement.unit,
        arrival_at=submission.arrival,
        arrival_date=arrival_date,
        stop_date=stop_date if status == "stopped" else None,
        end_date=end_date,
        due_date=judgement.due_date,
        breach_date=breach_date,
        due_at=judgement.due_at,
        due_soon_date=judgement.due_soon_date,
        due_soon_at=judgement.due_soon_at,
        suspended=judgement.suspended,
        result=result,
    )


def _breached_before(at: datetime | None, day: date, judgement: Judgement, breached_on: date) -> bool:
    if judgement.due_at is not None and at is not None:
        return judgement.due_at < at
    return breached_on <= day


def _stages(
    counts: _Counts, view: CaseView, case: CaseRow, judgement: Judgement, stop_by: Stop, calendar: Calendar
) -> None:
    """Processing time in all and by stage, of a case that stopped, and the notification if that stopped it; a negative
    stage is absent."""
    stop_date, arrival_date = case.stop_date, case.reference_date
    if stop_date is None:
        return
    counts.add("calendar_days", stop_date, (stop_date - arrival_date).days)
    if judgement.unit is not None and judgement.elapsed is not None:
        counts.add(ELAPSED_MEASURE[judgement.unit], stop_date, judgement.elapsed)
    review = None if view.review_started_at is None else calendar.local_date(view.review_started_at)
    decision = None if view.decided_at is None else calendar.local_date(view.decided_at)
    notification = None if view.result is None else calendar.local_date(view.result.at)
    stages: tuple[tuple[Measure, date | None, date | None], ...] = (
        ("stage_waiting_days", arrival_date, review),
        ("stage_review_days", review, decision),
        ("stage_notification_days", decision, notification),
    )
    for measure, begin, end in stages:
        if begin is not None and end is not None and begin <= end:
            counts.add(measure, stop_date, (end - begin).days)
    if view.result is not None and stop_by == "notification":
        counts.add("notified", stop_date, int(view.result.channel == "electronic"))


def _decision(counts: _Counts, view: CaseView, calendar: Calendar) -> None:
    if view.decided_at is None or view.outcome is None:
        return
    day = calendar.local_date(view.decided_at)
    counts.add("decided", day, int(view.correction_asked))
    counts.add(OUTCOME_MEASURE[view.outcome], day)


def _application(counts: _Counts, view: CaseView, submission: Submission, arrival_date: date) -> None:
    """What came with the application; what it doesn't state is unknown and counted nowhere."""
    payload = submission.payload
    attachments = payload.attachments
    if attachments is not None:
        counts.add("attachments_stated", arrival_date, int(attachments.paper > 0))
        counts.add("attachments_digital", arrival_date, count=attachments.digital)
        counts.add("attachments_paper", arrival_date, count=attachments.paper)
        counts.add("attachments_omitted", arrival_date, count=attachments.omitted_by_linkage)
    if payload.device is not None:
        counts.add("device", arrival_date, int(payload.device == "smartphone"))
    if payload.batch_id is not None:
        counts.add("batched", arrival_date)
    if counts.online and view.started is not None and view.started.at <= submission.time:
        seconds = (submission.time - view.started.at).total_seconds()
        counts.add("form_minutes", arrival_date, -int(-seconds // 60))


def _start(counts: _Counts, view: CaseView, version: Version, calendar: Calendar) -> None:
    start = view.started
    if start is None or not version.is_online(start.channel):
        return
    day = calendar.local_date(start.at)
    online = counts.under(start.channel, online=True)
    online.add("started", day)
    online.add(_what_became(view, version), day)


def _what_became(view: CaseView, version: Version) -> Measure:
    if view.submission is not None:
        return "started_submitted" if version.is_online(view.submission.payload.channel) else "started_elsewhere"
    return "started_abandoned" if view.abandoned else "started_pending"


def _voices(
    counts: _Counts, feedback: Feedback | None, inquiries: tuple[Inquiry, ...], version: Version, calendar: Calendar
) -> None:
    """Feedback and inquiries count by their own channel and date, also without a submission."""
    if feedback is not None:
        rated = feedback.payload
        day = calendar.local_date(feedback.at)
        counts.under(rated.channel, online=version.is_online(rated.channel)).add("rating", day, rated.rating)
    for inquiry in inquiries:
        channel = inquiry.payload.channel
        day = calendar.local_date(inquiry.at)
        counts.under(channel, online=version.is_online(channel)).add("inquiries", day)

"""All indicators of a scope, made from summed day buckets (docs/indicators.md; domain document, Indicators)."""

from collections.abc import Mapping
from datetime import date
from fractions import Fraction

from qos_domain.cells import Buckets, Tally
from qos_domain.figures import Distribution, Mean, Rate, Share
from qos_domain.indicators import (
    ELAPSED,
    Attachments,
    Band,
    Cashless,
    Compliance,
    DataQuality,
    Decisions,
    Elapsed,
    Indicators,
    OnlineApplications,
    OnlineForms,
    ProcessingTime,
    Report,
    Satisfaction,
    Standing,
    Volume,
)
from qos_domain.measures import Measure
from qos_domain.periods import Span, Window
from qos_domain.slo import ErrorBudget, error_budget
from qos_domain.vocabulary import Channel
from qos_domain.workload import Workload

QUICK_FORM_MINUTES = 10
SATISFIED = (4, 5)


def report(
    buckets: Buckets,
    *,
    window: Window,
    as_of: date,
    one_procedure: bool,
    objective: float | Fraction | None = None,
    workloads: Mapping[Channel | None, Workload] | None = None,
    retracted: int | None = None,
) -> Report:
    """The report of a scope.

    `buckets` were summed over `Spans.of(window, as_of)`. `one_procedure` says that the scope is one procedure, so that
    elapsed times in its own unit can be given; `objective` is the share of results to be met, None where the scope has
    none. `workloads` counts the single cases per channel, under None those of all channels; a channel left out
    has no open case. Without it that part of the standing is None.
    """
    total = indicators(
        buckets,
        one_procedure=one_procedure,
        objective=objective,
        workload=None if workloads is None else workloads.get(None, Workload()),
        retracted=retracted,
    )
    channels = {
        channel: indicators(
            buckets.of_channel(channel),
            one_procedure=one_procedure,
            objective=objective,
            workload=None if workloads is None else workloads.get(channel, Workload()),
        )
        for channel in buckets.channels
    }
    span: Span = window.span.until(as_of)
    return Report(as_of=as_of, window=Window(window.name, span.start, span.end), total=total, channels=channels)


def indicators(
    buckets: Buckets,
    *,
    one_procedure: bool,
    objective: float | Fraction | None = None,
    workload: Workload | None = None,
    retracted: int | None = None,
) -> Indicators:
    """All indicators of the buckets as they are; see `report` for the arguments."""
    tally = Tally(buckets.window)
    arrived = tally.count("arrived")
    online = Share.of(tally.count("arrived", online=True), arrived)
    return Indicators(
        volume=Volume(
            applications=arrived,
            withdrawn=tally.count("withdrawn"),
            batched=tally.count("batched"),
            applications_365_days=Tally(buckets.trailing_year).count("arrived"),
        ),
        standing=_standing(Tally(buckets.until), workload),
        processing_time=_processing_time(tally, one_procedure=one_procedure),
        compliance=_compliance(tally, retracted),
        error_budget=None if objective is None else _error_budget(objective, tally, Tally(buckets.fiscal_year)),
        online=OnlineApplications(applications=online, band=band(online)),
        cashless=Cashless(
            payments=_yes_share(tally, "payments"),
            yen=_yes_share(tally, "paid_yen"),
            online_payments=_yes_share(tally, "payments", online=True),
            online_yen=_yes_share(tally, "paid_yen", online=True),
        ),
        forms=_forms(tally),
        satisfaction=_satisfaction(tally),
        inquiries=Rate.of(tally.count("inquiries"), arrived),
        decisions=_decisions(tally),
        attachments=_attachments(tally),
        electronic_notifications=_yes_share(tally, "notified"),
        smartphone=_yes_share(tally, "device", online=True),
        data_quality=DataQuality(
            unsubmitted=tally.count("unsubmitted"),
            unregistered=tally.count("unregistered"),
            inconsistent=tally.count("inconsistent"),
            conflicts=tally.count("conflicts"),
        ),
    )


def band(online: Share) -> Band | None:
    """The band of an online application rate; a rate on a border belongs to the band above it."""
    if online.share is None:
        return None
    if online.share < 0.2:
        return "below_20"
    if online.share < 0.5:
        return "from_20_to_50"
    return "from_50_to_80" if online.share < 0.8 else "from_80"


def _yes_share(tally: Tally, measure: Measure, *, online: bool = False) -> Share:
    return Share.of(tally.yes(measure, online=online), tally.count(measure, online=online))


def _standing(until: Tally, workload: Workload | None) -> Standing:
    # The single cases know the hour at which a period in hours ends, so where they were asked, their word on what is
    # overdue goes before the buckets', which know its day only.
    overdue = until.count("breached") - until.count("recovered") - until.count("withdrawn_overdue")
    return Standing(
        open=until.count("arrived") - until.count("ended"),
        overdue=overdue if workload is None else workload.overdue,
        suspended=None if workload is None else workload.suspended,
        due_soon=None if workload is None else workload.due_soon,
        forecast=None if workload is None else workload.forecast,
    )


def _compliance(tally: Tally, retracted: int | None) -> Compliance:
    met, breached, recovered = tally.count("met"), tally.count("breached"), tally.count("recovered")
    return Compliance(
        within_period=Share.of(met, met + breached),
        stopped_within_period=Share.of(met, met + recovered),
        breached=breached,
        recovered=recovered,
        withdrawn_overdue=tally.count("withdrawn_overdue"),
        retracted=retracted,
    )


def _processing_time(tally: Tally, *, one_procedure: bool) -> ProcessingTime:
    elapsed = [
        Elapsed(counting, distribution)
        for counting, measure in ELAPSED.items()
        if one_procedure and (distribution := Distribution.of(tally.bins(measure))) is not None
    ]
    return ProcessingTime(
        calendar_days=Distribution.of(tally.bins("calendar_days")),
        elapsed=tuple(elapsed),
        waiting_days=Distribution.of(tally.bins("stage_waiting_days")),
        review_days=Distribution.of(tally.bins("stage_review_days")),
        notification_days=Distribution.of(tally.bins("stage_notification_days")),
    )


def _error_budget(objective: float | Fraction, window: Tally, fiscal_year: Tally) -> ErrorBudget:
    return error_budget(
        objective,
        met=fiscal_year.count("met"),
        breached=fiscal_year.count("breached"),
        window_met=window.count("met"),
        window_breached=window.count("breached"),
    )


def _forms(tally: Tally) -> OnlineForms:
    started, submitted, elsewhere = (
        tally.count(measure, online=True) for measure in ("started", "started_submitted", "started_elsewhere")
    )
    abandoned = abandoned_starts(tally)
    minutes = tally.bins("form_minutes")
    quick = sum(count for minute, count in minutes.items() if minute <= QUICK_FORM_MINUTES)
    return OnlineForms(
        completed=Share.of(submitted, started),
        abandoned=Share.of(abandoned, started),
        submitted_elsewhere=elsewhere,
        in_progress=started - submitted - abandoned - elsewhere,
        minutes=Distribution.of(minutes),
        within_10_minutes=Share.of(quick, sum(minutes.values())),
    )


def abandoned_starts(tally: Tally) -> int:
    """Abandoned by an event, or nothing came of them: sums hold pending starts only once seven days have passed."""
    return tally.count("started_abandoned", online=True) + tally.count("started_pending", online=True)


def _satisfaction(tally: Tally) -> Satisfaction:
    ratings = tally.bins("rating")
    n = sum(ratings.values())
    one, two, three, four, five = (ratings.get(rating, 0) for rating in range(1, 6))
    return Satisfaction(
        rating=Mean.of(sum(rating * count for rating, count in ratings.items()), n),
        satisfied=Share.of(sum(ratings.get(rating, 0) for rating in SATISFIED), n),
        ratings=(one, two, three, four, five),
    )


def _decisions(tally: Tally) -> Decisions:
    decided = tally.count("decided")
    return Decisions(
        corrected=Share.of(tally.yes("decided"), decided),
        approved=tally.count("outcome_approved"),
        rejected=tally.count("outcome_rejected"),
        returned=Share.of(tally.count("outcome_returned"), decided),
        other=tally.count("outcome_other"),
    )


def _attachments(tally: Tally) -> Attachments:
    stated = tally.count("attachments_stated")
    return Attachments(
        sent=Mean.of(tally.count("attachments_digital") + tally.count("attachments_paper"), stated),
        omitted_by_linkage=Mean.of(tally.count("attachments_omitted"), stated),
        online_with_paper=_yes_share(tally, "attachments_stated", online=True),
    )

"""What single cases add to the day buckets, told as dated stories of a road occupation permit (5 business days)."""

from collections import Counter
from datetime import date

from qos_domain.calendar import Calendar
from qos_domain.events import Event
from qos_domain.procedures import ClockRules, Period
from qos_domain.replay import Replay
from qos_domain.rows import CaseRow
from support.builders import happened, registered

CALENDAR = Calendar.load()


def told(*events: Event) -> tuple[CaseRow, dict[tuple[str, str, int], int]]:
    """The row of the only case, and its contributions as {(measure, date, bin): count}."""
    replay = Replay(CALENDAR)
    replay.add_all(events)
    ((_, projection),) = replay.projections()
    rows: Counter[tuple[str, str, int]] = Counter()
    for row, count in projection.contributions.items():
        rows[row.measure, date.fromordinal(row.day).isoformat(), row.bin] += count
    return projection.case, dict(rows)


def submitted(at: str = "2025-05-02 23:50", channel: str = "online", **more: object) -> Event:
    return happened("application.submitted", at, channel=channel, **more)


def test_notified_on_the_due_date_is_met_on_that_date() -> None:
    case, rows = told(
        registered(),
        submitted(),
        happened("review.started", "2025-05-07"),
        happened("review.decided", "2025-05-12", outcome="approved"),
        happened("notification.sent", "2025-05-13 17:00", channel="electronic"),
    )
    assert (case.status, case.result, case.due_date) == ("stopped", "met", date(2025, 5, 13))
    assert rows == {
        ("arrived", "2025-05-02", 0): 1,
        ("ended", "2025-05-13", 0): 1,
        ("met", "2025-05-13", 0): 1,
        ("calendar_days", "2025-05-13", 11): 1,
        ("elapsed_business_days", "2025-05-13", 5): 1,
        ("stage_waiting_days", "2025-05-13", 5): 1,
        ("stage_review_days", "2025-05-13", 5): 1,
        ("stage_notification_days", "2025-05-13", 1): 1,
        ("notified", "2025-05-13", 1): 1,
        ("decided", "2025-05-12", 0): 1,
        ("outcome_approved", "2025-05-12", 0): 1,
    }


def test_an_open_case_puts_its_breach_in_the_future() -> None:
    case, rows = told(registered(), submitted())
    assert (case.status, case.result) == ("open", "breached")
    assert rows == {("arrived", "2025-05-02", 0): 1, ("breached", "2025-05-14", 0): 1}


def test_a_due_date_before_the_arrival_is_breached_on_the_arrival_date() -> None:
    case, rows = told(registered(), submitted("2025-05-12", due_date=date(2025, 5, 8)))
    assert (case.due_date, case.breach_date) == (date(2025, 5, 8), date(2025, 5, 9))
    assert rows == {("arrived", "2025-05-12", 0): 1, ("breached", "2025-05-12", 0): 1}


def test_stopped_on_the_breach_date_is_breached_and_recovered_that_day() -> None:
    case, rows = told(registered(), submitted(), happened("notification.sent", "2025-05-14", channel="mail"))
    assert case.result == "breached"
    assert rows["breached", "2025-05-14", 0] == rows["recovered", "2025-05-14", 0] == 1
    assert rows["notified", "2025-05-14", 0] == 1
    assert ("met", "2025-05-14", 0) not in rows


def test_withdrawn_in_time_leaves_no_result_and_no_processing_time() -> None:
    case, rows = told(registered(), submitted(), happened("application.withdrawn", "2025-05-08"))
    assert (case.status, case.result, case.end_date) == ("withdrawn", None, date(2025, 5, 8))
    assert set(rows) == {("arrived", "2025-05-02", 0), ("ended", "2025-05-08", 0), ("withdrawn", "2025-05-08", 0)}


def test_withdrawn_after_the_breach_leaves_the_breach() -> None:
    case, rows = told(registered(), submitted(), happened("application.withdrawn", "2025-05-20"))
    assert case.result == "breached"
    assert rows["breached", "2025-05-14", 0] == rows["withdrawn_overdue", "2025-05-20", 0] == 1


def test_on_the_day_of_the_stop_the_stop_wins_over_the_withdrawal() -> None:
    case, _ = told(
        registered(),
        submitted(),
        happened("application.withdrawn", "2025-05-12 09:00"),
        happened("notification.sent", "2025-05-12 15:00", channel="mail"),
    )
    assert (case.status, case.result) == ("stopped", "met")


def test_hours_withdrawn_on_the_breach_date_before_the_due_instant_is_no_breach() -> None:
    within_a_day = registered(period=Period(unit="hours", maximum=24))
    arrived = submitted("2025-05-07 10:00")
    early, _ = told(within_a_day, arrived, happened("application.withdrawn", "2025-05-08 09:00"))
    late, _ = told(within_a_day, arrived, happened("application.withdrawn", "2025-05-08 11:00"))
    assert (early.result, late.result) == (None, "breached")


def test_a_notification_sent_at_the_instant_of_the_decision_that_stopped_the_case_did_not_stop_it() -> None:
    decision_stops = registered(clock=ClockRules(stop="decision"))
    decided = happened("review.decided", "2025-05-12 10:00", outcome="approved")
    notified = happened("notification.sent", "2025-05-12 10:00", channel="electronic")
    case, rows = told(decision_stops, submitted(), decided, notified)
    assert (case.status, case.stop_date) == ("stopped", date(2025, 5, 12))
    assert "notified" not in {measure for measure, _, _ in rows}
    _, rows = told(registered(), submitted(), decided, notified)
    assert rows["notified", "2025-05-12", 1] == 1


def test_without_a_period_there_is_volume_and_calendar_time_only() -> None:
    case, rows = told(registered(period=None), submitted(), happened("notification.sent", "2025-05-13", channel="mail"))
    assert case.result is None
    assert {measure for measure, _, _ in rows} == {"arrived", "ended", "calendar_days", "notified"}


def test_a_case_of_an_unknown_procedure_is_kept_and_contributes_once_registered() -> None:
    case, rows = told(submitted())
    assert (case.status, rows) == ("unregistered", {("unregistered", "2025-05-02", 0): 1})
    case, rows = told(submitted(), registered())
    assert case.status == "open"
    assert rows["arrived", "2025-05-02", 0] == 1


def test_a_notification_without_a_submission_counts_as_unsubmitted_and_nowhere_else() -> None:
    case, rows = told(registered(), happened("notification.sent", "2025-05-13", channel="mail"))
    assert (case.status, rows) == ("unsubmitted", {("unsubmitted", "2025-05-13", 0): 1})


def test_a_stop_before_the_arrival_gives_no_result() -> None:
    case, rows = told(registered(), submitted(), happened("notification.sent", "2025-05-01", channel="mail"))
    assert (case.status, case.result) == ("inconsistent", None)
    assert rows == {
        ("arrived", "2025-05-02", 0): 1,
        ("ended", "2025-05-02", 0): 1,
        ("inconsistent", "2025-05-02", 0): 1,
    }


def test_what_becomes_of_a_start() -> None:
    started = happened("application.started", "2025-05-02 23:38:30", channel="online", device="smartphone")
    _, pending = told(registered(), started)
    assert pending["started_pending", "2025-05-02", 0] == pending["unsubmitted", "2025-05-02", 0] == 1
    _, abandoned = told(registered(), started, happened("application.abandoned", "2025-05-03"))
    assert abandoned["started_abandoned", "2025-05-02", 0] == 1
    _, done = told(registered(), started, submitted("2025-05-02 23:50:00", device="smartphone"))
    assert done["started_submitted", "2025-05-02", 0] == done["device", "2025-05-02", 1] == 1
    assert done["form_minutes", "2025-05-02", 12] == 1  # 11 minutes 30 seconds
    _, elsewhere = told(registered(), started, submitted("2025-05-07", channel="counter"))
    assert elsewhere["started_elsewhere", "2025-05-02", 0] == 1


def test_a_payment_counts_once_by_its_own_date_and_as_the_earliest() -> None:
    paid = {"payment_id": "p1", "amount_yen": 2400}
    _, rows = told(
        registered(),
        submitted(),
        happened("application.fee_paid", "2025-05-09", method="cash", **paid),
        happened("application.fee_paid", "2025-05-07", method="card", **paid),
    )
    assert {key: n for key, n in rows.items() if key[0] in {"payments", "paid_yen"}} == {
        ("payments", "2025-05-07", 1): 1,
        ("paid_yen", "2025-05-07", 1): 2400,
    }


def test_the_outcome_shown_is_the_latest_and_a_correction_counts_even_when_it_does_not_suspend() -> None:
    _, rows = told(
        registered(),
        submitted(),
        happened("review.suspended", "2025-05-08", suspension_id="s1", reason="correction"),
        happened("review.decided", "2025-05-12", outcome="returned"),
        happened("review.decided", "2025-05-15", outcome="approved"),
    )
    assert rows["decided", "2025-05-12", 1] == rows["outcome_approved", "2025-05-12", 0] == 1


def test_feedback_counts_without_a_submission_and_the_latest_of_an_application() -> None:
    rated = ("feedback.submitted", "2025-05-20")
    _, unattached = told(registered(), happened(*rated, application=None, rating=2, channel="online"))
    assert unattached == {("rating", "2025-05-20", 2): 1}
    _, rows = told(
        registered(),
        submitted(),
        happened(*rated, rating=2, channel="online"),
        happened("feedback.submitted", "2025-05-21", rating=5, channel="online"),
    )
    assert {key for key in rows if key[0] == "rating"} == {("rating", "2025-05-21", 5)}

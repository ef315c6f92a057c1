"""All indicators of a road occupation permit in June 2025, and their per-channel figures."""

from datetime import date

import msgspec
import pytest

from qos_domain.figures import Distribution, Mean, Rate, Share
from qos_domain.indicators import Elapsed, Report
from qos_domain.measures import add
from qos_domain.reporting import band, indicators, report
from qos_domain.workload import Workload
from support.sums import AS_OF, LAST_28_DAYS, buckets, cells, counter, online


def test_online_rate_with_an_email_that_counts_as_online() -> None:
    sums = add([online(arrived=6), cells("email", is_online=True, arrived=2), counter(arrived=4)])
    found = indicators(buckets(sums), one_procedure=True)
    assert found.volume.applications == 12
    assert found.online.applications == Share(8, 12, 8 / 12)
    assert found.online.band == "from_50_to_80"


@pytest.mark.parametrize(
    ("numerator", "expected"),
    [
        (0, "below_20"),
        (199, "below_20"),
        (200, "from_20_to_50"),
        (500, "from_50_to_80"),
        (799, "from_50_to_80"),
        (800, "from_80"),
        (1000, "from_80"),
    ],
)
def test_bands_of_the_online_rate(numerator: int, expected: str) -> None:
    assert band(Share.of(numerator, 1000)) == expected
    assert band(Share.of(0, 0)) is None


def test_processing_time_in_calendar_days_and_in_the_own_unit_of_one_procedure() -> None:
    sums = online(
        calendar_days={7: 3, 14: 1},
        elapsed_business_days={5: 3, 10: 1},
        stage_waiting_days={0: 4},
        stage_review_days={6: 3, 12: 1},
    )
    found = indicators(buckets(sums), one_procedure=True).processing_time
    assert found.calendar_days == Distribution(n=4, mean=8.75, p50=7, p90=14, p95=14, max=14)
    assert found.elapsed == (Elapsed("business_days", Distribution(4, 6.25, 5, 10, 10, 10)),)
    assert found.waiting_days == Distribution(4, 0.0, 0, 0, 0, 0)
    assert found.notification_days is None
    several = indicators(buckets(sums), one_procedure=False).processing_time
    assert several.calendar_days == found.calendar_days
    assert several.elapsed == ()


def test_compliance_counts_each_result_once() -> None:
    sums = add([online(met=17, breached=2, recovered=1), counter(met=2, breached=1, withdrawn_overdue=1)])
    found = indicators(buckets(sums), one_procedure=True, retracted=1).compliance
    assert found.within_period == Share(19, 22, 19 / 22)
    assert found.stopped_within_period == Share(19, 20, 0.95)
    assert (found.breached, found.recovered, found.withdrawn_overdue, found.retracted) == (3, 1, 1, 1)


def test_open_and_overdue_come_from_all_days_so_far() -> None:
    until = online(arrived=100, ended=90, breached=9, recovered=5, withdrawn_overdue=1)
    found = indicators(buckets({}, until=until), one_procedure=True).standing
    assert (found.open, found.overdue) == (10, 3)
    assert (found.suspended, found.due_soon, found.forecast) == (None, None, None)


def test_single_cases_add_what_buckets_cannot_say() -> None:
    until = online(arrived=100, ended=90, breached=9, recovered=5, withdrawn_overdue=1)
    cases = Workload(open=10, suspended=2, due_soon=1, overdue=3, forecast=4)
    found = indicators(buckets({}, until=until), one_procedure=True, workload=cases).standing
    assert (found.open, found.overdue, found.suspended, found.due_soon, found.forecast) == (10, 3, 2, 1, 4)


def test_cashless_by_number_and_by_amount_and_of_online_alone() -> None:
    sums = add(
        [
            online(payments={1: 8, 0: 2}, paid_yen={1: 4000, 0: 2000}),
            counter(payments={0: 10}, paid_yen={0: 30_000}),
        ]
    )
    found = indicators(buckets(sums), one_procedure=True).cashless
    assert found.payments == Share(8, 20, 0.4)
    assert found.yen == Share(4000, 36_000, 4000 / 36_000)
    assert found.online_payments == Share(8, 10, 0.8)
    assert found.online_yen == Share(4000, 6000, 4000 / 6000)


def test_what_became_of_online_starts() -> None:
    sums = online(
        started=20,
        started_submitted=12,
        started_abandoned=1,
        started_elsewhere=2,
        started_pending=3,
        form_minutes={8: 5, 10: 1, 11: 6},
    )
    found = indicators(buckets(sums), one_procedure=True).forms
    assert found.completed == Share(12, 20, 0.6)
    assert found.abandoned == Share(4, 20, 0.2)
    assert (found.submitted_elsewhere, found.in_progress) == (2, 2)
    assert found.minutes is not None
    assert found.minutes.p50 == 10
    assert found.within_10_minutes == Share(6, 12, 0.5)


def test_voices_of_applicants() -> None:
    sums = add(
        [
            online(arrived=150, rating={5: 4, 4: 2, 3: 1, 1: 1}),
            counter(arrived=50),
            cells("phone", is_online=False, inquiries=12),
        ]
    )
    found = indicators(buckets(sums), one_procedure=True)
    assert found.satisfaction.rating == Mean(n=8, total=32, mean=4.0)
    assert found.satisfaction.satisfied == Share(6, 8, 0.75)
    assert found.satisfaction.ratings == (1, 0, 1, 2, 4)
    assert found.inquiries == Rate(12, 200, 6.0)


def test_decisions_attachments_notifications_and_devices() -> None:
    sums = add(
        [
            online(decided={0: 6, 1: 2}, outcome_approved=5, outcome_returned=2, outcome_rejected=1),
            online(attachments_stated={0: 9, 1: 1}, attachments_digital=15, attachments_paper=2, attachments_omitted=8),
            counter(attachments_stated={1: 10}, attachments_paper=33),
            online(notified={1: 7, 0: 1}, device={1: 3, 0: 1}),
        ]
    )
    found = indicators(buckets(sums), one_procedure=True)
    assert found.decisions.corrected == Share(2, 8, 0.25)
    assert found.decisions.returned == Share(2, 8, 0.25)
    assert (found.decisions.approved, found.decisions.rejected, found.decisions.other) == (5, 1, 0)
    assert found.attachments.sent == Mean(n=20, total=50, mean=2.5)
    assert found.attachments.omitted_by_linkage == Mean(n=20, total=8, mean=0.4)
    assert found.attachments.online_with_paper == Share(1, 10, 0.1)
    assert found.electronic_notifications == Share(7, 8, 0.875)
    assert found.smartphone == Share(3, 4, 0.75)


def test_a_report_has_the_total_and_each_channel() -> None:
    sums = add([online(arrived=6, met=5, breached=1), counter(arrived=4, met=4)])
    found = report(
        buckets(sums, until=online(arrived=9, ended=8), fiscal_year=sums),
        window=LAST_28_DAYS,
        as_of=AS_OF,
        one_procedure=True,
        objective=0.95,
        workloads={None: Workload(open=1), "online": Workload(open=1)},
    )
    assert (found.as_of, found.window) == (date(2025, 6, 30), LAST_28_DAYS)
    assert sorted(found.channels) == ["counter", "online"]
    assert found.total.compliance.within_period == Share(9, 10, 0.9)
    assert found.channels["online"].compliance.within_period == Share(5, 6, 5 / 6)
    assert found.channels["counter"].standing.due_soon == 0
    assert found.total.error_budget is not None
    assert found.total.error_budget.used == 1
    assert msgspec.json.decode(msgspec.json.encode(found), type=Report) == found


def test_nothing_at_all_is_no_figure() -> None:
    found = report(buckets({}), window=LAST_28_DAYS, as_of=AS_OF, one_procedure=True)
    assert found.channels == {}
    assert found.total.processing_time.calendar_days is None
    assert found.total.compliance.within_period.share is None
    assert found.total.satisfaction.rating.mean is None

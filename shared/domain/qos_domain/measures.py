"""What a case adds to a day bucket: the names of the measures, and the shape of buckets summed over days.

Every measure is a sum, so buckets of any days, channels and procedures add, and subtract again. `bin` is a whole
number whose meaning is the measure's own (a number of days, a rating, 1 or 0 for yes or no), 0 where none is named
below. A bucket is dated by the date named below; docs/indicators.md says which figures are made of which measures.
"""

from collections.abc import Iterable, Mapping
from typing import Literal, TypeAlias, get_args

from qos_domain.vocabulary import Channel

Measure: TypeAlias = Literal[
    # volume and what is open
    "arrived",  # arrival date: an application
    "ended",  # the earlier of stop and withdrawal: it ended; open = arrived - ended, of all days up to a day
    "withdrawn",  # withdrawal date: taken back before any stop
    # the result of the period (SLI), once per case
    "met",  # stop date: stopped before its breach date
    "breached",  # breach date, be it in the future, but not before the arrival: not stopped before it
    "recovered",  # stop date: breached, and stopped then
    "withdrawn_overdue",  # withdrawal date: breached, and withdrawn then; overdue = breached - recovered - this
    # processing time, by stop date; bin: days, or whole hours
    "calendar_days",
    "elapsed_business_days",
    "elapsed_calendar_days",
    "elapsed_hours",
    "stage_waiting_days",  # arrival to review start
    "stage_review_days",  # review start to decision
    "stage_notification_days",  # decision to notification
    # decisions, by date of the first decision
    "decided",  # bin 1: had at least one correction
    "outcome_approved",
    "outcome_rejected",
    "outcome_returned",
    "outcome_other",
    # the notification that stopped the case, by stop date; bin 1: electronic
    "notified",
    # payments by their date; bin 1: cashless
    "payments",
    "paid_yen",
    # voices of applicants, by their date
    "rating",  # bin 1..5
    "inquiries",
    # starts of online forms, by start date, and what became of them
    "started",
    "started_submitted",
    "started_elsewhere",
    "started_abandoned",
    "started_pending",  # nothing yet: abandoned once seven days have passed
    "form_minutes",  # arrival date; bin: whole minutes from start to submission, rounded up
    # what came with an application, by arrival date
    "attachments_stated",  # bin 1: something on paper
    "attachments_digital",
    "attachments_paper",
    "attachments_omitted",
    "device",  # bin 1: smartphone
    "batched",
    # data quality, by the date of arrival, else of the first fact; the first two are in no other figure
    "unsubmitted",
    "unregistered",
    "inconsistent",
    "conflicts",
]
MEASURES: tuple[Measure, ...] = get_args(Measure)

# channel, whether it counts as online for its procedure, measure, bin
Cell: TypeAlias = tuple[Channel, bool, Measure, int]
# Buckets of one scope (a procedure, an organisation, all), summed over days.
Sums: TypeAlias = Mapping[Cell, int]


def add(parts: Iterable[Sums]) -> dict[Cell, int]:
    """The sum of several scopes or windows, cell by cell; cells that come to 0 are left out."""
    total: dict[Cell, int] = {}
    for part in parts:
        for cell, count in part.items():
            total[cell] = total.get(cell, 0) + count
    return {cell: count for cell, count in total.items() if count}

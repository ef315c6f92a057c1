"""What the level criteria measure, and the sums that they measure it on (docs/levels.md, What can be measured)."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Literal, TypeAlias

from qos_domain.cells import Tally
from qos_domain.figures import Distribution
from qos_domain.indicators import ELAPSED, Counting
from qos_domain.measures import Measure, Sums
from qos_domain.procedures import Procedure
from qos_domain.reporting import abandoned_starts
from qos_domain.vocabulary import Unit

# The sums of a procedure over each of the spans that `Criteria.spans` names; a name left out has no sums.
Evidence: TypeAlias = Mapping[str, Sums]
NO_EVIDENCE: Evidence = {}

Kind: TypeAlias = Literal["share", "mean", "median_ratio", "count", "difference_of_means"]
MeasurementName: TypeAlias = Literal[
    "compliance",
    "online_compliance",
    "online_application_rate",
    "online_median_to_standard_period",
    "online_paper_share",
    "online_cashless_share",
    "cashless_share",
    "satisfaction_mean",
    "satisfied_share",
    "completion",
    "abandonment",
    "correction_rate",
    "electronic_notification_share",
    "smartphone_share",
]
ExistenceName: TypeAlias = Literal["batch_application", "smartphone_application", "feedback"]
TrendName: TypeAlias = Literal["satisfaction_mean"]


@dataclass(frozen=True, slots=True)
class Ratio:
    """numerator / denominator is the value; `cases` is what the least number of cases is asked of."""

    numerator: int
    denominator: float
    cases: int


@dataclass(frozen=True, slots=True)
class Measurement:
    """How a figure is read from sums. `read` gives None where the registry doesn't say what it needs."""

    kind: Kind
    measures: tuple[Measure, ...]
    read: Callable[[Tally, Procedure], Ratio | None]


@dataclass(frozen=True, slots=True)
class Existence:
    """How many there are (`hits`) among how many (`cases`)."""

    measures: tuple[Measure, ...]
    hits: Callable[[Tally], int]
    cases: Callable[[Tally], int]


# The general period against the cases' elapsed time, in the period's own counting: (counting, how many of it).
_OWN_COUNTING: Mapping[Unit, tuple[Counting, int]] = {
    "business_days": ("business_days", 1),
    "calendar_days": ("calendar_days", 1),
    "weeks": ("calendar_days", 7),
    "months": ("calendar_days", 30),
    "years": ("calendar_days", 365),
    "hours": ("hours", 1),
}
# And in calendar days, where the cases were counted otherwise: five business days are a week.
_CALENDAR_DAYS: Mapping[Unit, float] = {
    "business_days": 7 / 5,
    "calendar_days": 1,
    "weeks": 7,
    "months": 30,
    "years": 365,
    "hours": 1 / 24,
}


def _online_median_to_standard_period(tally: Tally, procedure: Procedure) -> Ratio | None:
    """The median time of online cases over the general standard period.

    In the period's own counting when every online case that stopped was counted in it, else in calendar days from
    arrival to stop. A period of less than one unit counts as one, so that a case done at once is 0 of it.
    """
    period = procedure.standard_period
    if period is None:
        return None
    counting, factor = _OWN_COUNTING[period.unit]
    calendar_days = tally.bins("calendar_days", online=True)
    bins, allowed = tally.bins(ELAPSED[counting], online=True), float(period.maximum * factor)
    if sum(bins.values()) != sum(calendar_days.values()):
        bins, allowed = calendar_days, period.maximum * _CALENDAR_DAYS[period.unit]
    times = Distribution.of(bins)
    if times is None or times.p50 is None:
        return Ratio(0, max(allowed, 1.0), 0)
    return Ratio(times.p50, max(allowed, 1.0), times.n)


def _compliance(*, online: bool) -> Measurement:
    def read(tally: Tally, _: Procedure) -> Ratio:
        met, breached = tally.count("met", online=online), tally.count("breached", online=online)
        return Ratio(met, met + breached, met + breached)

    return Measurement("share", ("met", "breached"), read)


def _yes_share(measure: Measure, *, online: bool) -> Measurement:
    def read(tally: Tally, _: Procedure) -> Ratio:
        count = tally.count(measure, online=online)
        return Ratio(tally.yes(measure, online=online), count, count)

    return Measurement("share", (measure,), read)


def _of_starts(measures: tuple[Measure, ...], count: Callable[[Tally], int]) -> Measurement:
    def read(tally: Tally, _: Procedure) -> Ratio:
        started = tally.count("started", online=True)
        return Ratio(count(tally), started, started)

    return Measurement("share", ("started", *measures), read)


def _online_application_rate(tally: Tally, _: Procedure) -> Ratio:
    arrived = tally.count("arrived")
    return Ratio(tally.count("arrived", online=True), arrived, arrived)


def _satisfaction_mean(tally: Tally, _: Procedure) -> Ratio:
    ratings = tally.bins("rating")
    n = sum(ratings.values())
    return Ratio(sum(rating * count for rating, count in ratings.items()), n, n)


def _satisfied_share(tally: Tally, _: Procedure) -> Ratio:
    n = tally.count("rating")
    ratings = tally.bins("rating")
    return Ratio(ratings.get(4, 0) + ratings.get(5, 0), n, n)


MEASUREMENTS: Mapping[MeasurementName, Measurement] = {
    "compliance": _compliance(online=False),
    "online_compliance": _compliance(online=True),
    "online_application_rate": Measurement("share", ("arrived",), _online_application_rate),
    "online_median_to_standard_period": Measurement(
        "median_ratio", ("calendar_days", *ELAPSED.values()), _online_median_to_standard_period
    ),
    "online_paper_share": _yes_share("attachments_stated", online=True),
    "online_cashless_share": _yes_share("payments", online=True),
    "cashless_share": _yes_share("payments", online=False),
    "satisfaction_mean": Measurement("mean", ("rating",), _satisfaction_mean),
    "satisfied_share": Measurement("share", ("rating",), _satisfied_share),
    "completion": _of_starts(("started_submitted",), lambda tally: tally.count("started_submitted", online=True)),
    "abandonment": _of_starts(("started_abandoned", "started_pending"), abandoned_starts),
    "correction_rate": _yes_share("decided", online=False),
    "electronic_notification_share": _yes_share("notified", online=False),
    "smartphone_share": _yes_share("device", online=True),
}
EXISTENCES: Mapping[ExistenceName, Existence] = {
    "batch_application": Existence(
        ("batched", "arrived"), lambda tally: tally.count("batched"), lambda tally: tally.count("arrived", online=True)
    ),
    "smartphone_application": Existence(
        ("device",), lambda tally: tally.yes("device", online=True), lambda tally: tally.count("device", online=True)
    ),
    "feedback": Existence(
        ("rating", "arrived"), lambda tally: tally.count("rating"), lambda tally: tally.count("arrived", online=True)
    ),
}
TRENDS: Mapping[TrendName, Measurement] = {"satisfaction_mean": MEASUREMENTS["satisfaction_mean"]}

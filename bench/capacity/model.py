"""From costs to sizes: a pure model. What it assumes beside the costs is in `Assumptions`, nowhere else."""

import math
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from statistics import fmean

from bench.capacity.costs import Costs
from qos_runtime.kafka import partition_of

_SECONDS_A_YEAR = 365 * 24 * 3600
# Kafka's header of a batch and of its record, and the key: what comes on top of an event that travels alone.
_BATCH_BYTES = 100


@dataclass(frozen=True, slots=True)
class Assumptions:
    """Nothing here was measured: change it to what is known of a place."""

    busiest_day: float = 4.0
    """Events of the year's busiest day, as a multiple of the mean day (turn of the fiscal year)."""
    hours: tuple[float, ...] = (
        *(0.3, 0.2, 0.1, 0.1, 0.1, 0.2, 0.5, 1.2, 4.0, 9.0, 10.0, 9.0),
        *(7.5, 9.0, 9.5, 9.5, 8.5, 6.0, 3.5, 3.0, 3.0, 2.8, 1.9, 1.1),
    )
    """Percent of a day's events in each local hour: offices' hours, and an evening of people at home."""
    busy: float = 0.6
    """The share of a core's time that is planned for."""
    open_days: float = 14.0
    """How long a case is open: cases a day times this are open at a time."""
    replicas: int = 3
    """Copies of the log, and of the database."""

    @property
    def peak(self) -> float:
        """The busiest hour of the busiest day, as a multiple of the mean hour of the year."""
        return self.busiest_day * 24 * max(self.hours) / sum(self.hours)


@dataclass(frozen=True, slots=True)
class Place:
    """Who uses the system: cases a year of each of its procedures."""

    name: str
    volumes: Sequence[int]
    partitions: int


@dataclass(frozen=True, slots=True)
class Size:
    """What a place needs. Bytes are those of a year, of all replicas where it says so; rates are a second's."""

    cases: int
    events_a_year: float
    mean_events: float
    peak_events: float
    hottest_partition: float
    """Its share of all events."""
    workers: int
    workers_by_hottest: float
    """How much of one worker the hottest partition needs at the peak; more than 1 can't be had."""
    database_cores: float
    log_bytes: float
    """If every event travels alone, without compression: an upper bound."""
    case_bytes: float
    bucket_rows: float
    bucket_bytes: float
    wal_bytes_per_second: float
    everything_rows: float
    """Buckets of everything, of a year."""
    open_cases: float
    read_seconds: float
    """For an answer over everything, from these."""


def zipf(procedures: int, cases: int, *, top: float = 0.02, top_share: float = 0.9) -> list[int]:
    """Cases by procedure, so that the `top` share of procedures has the `top_share` of cases.

    The default is what the domain document says of priority procedures.
    """
    first = max(1, round(procedures * top))
    low, high = 0.01, 4.0
    for _ in range(60):
        exponent = (low + high) / 2
        weights = [rank**-exponent for rank in range(1, procedures + 1)]
        low, high = (exponent, high) if sum(weights[:first]) < top_share * sum(weights) else (low, exponent)
    total = sum(weights)
    return [round(cases * weight / total) for weight in weights]


def curve(points: Iterable[tuple[float, float]]) -> Callable[[float], float]:
    """Straight lines between logarithms, through the means of the points whose volumes are of one power of four.

    Before the first of them the line goes on in proportion to the volume, beyond the last one as between the last two.
    """
    groups: defaultdict[int, list[tuple[float, float]]] = defaultdict(list)
    for x, y in points:
        groups[round(math.log(x, 4))].append((math.log(x), math.log(y)))
    knots = sorted((fmean(x for x, _ in group), fmean(y for _, y in group)) for group in groups.values())
    if len(knots) < 2:
        raise ValueError("volumes of at least two powers of four are needed")
    first = knots[0]
    lines = [((first[0] - 1, first[1] - 1), first), *pairwise(knots)]

    def at(volume: float) -> float:
        if volume <= 0:
            return 0.0
        x = math.log(volume)
        (x0, y0), (x1, y1) = next((line for line in lines if x <= line[1][0]), lines[-1])
        return math.exp(y0 + (y1 - y0) * (x - x0) / (x1 - x0))

    return at


def hottest_share(volumes: Sequence[int], partitions: int) -> float:
    """The share of all cases in the partition number that has most; ids are spread by Kafka's own hash."""
    held = [0] * partitions
    for number, volume in enumerate(volumes):
        held[partition_of(f"procedure-{number}".encode(), partitions)] += volume
    return max(held) / sum(held)


def size(
    place: Place,
    costs: Costs,
    bucket_rows: Callable[[float], float],
    everything_rows: Callable[[float], float],
    assumed: Assumptions,
) -> Size:
    """What the place needs, by costs measured and assumptions made.

    `bucket_rows` and `everything_rows`: rows of a year by the cases of a year, of one procedure and of all together.
    """
    cases = sum(place.volumes)
    events = cases * costs.events_per_case
    mean = events / _SECONDS_A_YEAR
    peak = mean * assumed.peak
    hottest = hottest_share(place.volumes, place.partitions)
    rows = sum(bucket_rows(volume) for volume in place.volumes)
    everything, opened = everything_rows(cases), cases / 365 * assumed.open_days
    return Size(
        cases=cases,
        events_a_year=events,
        mean_events=mean,
        peak_events=peak,
        hottest_partition=hottest,
        workers=max(1, math.ceil(peak * costs.worker_core_seconds_per_event / assumed.busy)),
        workers_by_hottest=peak * hottest * costs.worker_core_seconds_per_event,
        database_cores=peak * costs.database_core_seconds_per_event / assumed.busy,
        log_bytes=events * (costs.record_bytes + _BATCH_BYTES) * assumed.replicas,
        case_bytes=cases * costs.case_bytes,
        bucket_rows=rows,
        bucket_bytes=rows * costs.bucket_bytes,
        wal_bytes_per_second=peak * costs.wal_bytes_per_event,
        everything_rows=everything,
        open_cases=opened,
        read_seconds=everything * costs.read_seconds_per_bucket + opened * costs.read_seconds_per_open_case,
    )


@dataclass(frozen=True, slots=True)
class CatchUp:
    """How a pause of the workers passes, on the busiest day."""

    most_waiting: float
    """Events."""
    most_lag_minutes: float
    """Age of the oldest event that waits."""
    minutes: float | None
    """From the end of the pause until nothing waits; None: not on that day."""


def catch_up(events_on_day: float, capacity: float, assumed: Assumptions, *, from_hour: int, minutes: int) -> CatchUp:
    """Simulate a day minute by minute, first come first served, with `capacity` events a second but for the pause."""
    arrivals = [events_on_day * share / sum(assumed.hours) / 60 for share in assumed.hours for _ in range(60)]
    waiting: list[list[float]] = []  # [minute of arrival, events left], oldest first
    first, most, lag = 0, 0.0, 0.0
    resumes = from_hour * 60 + minutes
    for minute, arrived in enumerate(arrivals):
        waiting.append([minute, arrived])
        room = 0.0 if from_hour * 60 <= minute < resumes else capacity * 60
        while first < len(waiting) and room > 0:
            taken = min(room, waiting[first][1])
            room -= taken
            waiting[first][1] -= taken
            if waiting[first][1] <= 1e-9:
                first += 1
        left = sum(events for _, events in waiting[first:])
        most = max(most, left)
        if first < len(waiting):
            lag = max(lag, minute - waiting[first][0])
        elif minute >= resumes:
            return CatchUp(most, lag, minute - resumes + 1)
    return CatchUp(most, lag, None)

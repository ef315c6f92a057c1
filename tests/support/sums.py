"""Summed day buckets in few words, and hypothesis strategies for dated ones."""

from datetime import date, timedelta

from hypothesis import strategies as st

from qos_domain.cells import Buckets, DatedCell
from qos_domain.measures import MEASURES, Cell, Measure, Sums
from qos_domain.periods import Window, window
from qos_domain.vocabulary import Channel

AS_OF = date(2025, 6, 30)
LAST_28_DAYS = window("28d", AS_OF)
_YES_OR_NO = frozenset({"decided", "notified", "payments", "paid_yen", "attachments_stated", "device"})
_DAYS = frozenset(
    {"calendar_days", "elapsed_business_days", "elapsed_calendar_days", "elapsed_hours", "form_minutes"}
    | {"stage_waiting_days", "stage_review_days", "stage_notification_days"}
)


def online(**counts: int | dict[int, int]) -> dict[Cell, int]:
    """Cells of the channel online: `arrived=3`, or by bin `rating={5: 2, 4: 1}`."""
    return cells("online", is_online=True, **counts)


def counter(**counts: int | dict[int, int]) -> dict[Cell, int]:
    return cells("counter", is_online=False, **counts)


def cells(channel: Channel, *, is_online: bool, **counts: int | dict[int, int]) -> dict[Cell, int]:
    sums: dict[Cell, int] = {}
    for name, said in counts.items():
        assert name in MEASURES, name
        measure: Measure = name
        for bin_, count in (said if isinstance(said, dict) else {0: said}).items():
            sums[channel, is_online, measure, bin_] = count
    return sums


def buckets(
    window_sums: Sums, *, until: Sums | None = None, trailing_year: Sums | None = None, fiscal_year: Sums | None = None
) -> Buckets:
    """Buckets whose other parts are empty unless said."""
    return Buckets(window_sums, until or {}, trailing_year or {}, fiscal_year or {})


def _bins(measure: Measure) -> st.SearchStrategy[int]:
    if measure in _YES_OR_NO:
        return st.integers(0, 1)
    if measure == "rating":
        return st.integers(1, 5)
    return st.integers(0, 400) if measure in _DAYS else st.just(0)


CHANNELS: tuple[Channel, ...] = ("online", "email", "counter", "mail")


@st.composite
def cell_strategy(draw: st.DrawFn) -> Cell:
    measure = draw(st.sampled_from(MEASURES))
    channel = draw(st.sampled_from(CHANNELS))
    is_online = channel == "online" or (channel == "email" and draw(st.booleans()))
    return (channel, is_online, measure, draw(_bins(measure)))


def sums_strategy(most_cells: int = 40) -> st.SearchStrategy[Sums]:
    return st.dictionaries(cell_strategy(), st.integers(1, 60), max_size=most_cells)


def dated_strategy(
    first: date = AS_OF - timedelta(500), last: date = AS_OF + timedelta(30)
) -> st.SearchStrategy[list[DatedCell]]:
    """Dated buckets around AS_OF, some of them later than it."""
    row = st.tuples(st.dates(first, last), cell_strategy(), st.integers(1, 20))
    return st.lists(row, max_size=60)


def a_window() -> st.SearchStrategy[Window]:
    names = st.sampled_from(
        ["today", "7d", "28d", "90d", "365d", "month", "quarter", "fiscal_year", "2025-04", "FY2024"]
    )
    return names.map(lambda name: window(name, AS_OF))

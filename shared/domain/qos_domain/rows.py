"""The rows that come out of the fold: the row of a case, and the rows of day buckets."""

from collections.abc import Mapping
from datetime import date, datetime
from typing import Literal, NamedTuple, TypeAlias

import msgspec
from msgspec import Struct

from qos_domain.measures import Measure
from qos_domain.vocabulary import Channel, Unit

CaseStatus: TypeAlias = Literal["open", "stopped", "withdrawn", "inconsistent", "unsubmitted", "unregistered"]
CaseResult: TypeAlias = Literal["met", "breached"]


class Row(NamedTuple):
    """The key of a day bucket within a procedure; `day` is a proleptic ordinal (date.toordinal)."""

    organisation_id: str
    day: int
    channel: Channel
    online: bool
    measure: Measure
    bin: int


Contributions: TypeAlias = Mapping[Row, int]


class CaseRow(Struct, frozen=True, kw_only=True):
    """What is asked of single cases: which are open, due soon, overdue. Dates are local dates.

    `reference_date` is the arrival date, or the date of the first fact where there is no submission: the registry
    version of that date governs. `end_date` is that of the stop or of an earlier withdrawal. `suspended` are the spans
    [from, to) in which the case stands suspended, `to` None while it does. `result` has no as-of date either: an open
    case with a breach date is `breached`, be that date to come.
    """

    status: CaseStatus
    reference_date: date
    organisation_id: str | None = None
    channel: Channel | None = None
    online: bool | None = None
    unit: Unit | None = None
    arrival_at: datetime | None = None
    arrival_date: date | None = None
    stop_date: date | None = None
    end_date: date | None = None
    due_date: date | None = None
    breach_date: date | None = None
    due_at: datetime | None = None
    due_soon_date: date | None = None
    due_soon_at: datetime | None = None
    suspended: tuple[tuple[date, date | None], ...] = ()
    result: CaseResult | None = None


class Projection(Struct, frozen=True):
    """What one case comes to: its row, and what it adds to the day buckets of its procedure."""

    case: CaseRow
    contributions: Contributions


_ENCODER = msgspec.json.Encoder()
_DECODER = msgspec.json.Decoder(tuple[list[Row], list[int]])


def encode_contributions(contributions: Contributions) -> str:
    """JSON text: the rows, then their counts. The same view gives the same text."""
    return _ENCODER.encode((list(contributions), list(contributions.values()))).decode()


def decode_contributions(text: str | bytes) -> dict[Row, int]:
    rows, counts = _DECODER.decode(text)
    return dict(zip(rows, counts, strict=True))

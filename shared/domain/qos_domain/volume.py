"""Which procedures are priority procedures (docs/indicators.md, Priority; domain document, Indicators)."""

from dataclasses import dataclass
from datetime import date

from qos_domain.periods import FiscalYear, Span

PRIORITY_APPLICATIONS = 10_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Priority:
    """`priority` is fixed for the fiscal year: declared, or enough applications in the last full one. `next_year` says
    what this year's applications so far would make it in the next."""

    fiscal_year: str
    priority: bool
    declared: bool | None
    applications_last_year: int
    applications_this_year: int
    next_year: bool


def priority_spans(as_of: date) -> tuple[Span, Span]:
    """The last full fiscal year, and this one up to as_of: the days whose applications `priority` wants."""
    fiscal_year = FiscalYear.of(as_of)
    return fiscal_year.previous.span, fiscal_year.span.until(as_of)


def priority(as_of: date, *, declared: bool | None, last_year: int, this_year: int) -> Priority:
    """From the applications (by arrival date) of the last full fiscal year and of this one up to as_of."""
    return Priority(
        fiscal_year=FiscalYear.of(as_of).name,
        priority=declared is True or last_year >= PRIORITY_APPLICATIONS,
        declared=declared,
        applications_last_year=last_year,
        applications_this_year=this_year,
        next_year=declared is True or this_year >= PRIORITY_APPLICATIONS,
    )

"""What a monthly publication says of a procedure, of an organisation and of everything (docs/publications.md).

A month is published once, when it is over, and never changes; what changes later is restated beside it (`restatement`).
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import date, timedelta
from typing import Literal, TypeAlias

from qos_domain.assessment import Settled
from qos_domain.cells import Buckets
from qos_domain.criteria import Principle
from qos_domain.disclosure import TOKYO_RULES, DisclosureRules, public_indicators
from qos_domain.evidence import Evidence
from qos_domain.findings import Status
from qos_domain.indicators import Indicators
from qos_domain.levels import Assessor, LevelReading
from qos_domain.periods import Month, last_complete_month
from qos_domain.registry import Version
from qos_domain.reporting import indicators

PublicationScope: TypeAlias = Literal["procedure", "organisation", "all"]


class MonthRefused(ValueError):
    """A month that can't be published. `period` is its name, `rule` says what could be."""

    def __init__(self, *, period: str, rule: str) -> None:
        super().__init__(f"{period}: {rule}")
        self.period = period
        self.rule = rule


@dataclass(frozen=True, slots=True, kw_only=True)
class PublishedReading:
    """A level on the month's last day. `level` and `possible_level` are the reading of that day (`LevelReading`);
    `settled` is what daily assessments had settled by then, None where there was none yet."""

    level: int
    possible_level: int
    settled: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class PublishedLevels:
    declared: PublishedReading
    evidenced: PublishedReading


@dataclass(frozen=True, slots=True, kw_only=True)
class Statement:
    """What is said of a scope: all indicators of the month as of its last day, and for a procedure its levels and the
    status of each criterion.

    Levels and criteria are empty for several procedures, and for one that was not offered on the last day. What only
    single cases say (suspended, due soon, forecast) and retracted breaches are not published: None.
    """

    indicators: Indicators
    levels: Mapping[Principle, PublishedLevels]
    criteria: Mapping[str, Status]


@dataclass(frozen=True, slots=True, kw_only=True)
class ProcedureInputs:
    """All that the statement on a procedure is made of, and it is a function of.

    `version` is the one in force on the month's last day (None: none was yet), `buckets` were summed over
    `Spans.of(month.window, month.span.end)`, `evidence` over `criteria.spans(month.span.end)`; `settled` are the
    settled levels of that day (`assessment.settled_on`).
    """

    version: Version | None
    buckets: Buckets
    evidence: Evidence
    settled: Settled | None = None


def month_to_publish(asked: Month | None, *, today: date, first_day: date | None) -> Month:
    """The month asked for, or the last complete one. `today` is the local date, `first_day` the first one of which
    there is anything.

    Raises MonthRefused for a month that isn't over, or that ended before there was anything.
    """
    latest = last_complete_month(today - timedelta(1))
    month = asked or latest
    if month > latest:
        raise MonthRefused(
            period=month.name, rule=f"the month isn't over; the last complete one is {latest.name}: publish that"
        )
    if first_day is None:
        raise MonthRefused(period=month.name, rule="there is no data yet: publish once events have been processed")
    if month < Month.of(first_day):
        raise MonthRefused(
            period=month.name, rule=f"data begins on {first_day}: publish {Month.of(first_day).name} or a later month"
        )
    return month


def procedure_statement(inputs: ProcedureInputs, *, assessor: Assessor, month: Month) -> Statement:
    """The statement on a procedure, by the criteria of `assessor`."""
    version = inputs.version
    levels: dict[Principle, PublishedLevels] = {}
    criteria: dict[str, Status] = {}
    if version is not None and not version.retired:
        for principle, found in assessor.readings(version.procedure, inputs.evidence, month.span.end).items():
            settled = {} if inputs.settled is None else inputs.settled.levels.get(principle, {})
            declared, evidenced = settled.get("declared"), settled.get("evidenced")
            levels[principle] = PublishedLevels(
                declared=_reading(found.declared, None if declared is None else declared.level),
                evidenced=_reading(found.evidenced, None if evidenced is None else evidenced.level),
            )
            criteria |= {result.criterion: result.status for result in found.criteria}
    objective = None if version is None else version.procedure.objective
    return Statement(
        indicators=indicators(inputs.buckets, one_procedure=True, objective=objective), levels=levels, criteria=criteria
    )


def scope_statement(buckets: Buckets) -> Statement:
    """The statement on an organisation or on everything: of added buckets, never of shares."""
    return Statement(indicators=indicators(buckets, one_procedure=False), levels={}, criteria={})


def with_settled_of(statement: Statement, published: Statement) -> Statement:
    """The statement with the settled levels that were published: they rest on daily assessments, which stand as they
    were given."""
    levels = {
        principle: PublishedLevels(
            declared=replace(found.declared, settled=None if said is None else said.declared.settled),
            evidenced=replace(found.evidenced, settled=None if said is None else said.evidenced.settled),
        )
        for principle, found in statement.levels.items()
        for said in (published.levels.get(principle),)
    }
    return replace(statement, levels=levels)


def public_statement(statement: Statement, rules: DisclosureRules = TOKYO_RULES) -> Statement:
    """The statement as the public may see it. Levels and statuses stay: they were judged on exact counts."""
    return replace(statement, indicators=public_indicators(statement.indicators, rules))


def _reading(reading: LevelReading, settled: int | None) -> PublishedReading:
    return PublishedReading(level=reading.level, possible_level=reading.possible_level, settled=settled)

"""All indicators and levels as of a day, from a replay of events in memory.

The same code as the services' makes the figures (qos_domain); what differs is only where the sums are kept.
"""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta

from qos_domain.assessment import Assessment, Provenance, assess
from qos_domain.calendar import Calendar
from qos_domain.cells import Buckets, DatedCell, sum_days
from qos_domain.contributions import LOGIC_VERSION
from qos_domain.criteria import Criteria
from qos_domain.indicators import Report
from qos_domain.levels import Assessor
from qos_domain.measures import Cell
from qos_domain.periods import Window
from qos_domain.procedures import Procedure
from qos_domain.replay import Replay
from qos_domain.reporting import report
from qos_domain.rows import CaseRow
from qos_domain.vocabulary import Channel
from qos_domain.workload import Workload, workload

FORECAST_BUSINESS_DAYS = 5


@dataclass(frozen=True, slots=True)
class ProcedureFold:
    """A procedure's figures. `assessment` is None before its first version; `procedure` is the version of as_of, else
    the first."""

    procedure: Procedure
    retired: bool
    report: Report
    assessment: Assessment | None


@dataclass(frozen=True, slots=True)
class Fold:
    """Figures of every scope as of a day. Procedures and organisations by id, in alphabetical order."""

    as_of: date
    window: Window
    procedures: Mapping[str, ProcedureFold]
    organisations: Mapping[str, Report]
    total: Report


class _Scope:
    """What is gathered of a scope: its day buckets, its cases."""

    def __init__(self) -> None:
        self.buckets: Counter[tuple[int, Cell]] = Counter()
        self.cases: list[CaseRow] = []

    def cells(self) -> list[DatedCell]:
        return [(date.fromordinal(day), cell, count) for (day, cell), count in self.buckets.items()]


def fold(
    replay: Replay,
    *,
    as_of: date,
    window: Window,
    criteria: Criteria,
    moment: datetime | None = None,
    progress: Callable[[int], None] = lambda _: None,
) -> Fold:
    """Every scope of a replay. `moment` is what periods in hours compare with: None, the last instant of as_of.

    `progress` is told of each number of cases done.
    """
    calendar = replay.calendar
    # By procedure, then by the organisation that it belonged to when it happened.
    procedures: defaultdict[str, defaultdict[str, _Scope]] = defaultdict(lambda: defaultdict(_Scope))
    for (procedure_id, _), projection in replay.projections():
        by_organisation = procedures[procedure_id]
        for row, count in projection.contributions.items():
            cell: Cell = (row.channel, row.online, row.measure, row.bin)
            by_organisation[row.organisation_id].buckets[row.day, cell] += count
        by_organisation[projection.case.organisation_id or ""].cases.append(projection.case)
        progress(1)

    figures = _Figures(calendar, as_of, window, moment or _end_of(as_of, calendar))
    assessor = Assessor(criteria)
    organisations: defaultdict[str, list[_Scope]] = defaultdict(list)
    for by_organisation in procedures.values():
        for organisation_id, scope in by_organisation.items():
            organisations[organisation_id].append(scope)
    return Fold(
        as_of=as_of,
        window=window,
        procedures={
            procedure_id: _procedure(
                replay, procedure_id, _joined(procedures[procedure_id].values()), figures, assessor
            )
            for procedure_id in sorted(replay.registry)
        },
        organisations={
            organisation_id: figures.report(_joined(organisations[organisation_id]), None)
            for organisation_id in sorted(organisations)
            if organisation_id
        },
        total=figures.report(_joined(scope for scopes in organisations.values() for scope in scopes), None),
    )


def _joined(scopes: Iterable[_Scope]) -> _Scope:
    joined = _Scope()
    for scope in scopes:
        joined.buckets.update(scope.buckets)
        joined.cases += scope.cases
    return joined


def _end_of(day: date, calendar: Calendar) -> datetime:
    midnight = datetime.combine(day + timedelta(days=1), time(), tzinfo=calendar.time_zone)
    return midnight - timedelta(microseconds=1)


class _Figures:
    """What all scopes of one fold have in common."""

    def __init__(self, calendar: Calendar, as_of: date, window: Window, moment: datetime) -> None:
        self.calendar = calendar
        self.as_of = as_of
        self._window = window
        self._moment = moment
        self._horizon = calendar.nth_business_day_after(as_of, FORECAST_BUSINESS_DAYS)

    def report(self, scope: _Scope, procedure: Procedure | None) -> Report:
        return report(
            Buckets.gather(scope.cells(), self._window, self.as_of),
            window=self._window,
            as_of=self.as_of,
            one_procedure=procedure is not None,
            objective=None if procedure is None else procedure.objective,
            workloads=self._workloads(scope.cases),
        )

    def _workloads(self, cases: Iterable[CaseRow]) -> dict[Channel | None, Workload]:
        by_channel: defaultdict[Channel | None, list[CaseRow]] = defaultdict(list)
        for case in cases:
            by_channel[None].append(case)
            if case.channel is not None:
                by_channel[case.channel].append(case)
        return {
            channel: workload(some, as_of=self.as_of, moment=self._moment, horizon=self._horizon)
            for channel, some in by_channel.items()
        }


def _procedure(
    replay: Replay, procedure_id: str, scope: _Scope, figures: _Figures, assessor: Assessor
) -> ProcedureFold:
    history = replay.history(procedure_id)
    version = history.at(figures.as_of)
    shown = version or history.versions[0]
    assessment = None
    if version is not None:
        cells = scope.cells()
        evidence = {
            name: sum_days(cells, span, figures.as_of) for name, span in assessor.criteria.spans(figures.as_of).items()
        }
        provenance = Provenance(calendar=figures.calendar.version, logic_version=LOGIC_VERSION)
        assessment = assess(assessor, version, evidence, as_of=figures.as_of, provenance=provenance)
    return ProcedureFold(
        procedure=shown.procedure,
        retired=shown.retired,
        report=figures.report(scope, shown.procedure),
        assessment=assessment,
    )

"""Alerts on the promise itself: a group for each procedure with an objective of its own, one for all other scopes.

All of them are tickets for a bureau, never a page.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from qos_local.alerting.burn_rates import BURN_RATES, BurnRate, Window
from qos_local.alerting.recording import ONLINE_DROP
from qos_local.alerting.registry import Objective
from qos_local.alerting.rule_files import Alert, Group, Recording, RuleFile, Writing, literal

LEAST_OVERDUE = 5
LEAST_FORECAST = 10
LEAST_APPLICATIONS = 30
LEVEL_LOST_FOR = "7d"
# Figures change at midnight: what is over then is told when the office is open again, on a business day.
_OVER_AFTER_HOURS = 10
_HORIZON = '{{ $labels.horizon | reReplaceAll "bd" "" }}'
_DAYS_JA = {"3d": "直近3日間", "7d": "直近7日間", "28d": "直近28日間", "fiscal_year": "今年度"}
_DAYS_EN = {"3d": "last 3 days", "7d": "last 7 days", "28d": "last 28 days", "fiscal_year": "fiscal year"}


@dataclass(frozen=True, slots=True)
class Subject:
    """Whom a group is about. `series` are its label matchers, `limit` the share of breaches that a burn rate allows,
    `allowed` the share that the objective allows; `completed` gives an expression the labels that route it."""

    name_ja: str
    name_en: str
    labels: dict[str, str]
    series: str
    limit: Callable[[BurnRate], str]
    allowed: str
    completed: Callable[[str], str]

    def of(self, metric: str, **labels: str) -> str:
        matchers = [self.series, *(f'{name}="{value}"' for name, value in labels.items())]
        return f"{metric}{{{','.join(matchers)}}}"


def procedure(objective: Objective) -> Subject:
    """A procedure by itself: its objective is written into its rules."""
    return Subject(
        name_ja=literal(objective.name.ja),
        name_en=literal(objective.name.en or objective.name.ja),
        labels={"bureau": objective.bureau, "procedure_id": objective.procedure_id},
        series=f'scope="procedure",id="{objective.procedure_id}"',
        limit=lambda burn: burn.limit(objective.share),
        allowed=f"(1 - {objective.share:g})",
        completed=lambda expr: expr,
    )


OTHERS = Subject(
    name_ja="{{ $labels.name_ja }}",
    name_en="{{ $labels.name_en }}",
    labels={},
    series='scope!="all"',
    limit=lambda burn: f'on (scope, id) scope:qos_breached_limit:ratio{{burn="{burn.name}"}}',
    allowed="on (scope, id) (1 - scope:qos_objective:ratio)",
    completed=lambda expr: (
        f"""\
(
{_indented(expr)}
unless on (scope, id)
  procedure:qos_objective_of_rules:ratio
)
* on (scope, id) group_left (bureau, procedure_id, name_ja, name_en)
  scope:qos_bureau:info"""
    ),
)
"""Every scope without a group of its own: organisations, and procedures that became priority ones by their volume."""


def sla_rules(objectives: Sequence[Objective], writing: Writing) -> RuleFile:
    """In the order of `objectives`. Every scope is in exactly one group, whatever is registered after the rules were
    made."""
    groups = [
        Group(
            name=f"qos-sla/{objective.procedure_id}",
            rules=[_promised(objective), *alerts(procedure(objective), writing)],
        )
        for objective in objectives
    ]
    return RuleFile(groups=[*groups, Group(name="qos-sla-others", rules=list(alerts(OTHERS, writing)))])


def _promised(objective: Objective) -> Recording:
    return Recording(
        record="procedure:qos_objective_of_rules:ratio",
        labels={"scope": "procedure", "id": objective.procedure_id, "bureau": objective.bureau},
        expr=f"vector({objective.share:g})",
    )


def alerts(subject: Subject, writing: Writing) -> Iterator[Alert]:
    """The alerts of one group."""

    def ticket(
        name: str, expr: str, en: str, ja: str, hold_hours: float, over_after_hours: float = _OVER_AFTER_HOURS
    ) -> Alert:
        return Alert(
            alert=name,
            expr=subject.completed(expr),
            for_=writing.tempo.of(hours=hold_hours) if hold_hours else None,
            keep_firing_for=writing.tempo.of(hours=over_after_hours) if over_after_hours else None,
            labels={"area": "sla", "severity": "ticket", **subject.labels},
            annotations=writing.annotations(name, en=f"{subject.name_en}: {en}", ja=f"{subject.name_ja}：{ja}"),
        )

    for burn in BURN_RATES:
        yield ticket(burn.alert, _burns(subject, burn), *_burning(burn), hold_hours=1)
    yield ticket(
        "QosCasesOverdue",
        f"""\
{subject.of("scope:qos_cases:max", state="overdue")} >= {LEAST_OVERDUE}
and on (scope, id)
  {subject.of("scope:qos_cases:max", state="overdue")}
  > on (scope, id)
  {subject.of("scope:qos_cases:max", state="open")} * {subject.allowed}""",
        "{{ $value }} open cases are past their period: more than the objective allows of those that are open.",
        "標準処理期間を過ぎた未処理の申請が {{ $value }} 件あります（目標が許す割合を超えています）。",
        hold_hours=1,
    )
    yield ticket(
        "QosBreachesAhead",
        f"""\
{subject.of("scope:qos_forecast_breaches:max")} >= {LEAST_FORECAST}
and
  {subject.of("scope:qos_forecast_load:ratio")} > 1""",
        f"{{{{ $value }}}} open cases breach within {_HORIZON} business day(s) unless they are finished:"
        " more than are usually finished in that time.",
        f"{_HORIZON} 営業日以内に処理しなければ {{{{ $value }}}} 件が標準処理期間を超過します"
        "（通常の処理件数を上回っています）。",
        hold_hours=0.5,
    )
    yield ticket(
        "QosOnlineRateDrops",
        f"""\
{subject.of("scope:qos_applications_online:ratio", window="7d")}
< on (scope, id)
  {subject.of("scope:qos_applications_online_floor:ratio")}
and on (scope, id)
  {subject.of("scope:qos_applications:sum", window="7d")} >= {LEAST_APPLICATIONS}""",
        "{{ $value | humanizePercentage }} of the applications of the last 7 days came online: more than"
        f" {ONLINE_DROP:.0%} below the rate of the last 28 days.",
        "直近7日間のオンライン申請率は {{ $value | humanizePercentage }} です"
        f"（直近28日間の率を{ONLINE_DROP:.0%}超下回っています）。",
        hold_hours=6,
    )
    yield ticket(
        "QosLevelLost",
        f"""\
{subject.of("procedure:qos_level_settled_possible:max")}
<
  max_over_time({subject.of("procedure:qos_level_settled:max")}[{LEVEL_LOST_FOR}])""",
        f"the settled level of {{{{ $labels.principle }}}} fell within the last {LEVEL_LOST_FOR}; it is at most"
        " {{ $value }} now.",
        f"{{{{ $labels.principle }}}} の確定レベルが {LEVEL_LOST_FOR} 以内に下がりました"
        "（現在は最大でも Lv{{ $value }}）。",
        hold_hours=0,
        over_after_hours=0,
    )


def _burns(subject: Subject, burn: BurnRate) -> str:
    def breached(window: Window) -> str:
        return subject.of("scope:qos_results_breached:ratio", window=window)

    def results(window: Window) -> str:
        return subject.of("scope:qos_results:sum", window=window)

    limit = subject.limit(burn)
    return f"""\
(
  {breached(burn.window)} > {limit}
and on (scope, id)
  {results(burn.window)} >= {burn.least_results}
)
unless on (scope, id)
(
  {breached(burn.recovered_in)} <= {limit}
and on (scope, id)
  {results(burn.recovered_in)} >= {burn.least_to_recover}
)"""


def _burning(burn: BurnRate) -> tuple[str, str]:
    en, ja = _DAYS_EN[burn.window], _DAYS_JA[burn.window]
    return (
        f"{{{{ $value | humanizePercentage }}}} of the results of the {en} breached the period: too many for the"
        " objective.",
        f"{ja}の処理結果の {{{{ $value | humanizePercentage }}}} が標準処理期間を超過しました"
        "（目標の許容を超える速さです）。",
    )


def _indented(expr: str) -> str:
    return "\n".join(f"  {line}" for line in expr.splitlines())

"""Alerts on the pipeline itself, for those who run it: the only ones that may page.

`blinds` marks those under which figures can't be trusted: while one of them fires, no bureau is told anything.
"""

from dataclasses import dataclass

from qos_intake.problems import REASONS
from qos_intake.telemetry import ACCEPTED
from qos_local.alerting.rule_files import Alert, Group, RuleFile, Severity, Writing

STALE_SECONDS = 900
"""An event that waits longer makes data stale (docs/levels.md, Stale)."""
# What intake could not take for a reason of its own was not refused.
_NOT_REFUSED = "|".join([ACCEPTED, *(reason for reason, (status, _) in REASONS.items() if status >= 500)])


@dataclass(frozen=True, slots=True)
class PipelineAlert:
    name: str
    severity: Severity
    hold_minutes: float
    expr: str
    en: str
    ja: str
    blinds: bool = False
    job: str | None = None


def pipeline_rules(writing: Writing) -> RuleFile:
    return RuleFile(groups=[Group(name="qos-pipeline", rules=[_rule(alert, writing) for alert in PIPELINE_ALERTS])])


def _rule(alert: PipelineAlert, writing: Writing) -> Alert:
    job = {} if alert.job is None else {"job": alert.job}
    return Alert(
        alert=alert.name,
        expr=alert.expr,
        for_=writing.tempo.of(minutes=alert.hold_minutes) if alert.hold_minutes else None,
        labels={"area": "pipeline", "severity": alert.severity, **job},
        annotations=writing.annotations(alert.name, en=alert.en, ja=alert.ja),
    )


PIPELINE_ALERTS = (
    PipelineAlert(
        name="QosIntakeAway",
        severity="page",
        hold_minutes=2,
        job="qos-intake",
        expr='absent(up{job="qos-intake"} == 1)',
        en="No intake answers: sources can't report events.",
        ja="受付サービス（intake）が応答しません。イベントを受け付けられません。",
        blinds=True,
    ),
    PipelineAlert(
        name="QosIntakeFailing",
        severity="page",
        hold_minutes=5,
        expr="""\
sum(rate(qos_intake_requests_total{route=~"/v1/.+",status=~"5.."}[5m]))
  / sum(rate(qos_intake_requests_total{route=~"/v1/.+"}[5m])) > 0.05
and
sum(increase(qos_intake_requests_total{route=~"/v1/.+"}[5m])) >= 20""",
        en="Intake answers {{ $value | humanizePercentage }} of the requests with an error of its own.",
        ja="受付サービス（intake）が要求の {{ $value | humanizePercentage }} にサーバーエラーを返しています。",
        blinds=True,
    ),
    PipelineAlert(
        name="QosIntakeRefusing",
        severity="ticket",
        hold_minutes=15,
        expr=f"""\
sum by (source) (increase(qos_intake_events_total{{outcome!~"{_NOT_REFUSED}"}}[1h]))
  / sum by (source) (increase(qos_intake_events_total[1h])) > 0.2
and
sum by (source) (increase(qos_intake_events_total[1h])) >= 50""",
        en="Intake refuses {{ $value | humanizePercentage }} of the events of {{ $labels.source }}.",
        ja="{{ $labels.source }} からのイベントの {{ $value | humanizePercentage }} が拒否されています。",
    ),
    PipelineAlert(
        name="QosWorkersAway",
        severity="page",
        hold_minutes=5,
        job="qos-processing",
        expr='absent(up{job="qos-processing"} == 1)',
        en="No processing worker answers: events wait in Kafka, figures stand still.",
        ja="処理ワーカー（processing）が応答しません。イベントは Kafka に滞留し、指標は更新されません。",
        blinds=True,
    ),
    PipelineAlert(
        name="QosLeaderAbsent",
        severity="page",
        hold_minutes=5,
        expr="sum(qos_leader) == 0",
        en="No worker leads: nothing is published, swept or assessed.",
        ja="リーダーのワーカーがいません。公表・期限超過の検出・レベル判定が止まっています。",
    ),
    PipelineAlert(
        name="QosLagging",
        severity="page",
        hold_minutes=5,
        expr=f"max(qos_metrics_lag_seconds) > {STALE_SECONDS}",
        en="The oldest event that doesn't count yet has waited for {{ $value | humanizeDuration }}.",
        ja="未処理の最も古いイベントが {{ $value | humanizeDuration }} 滞留しています。",
        blinds=True,
    ),
    PipelineAlert(
        name="QosLagUnknown",
        severity="page",
        hold_minutes=15,
        # NaN, which is not equal to itself.
        expr="max(qos_metrics_lag_seconds) != max(qos_metrics_lag_seconds)",
        en="The metrics service can't tell how far behind the figures are: Kafka or PostgreSQL does not answer it.",
        ja="指標の遅れが不明です。Kafka または PostgreSQL が metrics サービスに応答していません。",
        blinds=True,
    ),
    PipelineAlert(
        name="QosMetricsAway",
        severity="page",
        hold_minutes=5,
        job="qos-metrics",
        expr='absent(up{job="qos-metrics"} == 1)',
        en="No metrics service answers: no figures, no pages, no alerts on procedures.",
        ja="metrics サービスが応答しません。指標・画面・手続の警報が止まっています。",
        blinds=True,
    ),
    PipelineAlert(
        name="QosFiguresStale",
        severity="page",
        hold_minutes=5,
        expr=f"""\
time() - qos_figures_collected_timestamp_seconds > {STALE_SECONDS}
or
(up{{job="qos-metrics"}} == 1 unless on (instance) qos_figures_collected_timestamp_seconds)""",
        en="{{ $labels.instance }} has not read the figures from PostgreSQL for more than 15 minutes, or never.",
        ja="{{ $labels.instance }} が15分以上 PostgreSQL から指標を読み込んでいません。",
        blinds=True,
    ),
    PipelineAlert(
        name="QosTargetDown",
        severity="ticket",
        hold_minutes=10,
        expr='up{job=~"qos-.*"} == 0',
        en="{{ $labels.instance }} of {{ $labels.job }} does not answer.",
        ja="{{ $labels.job }} の {{ $labels.instance }} が応答しません。",
    ),
    PipelineAlert(
        name="QosDeadLetters",
        severity="ticket",
        hold_minutes=0,
        # A worker may find a dead letter before it is scraped for the first time: then there is no increase to see.
        expr="""\
sum by (topic, reason) (
  (qos_dead_letters_total unless qos_dead_letters_total offset 1h)
  or
  increase(qos_dead_letters_total[1h])
) > 0""",
        en="About {{ $value | humanize }} records of {{ $labels.topic }} went to the dead letters within an hour"
        " ({{ $labels.reason }}).",
        ja="1時間以内に {{ $labels.topic }} の約 {{ $value | humanize }} 件がデッドレターになりました"
        "（{{ $labels.reason }}）。",
    ),
    PipelineAlert(
        name="QosOutboxStuck",
        severity="page",
        hold_minutes=5,
        expr="max(qos_outbox_oldest_seconds) > 300",
        en="A message has waited in the outbox for {{ $value | humanizeDuration }}: nothing goes out.",
        ja="送信待ちメッセージが {{ $value | humanizeDuration }} 滞留しています。外部への公表が止まっています。",
    ),
    PipelineAlert(
        name="QosConflictsPersist",
        severity="ticket",
        hold_minutes=15,
        expr="sum by (topic) (increase(qos_processing_conflicts_total[5m])) > 0",
        en="Batches of {{ $labels.topic }} find another offset than they were fetched from, again and again.",
        ja="{{ $labels.topic }} の取得位置と記録済み位置の不一致が続いています。",
    ),
    PipelineAlert(
        name="QosClockOff",
        severity="ticket",
        hold_minutes=10,
        expr="abs(qos_clock_skew_seconds) > 30",
        en="The clock of {{ $labels.instance }} is off by {{ $value | humanizeDuration }} against PostgreSQL's.",
        ja="{{ $labels.instance }} の時計が PostgreSQL の時計と {{ $value | humanizeDuration }} ずれています。",
    ),
    PipelineAlert(
        name="QosVerifyMismatch",
        severity="page",
        hold_minutes=0,
        expr="max by (what) (qos_verify_mismatches) > 0",
        en="{{ $value }} {{ $labels.what }} are not what a fresh fold of their events makes of them.",
        ja="{{ $labels.what }} の {{ $value }} 件がイベントから再計算した結果と一致しません。",
        blinds=True,
    ),
    PipelineAlert(
        name="QosVerifyOverdue",
        severity="ticket",
        hold_minutes=60,
        expr="time() - max(qos_verify_timestamp_seconds) > 2 * 86400",
        en="The last verification of the figures was {{ $value | humanizeDuration }} ago.",
        ja="指標の検証が {{ $value | humanizeDuration }} 行われていません。",
    ),
    PipelineAlert(
        name="QosScopesHidden",
        severity="ticket",
        hold_minutes=60,
        expr='max(qos_figures_scopes{state="hidden"}) > 0',
        en="{{ $value }} scopes have no figures in Prometheus, and so no alerts: the limit on labels is reached.",
        ja="{{ $value }} 件の対象がラベル数の上限により Prometheus に出ていません。警報の対象外です。",
    ),
    PipelineAlert(
        name="QosRulesOutdated",
        severity="ticket",
        hold_minutes=60,
        expr="""\
abs(
  procedure:qos_objective_of_rules:ratio
  - on (scope, id) group_left ()
  scope:qos_objective:ratio
) > 0.0001
or
(
  procedure:qos_objective_of_rules:ratio
and on (scope, id)
  scope:qos_bureau:info
unless on (scope, id, bureau)
  scope:qos_bureau:info
)""",
        en="The rules for {{ $labels.id }} name another objective or bureau than the registry: make them again.",
        ja="{{ $labels.id }} の警報ルールの目標または所管が登録内容と異なります。ルールを作り直してください。",
    ),
)

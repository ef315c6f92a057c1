"""The health of the processing service."""

from grafana_foundation_sdk.cog.builder import Builder
from grafana_foundation_sdk.models.dashboard import Panel

from qos_local.dashboards.panels import STALE, lines
from qos_local.dashboards.queries import promql, quantile
from qos_local.dashboards.site import Site


def processing(site: Site) -> list[Builder[Panel]]:
    say = site.say
    batches = "qos_processing_batch_records"
    size = f"sum(rate({batches}_sum[$__rate_interval])) / (sum(rate({batches}_count[$__rate_interval])) > 0)"
    return [
        lines(
            say("Events processed", "処理したイベント"),
            say("Per second, by what became of them.", "毎秒の件数(結果別)。"),
            promql("sum by (outcome) (rate(qos_processing_events_total[$__rate_interval]))", "{{outcome}}"),
            unit="cps",
        ),
        lines(
            say("Lag by topic", "トピック別の遅れ"),
            say(
                "Age of the oldest record that is not committed. Dashed: one minute; 15 minutes, when data is stale.",
                "未コミットの最古レコードの経過時間。破線は 1 分と 15 分(データが古いと扱われる)。",
            ),
            promql("max by (topic) (qos_processing_lag_seconds)", "{{topic}}"),
            unit="s",
            steps=STALE,
        ),
        lines(
            say("Backlog by topic", "トピック別の未処理"),
            say("Records in the log that are not committed.", "未コミットのレコード数。"),
            promql("sum by (topic) (qos_processing_lag_records)", "{{topic}}"),
        ),
        lines(
            say("From Kafka to the database", "Kafka からデータベースまで"),
            say(
                "From the broker's append of the oldest record of a batch to its commit: 99th percentile.",
                "バッチ内最古レコードの追記からコミットまでの時間(99 パーセンタイル)。",
            ),
            promql(quantile(0.99, "qos_processing_delay_seconds", "topic"), "{{topic}}"),
            unit="s",
        ),
        lines(
            say("Time of a batch", "バッチの処理時間"),
            say("From a batch handed over to its transaction committed.", "受け渡しからコミットまでの時間。"),
            promql(quantile(0.5, "qos_processing_batch_seconds"), say("median", "中央値")),
            promql(quantile(0.99, "qos_processing_batch_seconds"), say("99th percentile", "99 パーセンタイル")),
            unit="s",
        ),
        lines(
            say("Size of a batch", "バッチの大きさ"),
            say("Mean number of records.", "平均レコード数。"),
            promql(size, say("records", "レコード数")),
        ),
        lines(
            say("Conflicts and retries", "競合と再試行"),
            say(
                "Conflicts: batches that found another stored offset than theirs (usual at a rebalance). Retries:"
                " transactions that failed for now, such as while the database is away.",
                "競合: 保存済みオフセットと異なるバッチ(再配置時は通常の動き)。"
                "再試行: 一時的に失敗したトランザクション。",
            ),
            promql(
                "sum(increase(qos_processing_conflicts_total[$__rate_interval])) or vector(0)", say("conflicts", "競合")
            ),
            promql(
                "sum(increase(qos_processing_retries_total[$__rate_interval])) or vector(0)", say("retries", "再試行")
            ),
            bars=True,
        ),
        lines(
            say("Outbox", "送信待ち"),
            say(
                "Age of the oldest message that Kafka has not acknowledged; 0 when none waits.",
                "Kafka の受領確認を待つ最古のメッセージの経過時間。待ちがなければ 0。",
            ),
            promql("max(qos_outbox_oldest_seconds)", say("oldest", "最古")),
            unit="s",
            steps=STALE,
        ),
        lines(
            say("Outbox by topic", "トピック別の送信待ち"),
            say("Messages that Kafka has not acknowledged.", "Kafka の受領確認を待つメッセージ数。"),
            promql("max by (topic) (qos_outbox_pending) or vector(0)", "{{topic}}"),
        ),
        lines(
            say("Dead letters", "配信不能"),
            say(
                "Records that could not be accepted, by topic and reason.",
                "受理できなかったレコード(トピック・理由別)。",
            ),
            promql(
                "sum by (topic, reason) (increase(qos_dead_letters_total[$__rate_interval])) or vector(0)",
                "{{topic}} {{reason}}",
            ),
            bars=True,
        ),
    ]

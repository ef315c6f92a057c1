"""The pipeline's own health: is what the other dashboards show fresh and whole?"""

from grafana_foundation_sdk.cog.builder import Builder
from grafana_foundation_sdk.models.dashboard import Panel

from qos_local.dashboards.page import Page
from qos_local.dashboards.panels import NONE_IS_GOOD, SOME_ARE_USUAL, STALE, Column, Steps, lines, number, rows
from qos_local.dashboards.processing import processing
from qos_local.dashboards.queries import Sql, promql, quantile
from qos_local.dashboards.site import Site

_ONE_LEADS: Steps = ((None, "red"), (1, "green"), (2, "red"))


def pipeline(site: Site) -> Page:
    say = site.say
    return (
        Page(
            site,
            "pipeline",
            say("Pipeline health", "パイプラインの稼働状況"),
            say("Whether events arrive, are processed and are shown.", "イベントの受付・処理・提供の状況。"),
            since="now-6h",
            refresh="30s",
        )
        .row(say("Now", "現在"), _now(site))
        .row(say("Processing", "処理"), processing(site))
        .row(say("Intake", "受付"), _intake(site))
        .row(say("Metrics service", "提供"), _metrics(site))
        .row(say("In the database", "データベース"), _database(site))
    )


def _now(site: Site) -> list[Builder[Panel]]:
    say = site.say
    up = number(
        say("Instances down", "停止中のインスタンス"),
        say("Targets that Prometheus can't scrape.", "監視できないインスタンスの数。"),
        promql('count(up{job=~"qos-.*"} == 0) or vector(0)'),
        steps=NONE_IS_GOOD,
    )
    return [
        up,
        number(
            say("Leaders", "リーダー"),
            say(
                "Workers that announce, assess and publish: one, but for moments.",
                "通知・評価・公開を担うワーカー。通常は 1。",
            ),
            promql("sum(qos_leader)"),
            steps=_ONE_LEADS,
        ),
        number(
            say("Lag", "遅れ"),
            say(
                "How long the oldest event that doesn't count yet has been waiting. Red from 15 minutes: stale data.",
                "未反映のイベントのうち最も古いものの待ち時間。15 分以上で赤(データは古いと扱われます)。",
            ),
            promql("max(qos_metrics_lag_seconds)"),
            unit="s",
            steps=STALE,
        ),
        number(
            say("Backlog", "未処理"),
            say("Events that don't count yet.", "まだ反映されていないイベント。"),
            promql("max(qos_metrics_backlog_records)"),
        ),
        number(
            say("Age of the figures", "集計の経過時間"),
            say(
                "Since when the figures that Prometheus scrapes were read last.",
                "監視用の集計が最後に読まれてからの時間。",
            ),
            promql("time() - max(qos_figures_collected_timestamp_seconds)"),
            unit="s",
            steps=STALE,
        ),
        number(
            say("Scopes hidden", "非表示の範囲"),
            say(
                "Procedures and organisations that the limit on labels keeps out of Prometheus.",
                "ラベル数の上限により監視対象から外れた手続・組織。",
            ),
            promql('max(qos_figures_scopes{state="hidden"})'),
            steps=SOME_ARE_USUAL,
        ),
        number(
            say("Dead letters, 24 hours", "配信不能(24 時間)"),
            say("Records that could not be accepted.", "受理できなかったレコード。"),
            promql("sum(increase(qos_dead_letters_total[24h])) or vector(0)"),
            steps=NONE_IS_GOOD,
        ),
        number(
            say("Being judged anew", "再判定中"),
            say(
                "Procedures whose cases are judged anew after a change of the registry.",
                "登録内容の変更により再判定中の手続。",
            ),
            promql("max(qos_rejudgements_pending)"),
            steps=SOME_ARE_USUAL,
        ),
    ]


def _intake(site: Site) -> list[Builder[Panel]]:
    say = site.say
    return [
        lines(
            say("Events received", "受け付けたイベント"),
            say("Per second, by what became of them.", "毎秒の件数(結果別)。"),
            promql("sum by (outcome) (rate(qos_intake_events_total[$__rate_interval]))", "{{outcome}}"),
            unit="cps",
        ),
        lines(
            say("Answers", "応答"),
            say("Requests per second, by status.", "毎秒のリクエスト数(ステータス別)。"),
            promql("sum by (status) (rate(qos_intake_requests_total[$__rate_interval]))", "{{status}}"),
            unit="reqps",
        ),
        lines(
            say("Time to publish", "公開までの時間"),
            say(
                "From an accepted request to Kafka's acknowledgement of all its events.",
                "受理から Kafka の受領確認まで。",
            ),
            promql(quantile(0.5, "qos_intake_publish_seconds"), say("median", "中央値")),
            promql(quantile(0.99, "qos_intake_publish_seconds"), say("99th percentile", "99 パーセンタイル")),
            unit="s",
        ),
        lines(
            say("Bytes in flight", "処理中のバイト数"),
            say("Request bodies held until their events are acknowledged.", "受領確認を待つリクエスト本文。"),
            promql("sum(qos_intake_in_flight_bytes)", say("bytes", "バイト")),
            unit="bytes",
        ),
    ]


def _metrics(site: Site) -> list[Builder[Panel]]:
    say = site.say
    return [
        lines(
            say("Time to answer", "応答時間"),
            say("Of the metrics API and its pages.", "API とページの応答時間。"),
            promql(quantile(0.5, "qos_metrics_request_seconds"), say("median", "中央値")),
            promql(quantile(0.99, "qos_metrics_request_seconds"), say("99th percentile", "99 パーセンタイル")),
            unit="s",
        ),
        lines(
            say("Answers", "応答"),
            say("Requests per second, by status.", "毎秒のリクエスト数(ステータス別)。"),
            promql("sum by (status) (rate(qos_metrics_request_seconds_count[$__rate_interval]))", "{{status}}"),
            unit="reqps",
        ),
        lines(
            say("Time to read the figures", "集計の読み取り時間"),
            say(
                "What Prometheus scrapes is read from the database in the background.",
                "監視用の集計を読むのにかかった時間。",
            ),
            promql("max(qos_figures_collect_seconds)", say("seconds", "秒")),
            unit="s",
        ),
        lines(
            say("Live stream", "ライブ配信"),
            say("Clients that follow the live stream.", "ライブ配信の接続数。"),
            promql("sum(qos_metrics_stream_clients)", say("clients", "接続")),
        ),
    ]


def _database(site: Site) -> list[Builder[Panel]]:
    say = site.say
    return [
        rows(
            say("Positions", "処理位置"),
            say("How far processing is in each partition.", "パーティションごとの処理位置。"),
            Sql(
                "SELECT topic, partition, next_offset, last_appended_at, processed_at FROM reporting.pipeline_positions"
                " ORDER BY topic, partition"
            ),
            columns={
                "topic": Column(say("Topic", "トピック")),
                "partition": Column(say("Partition", "パーティション")),
                "next_offset": Column(say("Next offset", "次のオフセット")),
                "last_appended_at": Column(say("Last record", "最後のレコード")),
                "processed_at": Column(say("Processed", "処理時刻")),
            },
            span=12,
        ),
        rows(
            say("Dead letters by day", "日別の配信不能"),
            say(
                "Records that could not be accepted, of the last 90 days. What was in them is not shown here.",
                "直近 90 日間に受理できなかったレコード。内容は表示しません。",
            ),
            Sql(
                "SELECT to_char(date, 'YYYY-MM-DD') AS day, topic, reason, records FROM reporting.dead_letters"
                " WHERE date > reporting.local_date() - 90 ORDER BY date DESC, records DESC LIMIT 500"
            ),
            columns={
                "day": Column(say("Day", "日付")),
                "topic": Column(say("Topic", "トピック")),
                "reason": Column(say("Reason", "理由")),
                "records": Column(say("Records", "レコード数")),
            },
            span=12,
        ),
        rows(
            say("What waits", "待ち"),
            say(
                "The live generation of results, and what waits in the database.",
                "有効な結果の世代と、データベース内の待ち。",
            ),
            Sql("SELECT * FROM reporting.pipeline"),
            columns={
                "generation": Column(say("Generation", "世代")),
                "logic_version": Column(say("Logic version", "ロジック版")),
                "pending_rejudgements": Column(say("Being judged anew", "再判定中"), steps=SOME_ARE_USUAL),
                "pending_messages": Column(say("Messages waiting", "送信待ち")),
                "oldest_message_at": Column(say("Oldest message", "最古のメッセージ")),
            },
            height=4,
        ),
    ]

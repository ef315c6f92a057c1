"""Panels that are alike for all procedures, for those of a bureau, and for one: their weeks, and what falls due."""

from collections.abc import Mapping

from grafana_foundation_sdk.cog.builder import Builder
from grafana_foundation_sdk.models.dashboard import Panel

from qos_local.dashboards.panels import BANDS, CASHLESS_STEPS, COMPLIANCE_STEPS, RATING_STEPS, Column, bars, lines
from qos_local.dashboards.queries import (
    CASHLESS,
    ONLINE_RATE,
    SATISFACTION,
    WEEK,
    WITHIN_PERIOD,
    Sql,
    both,
    count,
    of_buckets,
    share,
)
from qos_local.dashboards.site import Site


def by_week(columns: Mapping[str, str], condition: str) -> Sql:
    """Sums over the day buckets of a scope, by week."""
    by_day = {"time": f"reporting.day_start({WEEK})", **columns}
    return Sql(f"{of_buckets(by_day, condition)} GROUP BY 1 ORDER BY 1", time_series=True)


def weeks(site: Site, condition: str) -> list[Builder[Panel]]:
    """Applications, online application rate, period compliance, cashless share, ratings, forms: by week."""
    say = site.say
    note = say(
        " By week, from Monday; the first and the last one shown may be cut. A week without cases is left out.",
        "月曜始まりの週単位。表示の端の週は途中の場合があります。該当のない週は表示しません。",
    )
    return [
        lines(
            say("Applications", "申請件数"),
            say("Applications by date of arrival, by channel.", "到達日別の申請件数(チャネル別)。") + note,
            by_week(
                {
                    "online": count("arrived", "online"),
                    "other": count("arrived", "NOT online"),
                },
                condition,
            ),
            columns={"online": Column(say("online", "オンライン")), "other": Column(say("other channels", "その他"))},
            bars=True,
        ),
        lines(
            say("Online application rate", "オンライン申請率"),
            say(
                "Online applications / all applications, by date of arrival. Lines: the bands, at 20, 50 and 80 %.",
                "オンライン申請件数÷全申請件数(到達日別)。線は 20・50・80% の区分。",
            )
            + note,
            by_week({"rate": ONLINE_RATE}, condition),
            columns={"rate": Column(say("online application rate", "オンライン申請率"))},
            unit="percentunit",
            steps=BANDS,
            axis=(0, 1),
        ),
        lines(
            say("Within the period", "処理期間の遵守率"),
            say(
                "Results within the standard period / all results. A breach counts on the day on which it happened,"
                " also of cases that are still open. Lines: 90 % (Faster Lv2) and 95 % (the usual objective).",
                "標準処理期間内の件数÷全件数。超過は発生した日に計上し、処理中の案件も含みます。"
                "線は 90%(より早く Lv2)と 95%(標準の目標)。",
            )
            + note,
            by_week({"within": WITHIN_PERIOD}, condition),
            columns={"within": Column(say("within the period", "期間内"))},
            unit="percentunit",
            steps=COMPLIANCE_STEPS,
            axis=(0, 1),
        ),
        lines(
            say("Cashless share", "キャッシュレス比率"),
            say(
                "Cashless payments / payments, by date of payment. Line: 50 % (Simpler Lv2). Empty without a fee.",
                "キャッシュレス決済件数÷全決済件数(支払日別)。線は 50%(よりシンプルに Lv2)。"
                "手数料がない手続には表示されません。",
            )
            + note,
            by_week({"cashless": CASHLESS}, condition),
            columns={"cashless": Column(say("cashless", "キャッシュレス"))},
            unit="percentunit",
            steps=CASHLESS_STEPS,
            axis=(0, 1),
        ),
        lines(
            say("Satisfaction", "満足度"),
            say(
                "Mean rating, 1 to 5. Lines: 3.5 (Easier Lv2) and 4.0 (Easier Lv3).",
                "平均評価(1〜5)。線は 3.5(より使いやすく Lv2)と 4.0(同 Lv3)。",
            )
            + note,
            by_week({"rating": SATISFACTION}, condition),
            columns={"rating": Column(say("mean rating", "平均評価"))},
            steps=RATING_STEPS,
            axis=(0, 5),
        ),
        lines(
            say("Online forms", "オンライン申請フォーム"),
            say(
                "What became of forms started online: submitted online, or abandoned (an event says so, or nothing came"
                " for seven days). Targets elsewhere: at least 80 % completed, under 10 % abandoned.",
                "オンラインで開始されたフォームの結果: 提出、または離脱(離脱イベント、または 7 日間動きなし)。",
            )
            + note,
            by_week(
                {
                    "completed": share(count("started_submitted"), count("started")),
                    "abandoned": share(both(count("started_abandoned"), count("started_pending")), count("started")),
                },
                condition,
            ),
            columns={"completed": Column(say("completed", "完了")), "abandoned": Column(say("abandoned", "離脱"))},
            unit="percentunit",
            axis=(0, 1),
        ),
    ]


def falling_due(site: Site, condition: str) -> Builder[Panel]:
    """The forecast: open cases by the day on which they would breach."""
    say = site.say
    return bars(
        say("Breaches to come, if nothing is done", "今後の超過見込み(このまま未処理の場合)"),
        say(
            "Open cases by the day on which they would be late, of the next 28 days. Not of the days chosen above.",
            "処理中の案件を、期間を超過する日ごとに数えたもの(今後 28 日間)。画面上部の期間指定とは無関係です。",
        ),
        Sql(
            "SELECT to_char(date, 'YYYY-MM-DD') AS day, sum(value) AS cases FROM reporting.day_buckets WHERE"
            " measure = 'breached' AND date > reporting.local_date() AND date <= reporting.local_date() + 28"
            f" AND {condition} GROUP BY date ORDER BY date"
        ),
        x="day",
        columns={"cases": Column(say("open cases", "処理中の案件"))},
    )

"""How long a procedure's cases take, against its period."""

from grafana_foundation_sdk.cog.builder import Builder
from grafana_foundation_sdk.models.dashboard import Panel

from qos_local.dashboards.panels import Column, bars, lines
from qos_local.dashboards.queries import IN_RANGE, OF_PROCEDURE, WEEK, Sql, count, share
from qos_local.dashboards.site import Site
from qos_local.dashboards.weekly import by_week

# A month has no fixed number of days: no line for it.
_PERIOD_OF_TIMES = (
    "CASE unit WHEN 'weeks' THEN 7 * maximum WHEN 'months' THEN NULL WHEN 'years' THEN NULL ELSE maximum END"
)
_COUNTING = (
    "CASE unit WHEN 'hours' THEN 'elapsed_hours' WHEN 'business_days' THEN 'elapsed_business_days'"
    " ELSE 'elapsed_calendar_days' END"
)


def against_period(site: Site, *, online: bool) -> Builder[Panel]:
    say = site.say
    period = (
        "coalesce(online_standard_period_unit, standard_period_unit) AS unit,"
        " coalesce(online_standard_period, standard_period) AS maximum"
        if online
        else "standard_period_unit AS unit, standard_period AS maximum"
    )
    channel = "online" if online else "NOT online"
    statement = f"""
        WITH period AS (SELECT {period} FROM reporting.procedures WHERE {OF_PROCEDURE}), lengths AS (
            SELECT {WEEK} AS week, bin AS length, sum(value) AS cases FROM reporting.day_buckets, period
            WHERE {OF_PROCEDURE} AND {channel} AND measure = {_COUNTING} AND {IN_RANGE} GROUP BY 1, 2
        ), ranked AS (
            SELECT week, length, sum(cases) OVER (PARTITION BY week ORDER BY length) AS upto,
                sum(cases) OVER (PARTITION BY week) AS n
            FROM lengths
        )
        SELECT reporting.day_start(week) AS time, min(length) FILTER (WHERE upto >= 0.5 * n) AS p50,
            min(length) FILTER (WHERE upto >= 0.9 * n) AS p90, max({_PERIOD_OF_TIMES}) AS period
        FROM ranked, period GROUP BY week ORDER BY week
    """
    return lines(
        say("Online applications", "オンライン申請") if online else say("Other channels", "その他のチャネル"),
        say(
            "Median and 90th percentile of the time that the clock counted, of cases that stopped in a week; in the"
            " unit of the period (weeks and months: calendar days). Dashed: the period; none where it is in months or"
            " not set.",
            "その週に終了した案件の、時計に数えられた時間の中央値と 90 パーセンタイル。"
            "単位は処理期間の単位(週・月は暦日)。"
            "破線は処理期間(月単位または未設定の場合は表示なし)。",
        ),
        Sql(statement, time_series=True),
        columns={
            "p50": Column(say("median", "中央値")),
            "p90": Column(say("90th percentile", "90 パーセンタイル")),
            "period": Column(say("period", "処理期間"), colour="red", dashed=True),
        },
    )


def distribution(site: Site) -> Builder[Panel]:
    say = site.say
    return bars(
        say("How long cases took", "処理日数の分布"),
        say(
            "Cases that stopped in the days shown, by calendar days from arrival to stop.",
            "表示期間に終了した案件の、到達から終了までの暦日数別の件数。",
        ),
        Sql(
            "SELECT bin::text AS days, coalesce(sum(value) FILTER (WHERE online), 0) AS online,"
            " coalesce(sum(value) FILTER (WHERE NOT online), 0) AS other FROM reporting.day_buckets"
            f" WHERE measure = 'calendar_days' AND {OF_PROCEDURE} AND {IN_RANGE} GROUP BY bin ORDER BY bin"
        ),
        x="days",
        columns={"online": Column(say("online", "オンライン")), "other": Column(say("other channels", "その他"))},
    )


def stages(site: Site) -> Builder[Panel]:
    say = site.say
    stages = (
        ("waiting", say("waiting for review", "審査開始まで")),
        ("review", say("review", "審査")),
        ("notification", say("notification", "通知まで")),
    )
    means = {
        stage: share(count(f"stage_{stage}_days", value="bin * value"), count(f"stage_{stage}_days"))
        for stage, _ in stages
    }
    return lines(
        say("Mean time by stage", "段階別の平均日数"),
        say(
            "Mean calendar days of cases that stopped in a week: from arrival to the start of the review, to the"
            " decision, to the notification.",
            "その週に終了した案件の平均暦日数: 到達から審査開始、決定、通知まで。",
        ),
        by_week(means, OF_PROCEDURE),
        columns={stage: Column(title) for stage, title in stages},
        unit=site.days,
        bars=True,
    )

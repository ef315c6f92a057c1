"""One procedure: processing time against its period, online rate, cashless share, levels over time."""

from grafana_foundation_sdk.cog.builder import Builder
from grafana_foundation_sdk.models.dashboard import Panel

from qos_local.dashboards import levels, times, weekly
from qos_local.dashboards.bureau import ORGANISATIONS
from qos_local.dashboards.page import Page
from qos_local.dashboards.panels import (
    BANDS,
    BUDGET_STEPS,
    COMPLIANCE_STEPS,
    NONE_IS_GOOD,
    PLAIN,
    SOME_ARE_USUAL,
    Steps,
    lines,
    number,
)
from qos_local.dashboards.queries import (
    APPLICATIONS,
    OF_PROCEDURE,
    ONLINE_RATE,
    WITHIN_PERIOD,
    Sql,
    figure,
    of_buckets,
    promql,
)
from qos_local.dashboards.site import Site

_UNITS = (
    ("business_days", "business days", "営業日"),
    ("calendar_days", "calendar days", "暦日"),
    ("weeks", "weeks", "週間"),
    ("months", "months", "か月"),
    ("years", "years", "年"),
    ("hours", "hours", "時間"),
)


def procedure(site: Site) -> Page:
    say = site.say
    return (
        Page(
            site,
            "procedure",
            say("Procedure", "手続"),
            say("One procedure: its period, its weeks, its levels.", "一つの手続の処理期間、推移、レベル。"),
            since="now-180d",
        )
        .variable("organisation", say("Organisation", "組織"), ORGANISATIONS.format(site.language))
        .variable(
            "procedure",
            say("Procedure", "手続"),
            f"SELECT name_{site.language} AS __text, procedure_id AS __value FROM reporting.procedures"
            " WHERE organisation_id = '$organisation' AND NOT retired ORDER BY 1",
        )
        .row(say("Now", "現在"), [*_periods(site), *_figures(site), *_standing(site)])
        .row(
            say("Processing time against the period", "処理期間との比較"),
            [
                times.against_period(site, online=True),
                times.against_period(site, online=False),
                times.distribution(site),
                times.stages(site),
            ],
        )
        .row(say("Levels", "レベル"), [levels.levels_now(site), levels.level_history(site)])
        .row(say("Over time", "推移"), [*weekly.weeks(site, OF_PROCEDURE), weekly.falling_due(site, OF_PROCEDURE)])
        .row(say("As scraped (priority procedures)", "監視値の履歴(重点手続のみ)"), _scraped(site))
    )


def _periods(site: Site) -> list[Builder[Panel]]:
    say = site.say
    unit = " ".join(f"WHEN '{name}' THEN '{say(en, ja)}'" for name, en, ja in _UNITS)
    return [
        number(
            title,
            say(
                "By the version of the registry in force; none where it says none.",
                "現行の登録内容。未設定なら表示なし。",
            ),
            Sql(
                f"SELECT {field} || ' ' || CASE {field}_unit {unit} END AS period FROM reporting.procedures"
                f" WHERE {OF_PROCEDURE} AND {field} IS NOT NULL"
            ),
            unit="string",
            text="period",
        )
        for title, field in (
            (say("Online standard period", "オンライン標準処理期間"), "online_standard_period"),
            (say("Standard period", "標準処理期間"), "standard_period"),
        )
    ]


def _figures(site: Site) -> list[Builder[Panel]]:
    say = site.say
    shown = say("Of the days shown.", "表示期間の値。")

    def of_days(title: str, expression: str, unit: str, steps: Steps) -> Builder[Panel]:
        return number(title, shown, Sql(of_buckets({"figure": expression}, OF_PROCEDURE)), unit=unit, steps=steps)

    return [
        of_days(say("Applications", "申請件数"), APPLICATIONS, "short", PLAIN),
        of_days(say("Online", "オンライン申請率"), ONLINE_RATE, "percentunit", BANDS),
        of_days(say("Within the period", "期間内"), WITHIN_PERIOD, "percentunit", COMPLIANCE_STEPS),
    ]


def _standing(site: Site) -> list[Builder[Panel]]:
    say = site.say
    now = say("As of now.", "現在の値。")

    def of_open(title: str, state: str, steps: Steps) -> Builder[Panel]:
        statement = f"SELECT coalesce(sum({state}), 0) AS cases FROM reporting.open_cases WHERE {OF_PROCEDURE}"
        return number(title, now, Sql(statement), steps=steps)

    return [
        of_open(say("Open", "処理中"), "open", PLAIN),
        of_open(say("Overdue", "超過"), "overdue", NONE_IS_GOOD),
        number(
            say("Error budget left", "エラーバジェット残"),
            say(
                "How many more results of this fiscal year may be late; below 0: overspent. The objective allows a"
                " share of the results so far, in whole cases.",
                "今年度、あと何件の超過が許されるか(負は超過済み)。目標が許す割合を、これまでの件数に掛けた整数です。",
            ),
            Sql(f"SELECT remaining FROM reporting.error_budgets WHERE {OF_PROCEDURE}"),
            steps=BUDGET_STEPS,
        ),
    ]


def _scraped(site: Site) -> list[Builder[Panel]]:
    say = site.say
    only = say(
        " As Prometheus saw it over time: priority procedures only.", "監視システムが記録した値の推移。重点手続のみ。"
    )

    def of_procedure(name: str, *by: str, **labels: str) -> str:
        return figure(name, *by, scope="procedure", id="$procedure", **labels)

    return [
        lines(
            say("Open cases", "処理中の案件"),
            say("Open, suspended, due soon and overdue cases.", "処理中・停止中・期限間近・超過の件数。") + only,
            promql(of_procedure("qos_cases", "state"), "{{state}}"),
        ),
        lines(
            say("Processing time of the last 28 days", "直近 28 日間の処理日数"),
            say("Calendar days from arrival to stop, by quantile.", "到達から終了までの暦日数(分位別)。") + only,
            promql(of_procedure("qos_calendar_days", "quantile"), "{{quantile}}"),
            unit=site.days,
        ),
        lines(
            say("Forecast", "超過見込み"),
            say(
                "Open cases that will be late by the next, and by the fifth business day.",
                "1 営業日・5 営業日以内に超過する案件。",
            )
            + only,
            promql(of_procedure("qos_forecast_breaches", "horizon"), "{{horizon}}"),
            steps=SOME_ARE_USUAL,
        ),
        lines(
            say("Error budget", "エラーバジェット"),
            say("Breaches allowed, used and left in this fiscal year.", "今年度に許容・使用・残余の超過件数。") + only,
            promql(of_procedure("qos_error_budget_cases", "state"), "{{state}}"),
            axis=(None, None),
        ),
    ]

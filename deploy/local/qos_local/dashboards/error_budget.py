"""The SLA: who keeps the periods, what the objectives leave, what falls due."""

from grafana_foundation_sdk.cog.builder import Builder
from grafana_foundation_sdk.models.dashboard import Panel

from qos_local.dashboards.now import of_all
from qos_local.dashboards.page import Page
from qos_local.dashboards.panels import (
    BUDGET_STEPS,
    BURN_RATE_STEPS,
    COMPLIANCE_STEPS,
    NONE_IS_GOOD,
    PLAIN,
    SOME_ARE_USUAL,
    Column,
    gauges,
    lines,
    number,
    rows,
)
from qos_local.dashboards.queries import Sql, figure, named, promql
from qos_local.dashboards.site import Site

_MOST = 15


def error_budget(site: Site) -> Page:
    say = site.say
    return (
        Page(
            site,
            "sla",
            say("SLA and error budget", "SLA とエラーバジェット"),
            say(
                "Who keeps the standard periods, and what the objectives leave.",
                "標準処理期間の遵守と、目標が許す余裕。",
            ),
            since="now-30d",
            refresh="5m",
        )
        .row(say("All procedures", "全手続"), _all(site))
        .row(say("Burn rate", "消費速度"), [_burn_rates(site, "3d"), _burn_rates(site, "28d")])
        .row(say("What falls due", "期限の見込み"), _due(site))
        .row(say("Error budgets of this fiscal year", "今年度のエラーバジェット"), [_budgets(site)])
        .row(say("Over time", "推移"), _over_time(site))
    )


def _all(site: Site) -> list[Builder[Panel]]:
    say = site.say
    windows = (
        ("3d", say("3 days", "3 日")),
        ("7d", say("7 days", "7 日")),
        ("28d", say("28 days", "28 日")),
        ("fiscal_year", say("fiscal year", "今年度")),
    )

    def within(window: str) -> str:
        met, every = (of_all("qos_results", "result", window=window, **more) for more in ({"result": "met"}, {}))
        return f"sum({met}) / (sum({every}) > 0)"

    return [
        *(
            number(
                say(f"Within the period, {name}", f"期間内({name})"),
                say("Results within the period / results of the window.", "期間内の件数÷全件数。"),
                promql(within(window)),
                unit="percentunit",
                steps=COMPLIANCE_STEPS,
            )
            for window, name in windows
        ),
        number(
            say("Objective", "目標"),
            say(
                "The share promised, weighted by the results of each procedure.", "約束した割合(手続ごとの件数で加重)。"
            ),
            promql(f"sum({of_all('qos_objective_ratio')})"),
            unit="percentunit",
        ),
        *(
            number(
                title,
                say("Cases of this fiscal year.", "今年度の件数。"),
                promql(f"sum({of_all('qos_error_budget_cases', state=state)})"),
                steps=steps,
            )
            for title, state, steps in (
                (say("Breaches allowed", "許容される超過"), "allowed", PLAIN),
                (say("Breaches so far", "これまでの超過"), "used", PLAIN),
                (say("Budget left", "残り"), "left", BUDGET_STEPS),
            )
        ),
    ]


def _by_name(site: Site, figures: str) -> tuple[str, str]:
    """The greatest of figures by scope, and their legend."""
    label = f"name_{site.language}"
    return f"topk({_MOST}, {named(figures, label)})", f"{{{{{label}}}}}"


def _burn_rates(site: Site, window: str) -> Builder[Panel]:
    say = site.say
    breached = figure("qos_results", window=window, result="breached")
    results = f"sum by (scope, id) ({figure('qos_results', 'result', window=window)})"
    rate = f"({breached} / ({results} > 0) / ((1 - {figure('qos_objective_ratio')}) > 0))"
    days = window.removesuffix("d")
    return gauges(
        say(f"Burn rate, {days} days", f"消費速度({days} 日間)"),
        say(
            f"The share of results that breached, over the share that may. At 1 the budget is used up exactly, at 2 in"
            f" half the time. The {_MOST} highest of priority procedures, and of organisations with all their other"
            " procedures. With few results one case makes a lot: see the table.",
            "超過した割合÷許される割合。1 で予算をちょうど使い切り、2 では半分の期間で使い切ります。"
            f"重点手続、および組織のその他の手続のうち上位 {_MOST}。"
            "件数が少ないと 1 件の影響が大きくなります(表を参照)。",
        ),
        promql(*_by_name(site, rate)),
        steps=BURN_RATE_STEPS,
    )


def _due(site: Site) -> list[Builder[Panel]]:
    say = site.say
    of_scopes = say(
        f" The {_MOST} highest of priority procedures, and of organisations with all their other procedures."
        " As of now.",
        f"重点手続、および組織のその他の手続のうち上位 {_MOST}。現在の値。",
    )
    return [
        gauges(
            say("Overdue", "超過"),
            say("Open cases past their period.", "処理中で期間を過ぎた案件。") + of_scopes,
            promql(*_by_name(site, f"({figure('qos_cases', state='overdue')} > 0)")),
            steps=NONE_IS_GOOD,
            span=8,
        ),
        gauges(
            say("Late by the fifth business day", "5 営業日以内に超過"),
            say("Open cases that will be late by then if they stay open.", "このままではその日までに超過する案件。")
            + of_scopes,
            promql(*_by_name(site, f"({figure('qos_forecast_breaches', horizon='5bd')} > 0)")),
            steps=SOME_ARE_USUAL,
            span=8,
        ),
        gauges(
            say("Oldest open case", "最も古い処理中案件"),
            say("Calendar days since its arrival.", "到達日からの暦日数。") + of_scopes,
            promql(*_by_name(site, figure("qos_oldest_open_days"))),
            unit=site.days,
            span=8,
        ),
    ]


def _budgets(site: Site) -> Builder[Panel]:
    say = site.say
    return rows(
        say("Error budgets", "エラーバジェット"),
        say(
            "In whole cases, as of today, whatever days are shown: breaches that the results so far may hold, used, and"
            " left. The 500 with the least left. A procedure without results this year is not listed.",
            "表示期間にかかわらず本日現在の整数件数: これまでの件数に対し許容される超過、使用、残余。"
            "残余の少ない順に 500 手続まで。"
            "今年度に結果のない手続は表示されません。",
        ),
        Sql(
            f"SELECT p.name_{site.language} AS name, p.organisation_name_{site.language} AS organisation, b.objective,"
            " b.met, b.breached, b.allowed, b.remaining, b.met::float8 / (b.met + b.breached) AS within,"
            " b.procedure_id, b.organisation_id FROM reporting.error_budgets b JOIN reporting.procedures p"
            " USING (procedure_id) WHERE NOT p.retired AND b.met + b.breached > 0"
            " ORDER BY b.remaining, b.procedure_id LIMIT 500"
        ),
        columns={
            "name": Column(
                say("Procedure", "手続"),
                links={
                    say("Show the procedure", "手続を表示"): site.link("procedure", "procedure_id", "organisation_id"),
                    say("Procedure sheet", "個票"): site.page(
                        "/procedures/${__data.fields.procedure_id:percentencode}"
                    ),
                },
                width=300,
            ),
            "organisation": Column(say("Organisation", "組織"), width=220),
            "objective": Column(say("Objective", "目標"), unit="percentunit"),
            "within": Column(say("Within the period", "期間内"), unit="percentunit"),
            "met": Column(say("Met", "期間内の件数")),
            "breached": Column(say("Breached", "超過件数")),
            "allowed": Column(say("Allowed", "許容")),
            "remaining": Column(say("Left", "残り"), steps=BUDGET_STEPS),
            "procedure_id": Column(say("Procedure id", "手続 ID")),
            "organisation_id": Column(say("Organisation id", "組織 ID")),
        },
    )


def _over_time(site: Site) -> list[Builder[Panel]]:
    say = site.say
    label = f"name_{site.language}"
    left = named(figure("qos_error_budget_cases", state="left"), label)
    noticed = 'sum by (result) (increase(qos_sla_results_total{backfill="no"}[1h]))'
    return [
        lines(
            say("Budget left", "残りの推移"),
            say(
                f"Of priority procedures and organisations, the {_MOST} with the least. In cases.",
                f"重点手続と組織のうち、残りの少ない {_MOST}。件数。",
            ),
            promql(f"bottomk({_MOST}, {left})", f"{{{{{label}}}}}"),
            axis=(None, None),
        ),
        lines(
            say("Results as they were noticed", "検知された結果"),
            say(
                "In the hour before: met, breached, recovered, and breaches retracted by a late fact. What was noticed"
                " more than 7 days after its date is left out.",
                "直前 1 時間に検知された件数: 期間内、超過、超過後の終了、遅れて届いた事実による超過の取消。"
                "日付から 7 日を過ぎて検知されたものは含みません。",
            ),
            promql(noticed, "{{result}}"),
            bars=True,
        ),
        lines(
            say("Open cases", "処理中の案件"),
            say(
                "Open, suspended, due soon and overdue cases, of all procedures.",
                "全手続の処理中・停止中・期限間近・超過。",
            ),
            promql(of_all("qos_cases", "state"), "{{state}}"),
        ),
        lines(
            say("Forecast", "超過見込み"),
            say(
                "Open cases that will be late by the next, and by the fifth business day, of all procedures.",
                "1 営業日・5 営業日以内に超過する案件(全手続)。",
            ),
            promql(of_all("qos_forecast_breaches", "horizon"), "{{horizon}}"),
        ),
    ]

"""How all procedures, or those of a bureau, stand now: what the metrics service exports."""

from collections.abc import Callable

from grafana_foundation_sdk.cog.builder import Builder
from grafana_foundation_sdk.models.dashboard import Panel

from qos_local.dashboards.panels import (
    BANDS,
    CASHLESS_STEPS,
    COMPLIANCE_STEPS,
    NONE_IS_GOOD,
    RATING_STEPS,
    SOME_ARE_USUAL,
    number,
)
from qos_local.dashboards.queries import figure, of_organisation, promql
from qos_local.dashboards.site import Site

Select = Callable[..., str]


def of_all(name: str, *by: str, **labels: str) -> str:
    return figure(name, *by, scope="all", **labels)


def of_bureau(name: str, *by: str, **labels: str) -> str:
    return of_organisation(figure(name, *by, **labels))


def standing(site: Site, select: Select) -> list[Builder[Panel]]:
    """Figures of the last 28 days, and open cases. `select`: of_all or of_bureau."""
    say = site.say

    def ratio(name: str, label: str, value: str, window: str) -> str:
        wanted = select(name, label, window=window, **{label: value})
        return f"sum({wanted}) / (sum({select(name, label, window=window)}) > 0)"

    def count(name: str, **labels: str) -> str:
        return f"sum({select(name, **labels)})"

    rated = f"({select('qos_satisfaction_mean')}) * on (scope, id) ({select('qos_ratings')})"
    last = say("Of the last 28 days, whatever days are shown.", "表示期間にかかわらず直近 28 日間。")
    now = say("As of now.", "現在の値。")
    return [
        number(
            say("Applications, 28 days", "申請件数(28 日)"),
            last,
            promql(f"sum({select('qos_applications', 'online', window='28d')})"),
        ),
        number(
            say("Online, 28 days", "オンライン申請率(28 日)"),
            last + say(" Bands at 20, 50 and 80 %.", "区分は 20・50・80%。"),
            promql(ratio("qos_applications", "online", "yes", "28d")),
            unit="percentunit",
            steps=BANDS,
        ),
        number(
            say("Within the period, 28 days", "期間内(28 日)"),
            last + say(" Green from 95 %, the usual objective.", "標準の目標 95% 以上で緑。"),
            promql(ratio("qos_results", "result", "met", "28d")),
            unit="percentunit",
            steps=COMPLIANCE_STEPS,
        ),
        number(
            say("Cashless, 28 days", "キャッシュレス(28 日)"),
            last + say(" Green from 50 % (Simpler Lv2).", "50% 以上で緑(よりシンプルに Lv2)。"),
            promql(ratio("qos_payments", "cashless", "yes", "28d")),
            unit="percentunit",
            steps=CASHLESS_STEPS,
        ),
        number(
            say("Satisfaction, 28 days", "満足度(28 日)"),
            last + say(" Mean rating, 1 to 5; green from 3.5.", "平均評価(1〜5)。3.5 以上で緑。"),
            promql(f"sum({rated}) / (sum({select('qos_ratings')}) > 0)"),
            steps=RATING_STEPS,
        ),
        number(say("Open", "処理中"), now, promql(count("qos_cases", state="open"))),
        number(
            say("Due soon", "期限間近"),
            now + say(" At most a fifth of the period is left.", "残りが期間の 2 割以下。"),
            promql(count("qos_cases", state="due_soon")),
            steps=SOME_ARE_USUAL,
        ),
        number(
            say("Overdue", "超過"),
            now + say(" Open, and past the period.", "処理中で期間を過ぎた案件。"),
            promql(count("qos_cases", state="overdue")),
            steps=NONE_IS_GOOD,
        ),
    ]
